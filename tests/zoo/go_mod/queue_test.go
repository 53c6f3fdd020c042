package queue

import "testing"

func TestNobodyAhead(t *testing.T) {
	if got := Wait(0, 5); got != 0 {
		t.Errorf("Wait(0, 5) = %d, want 0", got)
	}
}

func TestThreeAhead(t *testing.T) {
	if got := Wait(3, 5); got != 15 {
		t.Errorf("Wait(3, 5) = %d, want 15", got)
	}
}

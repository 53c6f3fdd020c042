package queue

// Wait returns the minutes until a customer is served.
func Wait(ahead int, minutes int) int {
	return ahead + minutes
}

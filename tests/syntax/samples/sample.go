package main
import "fmt"
type T struct { x int }
func (t *T) Go(a int) int { t.x += a; return t.x }
func f(items []int, n int) (int, error) {
	total := 0
	var k int = 3
	for i := 0; i < len(items); i++ {
		if items[i] == n && !ok {
			total += items[i] * 2
			continue
		} else if n > 1 {
			total = -1
		} else {
			break
		}
	}
	for _, x := range items { fmt.Println(x+1, "s") }
	for n > 0 { n-- }
	g := func(a int) int { return a }
	s := []int{1, 2}
	m := T{x: 1}
	return total, nil
}

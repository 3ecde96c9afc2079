//go:build linux

package observe

import "math/rand/v2"

// offsets returns where a file of that size is touched: a byte in each of count
// different pages, or in all if there are fewer.
func (p Pattern) offsets(size int64, page, count int, seed uint64) []int64 {
	pages := (size + int64(page) - 1) / int64(page)
	n := int(min(int64(count), pages))
	out := make([]int64, n)
	switch p {
	case Sequential:
		for i := range out {
			out[i] = int64(i) * int64(page)
		}
	case Backward:
		for i := range out {
			out[i] = (pages - 1 - int64(i)) * int64(page)
		}
	case Stride:
		for i := range out {
			out[i] = int64(i) * (pages / int64(n)) * int64(page)
		}
	case Random:
		random := rand.New(rand.NewPCG(seed, 0))
		seen := make(map[int64]bool, n)
		for i := range out {
			at := random.Int64N(pages)
			for seen[at] {
				at = (at + 1) % pages // full scans are rare: at most every page is wanted
			}
			seen[at] = true
			out[i] = at * int64(page)
		}
	}
	return out
}

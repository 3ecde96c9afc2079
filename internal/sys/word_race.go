//go:build race

package sys

// Word is eight bytes of a mapping. The race detector makes atomic operations itself, on
// a stack of its own, where a fault ends the process whatever debug.SetPanicOnFault
// says: a file that is cut at that moment would do it. So it does not see these, which
// are single instructions on the systems that it works on.
type Word struct{ v uint64 }

// Load returns the word.
//
//go:norace
func (w *Word) Load() uint64 { return w.v }

// Store changes the word.
//
//go:norace
func (w *Word) Store(v uint64) { w.v = v }

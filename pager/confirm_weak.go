//go:build !(amd64 || 386 || s390x)

package pager

// confirm loads the word after everything that was loaded before it. Here the
// processor may let a plain load be passed by a later atomic one, but not by an
// atomic write, so that it takes one: the word replaced by itself.
func (c *cell) confirm() entry {
	w := c.word.Load()
	for !c.word.CompareAndSwap(w, w) {
		w = c.word.Load()
	}
	return entry(w)
}

//go:build amd64 || 386 || s390x

package pager

// confirm loads the word after everything that was loaded before it. These
// processors never let a load pass an earlier one.
func (c *cell) confirm() entry { return c.load() }

//go:build !linux

package sys

// ReadNoWait is ReadAt from the page cache alone; only Linux has it.
func (f File) ReadNoWait(_ []byte, _ int64) (int, error) { return 0, ErrCannotTell }

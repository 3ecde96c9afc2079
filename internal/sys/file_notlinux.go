//go:build !linux

package sys

// What only Linux tells; elsewhere the caller does without.

// ReadNoWait is ReadAt from the page cache alone.
func (f File) ReadNoWait(_ []byte, _ int64) (int, error) { return 0, ErrCannotTell }

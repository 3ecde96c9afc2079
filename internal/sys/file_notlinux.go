//go:build !linux

package sys

// What only Linux tells; elsewhere the caller does without.

// ReadNoWait is ReadAt from the page cache alone.
func (f File) ReadNoWait(_ []byte, _ int64) (int, error) { return 0, ErrCannotTell }

// SpaceTrouble tells whether a page has no block because the device is full.
func (f File) SpaceTrouble(_ int64) error { return nil }

//go:build !linux

package sys

// Ring is [Unsupported] here.
type Ring struct{}

// NewRing is [Unsupported].
func NewRing(int) (*Ring, error) { return nil, unsupported("io_uring") }

// Depth is 0.
func (r *Ring) Depth() int { return 0 }

// Read does nothing: there is no Ring.
func (r *Ring) Read(File, []byte, int64, uint64) {}

// Write does nothing.
func (r *Ring) Write(File, []byte, int64, uint64) {}

// Submit is [Unsupported].
func (r *Ring) Submit(int) error { return unsupported("io_uring") }

// Withdraw does nothing.
func (r *Ring) Withdraw(func(tag uint64)) {}

// Reap finds nothing.
func (r *Ring) Reap(func(tag uint64, n int, err error)) int { return 0 }

// Wait returns at once.
func (r *Ring) Wait(func()) {}

// Close is [Unsupported].
func (r *Ring) Close() error { return unsupported("io_uring") }

// Release is [Unsupported].
func (r *Ring) Release() error { return unsupported("io_uring") }

// TryAgain is false.
func TryAgain(error) bool { return false }

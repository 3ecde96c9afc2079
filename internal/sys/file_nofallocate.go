//go:build openbsd || dragonfly

package sys

// Allocate writes zeros to the range [off, off+n), which must hold none yet, so
// that it has blocks on the device: this system has no call for it.
func (f File) Allocate(off, n int64) error { return f.writeZeros(off, n) }

//go:build !linux

package sys

// Alignment is what direct I/O on a file asks of a transfer.
type Alignment struct{ Memory, Offset int64 }

// Fits is false: there is no direct I/O.
func (a Alignment) Fits([]byte, int64) bool { return false }

// OpenDirect is [Unsupported].
func (f File) OpenDirect() (File, Alignment, error) {
	return File{}, Alignment{}, unsupported("direct I/O")
}

// ReadOnce is ReadAt.
func (f File) ReadOnce(p []byte, off int64) (int, error) { return f.ReadAt(p, off) }

// WriteOnce is WriteAt.
func (f File) WriteOnce(p []byte, off int64) (int, error) { return f.WriteAt(p, off) }

// IsInvalid is false.
func IsInvalid(error) bool { return false }

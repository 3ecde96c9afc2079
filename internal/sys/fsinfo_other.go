//go:build !linux

package sys

// OfKernel tells whether path is on a file system of the kernel's own.
func OfKernel(string) bool { return false }

// FreeBytes is not known here: no call that all of these systems have tells it.
func FreeBytes(string) (free int64, known bool) { return 0, false }

func (f File) freeBytes() (free int64, known bool) { return 0, false }

var errNoRoom error // never: nothing is known

// FileSystem is unsupported: no call that all of these systems have names it.
func (f File) FileSystem() (FileSystem, error) {
	return FileSystem{}, unsupported("the name of a file's file system")
}

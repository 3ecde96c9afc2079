//go:build !linux

package sys

// FileSystem is unsupported: no call that all of these systems have names it.
func (f File) FileSystem() (FileSystem, error) {
	return FileSystem{}, unsupported("the name of a file's file system")
}

package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// FillHoles gives the holes in [off, off+n) of the file blocks on the device, and
// changes no byte (fallocate(2), mode 0). It is [Unsupported] where the file system has
// no such call.
func (f File) FillHoles(off, n int64) error {
	if n == 0 {
		return nil
	}
	return fallocated(retry(func() error { return unix.Fallocate(f.fd(), 0, off, n) }))
}

// ZeroRange makes zeros of [off, off+n), which keeps its blocks (fallocate(2) with
// FALLOC_FL_ZERO_RANGE). It is [Unsupported] where the file system has no such call.
func (f File) ZeroRange(off, n int64) error {
	if n == 0 {
		return nil
	}
	return fallocated(retry(func() error { return unix.Fallocate(f.fd(), unix.FALLOC_FL_ZERO_RANGE, off, n) }))
}

func fallocated(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return unsupported("to allocate a range of a file in place")
	}
	return err
}

//go:build freebsd || netbsd

package sys

import (
	"errors"
	"math/bits"

	"golang.org/x/sys/unix"
)

// Allocate gives the range [off, off+n) blocks on the device and makes the file
// at least off+n bytes long (posix_fallocate(2)). Where the file system has no
// such call (ZFS on FreeBSD, FFS on NetBSD), zeros are written instead to a
// range that must hold none yet; on ZFS with compression not even that sets
// blocks aside. So they are on 32-bit systems, where the call's 64-bit arguments
// are passed in another way on each.
func (f File) Allocate(off, n int64) error {
	if bits.UintSize < 64 {
		return f.writeZeros(off, n)
	}
	err := retry(func() error {
		if errno := f.posixFallocate(off, n); errno != 0 {
			return errno
		}
		return nil
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.ENODEV) {
		return f.writeZeros(off, n)
	}
	return err
}

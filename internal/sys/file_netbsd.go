package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// From NetBSD's sys/fcntl.h; x/sys does not have them.
const (
	fileSync = 0x20 // FFILESYNC: data and metadata
	diskSync = 0x40 // FDISKSYNC: the device's cache too
)

// Sync makes the file's data and all of its metadata durable: fsync_range(2)
// with FDISKSYNC, which has the device write its cache too. That needs a
// descriptor for writing; where f is none, it is fsync(2).
func (f File) Sync() error {
	err := retry(func() error {
		_, _, errno := unix.Syscall6(unix.SYS_FSYNC_RANGE, uintptr(f.fd()), fileSync|diskSync, 0, 0, 0, 0)
		return errnoOrNil(errno)
	})
	if errors.Is(err, unix.EBADF) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) {
		return retry(func() error { return unix.Fsync(f.fd()) })
	}
	return err
}

// sysPosixFallocate is SYS_posix_fallocate of NetBSD's sys/syscall.h.
const sysPosixFallocate = 479

// The kernel's declaration has a padding word before the offset.
func (f File) posixFallocate(off, n int64) unix.Errno {
	failed, _, errno := unix.Syscall6(sysPosixFallocate, uintptr(f.fd()), 0, uintptr(off), uintptr(n), 0, 0)
	return max(unix.Errno(failed), errno)
}

func errnoOrNil(errno unix.Errno) error {
	if errno == 0 {
		return nil
	}
	return errno
}

// spaceLeft is how many blocks an ordinary user may still have (fstatvfs(2)).
func (f File) spaceLeft() (int64, error) {
	var st unix.Statvfs_t
	err := unix.Fstatvfs(f.fd(), &st)
	return int64(st.Bavail), err
}

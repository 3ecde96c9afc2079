//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// isNoDevice: ENXIO everywhere, but EOPNOTSUPP for a socket of the BSDs.
func isNoDevice(err error) bool {
	return errors.Is(err, unix.ENXIO) || errors.Is(err, unix.EOPNOTSUPP)
}

func isNoSpace(err error) bool {
	return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

func isNoMemory(err error) bool { return errors.Is(err, unix.ENOMEM) }

// IsBadAddress tells whether a system call was handed memory that it could not
// use (EFAULT).
func IsBadAddress(err error) bool { return errors.Is(err, unix.EFAULT) }

// IsLockLimit tells whether err says that more memory was to be locked than this
// user may (RLIMIT_MEMLOCK).
func IsLockLimit(err error) bool {
	return errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EPERM)
}

// IsBusy tells whether something is in use by another (EBUSY).
func IsBusy(err error) bool { return errors.Is(err, unix.EBUSY) }

// IsUnmappable tells whether mmap(2) says that this file, or no file of its file
// system, can be mapped: ENODEV, and EIO as procfs says it.
func IsUnmappable(err error) bool {
	return errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EIO) || errors.Is(err, unix.ENOTSUP)
}

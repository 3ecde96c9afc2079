//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly || windows || plan9)

package sys

import (
	"errors"
	"syscall"
)

func isNoDevice(error) bool { return false }

func isNoSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func isNoMemory(err error) bool {
	return errors.Is(err, errNoMemory) || errors.Is(err, syscall.ENOMEM)
}

// IsBadAddress tells whether a system call was handed memory that it could not
// use. It cannot happen with a copy.
func IsBadAddress(error) bool { return false }

// IsLockLimit tells whether err says that more memory was to be locked than may
// be. None can.
func IsLockLimit(error) bool { return false }

// IsBusy tells whether something is in use by another.
func IsBusy(error) bool { return false }

// IsUnmappable tells whether err says that the file cannot be mapped. The system does
// not tell that apart.
func IsUnmappable(error) bool { return false }

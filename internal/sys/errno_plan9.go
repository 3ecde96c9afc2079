package sys

import (
	"errors"
	"strings"
)

// Plan 9 has no error numbers: each file server words its own.
func isNoDevice(error) bool { return false }

func isNoSpace(err error) bool {
	return err != nil && (strings.Contains(err.Error(), "no space") || strings.Contains(err.Error(), "file system full"))
}

func isNoMemory(err error) bool { return errors.Is(err, errNoMemory) }

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

package sys

import (
	"errors"

	"golang.org/x/sys/windows"
)

func isNoDevice(error) bool { return false }

func isNoSpace(err error) bool {
	return errors.Is(err, windows.ERROR_DISK_FULL) || errors.Is(err, windows.ERROR_HANDLE_DISK_FULL) ||
		errors.Is(err, windows.ERROR_DISK_QUOTA_EXCEEDED)
}

func isNoMemory(err error) bool {
	return errors.Is(err, windows.ERROR_NOT_ENOUGH_MEMORY) || errors.Is(err, windows.ERROR_OUTOFMEMORY) ||
		errors.Is(err, windows.ERROR_COMMITMENT_LIMIT) || errors.Is(err, windows.ERROR_NO_SYSTEM_RESOURCES)
}

// IsBadAddress tells whether a system call was handed memory that it could not
// use (ERROR_NOACCESS).
func IsBadAddress(err error) bool { return errors.Is(err, windows.ERROR_NOACCESS) }

// IsLockLimit tells whether err says that more memory was to be locked than this
// process may (ERROR_WORKING_SET_QUOTA).
func IsLockLimit(err error) bool { return errors.Is(err, windows.ERROR_WORKING_SET_QUOTA) }

// IsBusy tells whether something is in use by another.
func IsBusy(error) bool { return false }

// IsUnmappable tells whether err says that the file cannot be mapped. The system does
// not tell that apart.
func IsUnmappable(error) bool { return false }

package sys

import (
	"errors"

	"golang.org/x/sys/windows"
)

// lockHigh is the upper half of where the byte is that is locked: beyond any
// file, since a lock of Windows keeps others from reading what it covers.
const lockHigh = 0x40000000

// TryLock takes the file for this handle alone and does not wait: [ErrLocked]
// when another has it, of this process or of any. It ends when the handle is
// closed, by the end of the process too (LockFileEx). It keeps nobody from
// reading or writing who does not ask for it.
func (f File) TryLock() error {
	at := windows.Overlapped{OffsetHigh: lockHigh}
	err := windows.LockFileEx(f.handle, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return err
}

// SameAs tells whether path names this file (GetFileInformationByHandle).
func (f File) SameAs(path string) (bool, error) {
	mine, _, err := f.information()
	if err != nil {
		return false, err
	}
	other, err := OpenFile(path, 0, 0)
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) || errors.Is(err, windows.ERROR_PATH_NOT_FOUND) || errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return false, nil // the last is what a file about to vanish says
	}
	if err != nil {
		return false, err
	}
	named, _, err := other.information()
	same := mine.VolumeSerialNumber == named.VolumeSerialNumber &&
		mine.FileIndexHigh == named.FileIndexHigh && mine.FileIndexLow == named.FileIndexLow
	return same, errors.Join(err, other.Close())
}

// Identity is the file's index on its volume and when it was made.
func (f File) Identity() (Identity, error) {
	info, _, err := f.information()
	index := uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)
	return identity(index, int64(info.CreationTime.HighDateTime), int64(info.CreationTime.LowDateTime)), err
}

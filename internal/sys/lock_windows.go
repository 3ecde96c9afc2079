package sys

import (
	"errors"
	"time"

	"golang.org/x/sys/windows"
)

// lockHigh is the upper half of where the byte is that is locked: beyond any
// file, since a lock of Windows keeps others from reading what it covers.
const lockHigh = 0x40000000

func (f File) tryLock() error {
	at := windows.Overlapped{OffsetHigh: lockHigh}
	err := windows.LockFileEx(f.handle, windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, &at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return ErrLocked
	}
	return err
}

func (f File) unlock() error {
	at := windows.Overlapped{OffsetHigh: lockHigh}
	return windows.UnlockFileEx(f.handle, 0, 1, 0, &at)
}

// Names is how many names the file has (GetFileInformationByHandle).
func (f File) Names() (int, error) {
	info, _, err := f.information()
	return int(info.NumberOfLinks), err
}

// SameFile tells whether f and other are one file, whatever its names
// (GetFileInformationByHandle).
func (f File) SameFile(other File) (bool, error) {
	mine, _, err := f.information()
	if err != nil {
		return false, err
	}
	its, _, err := other.information()
	return mine.VolumeSerialNumber == its.VolumeSerialNumber &&
		mine.FileIndexHigh == its.FileIndexHigh && mine.FileIndexLow == its.FileIndexLow, err
}

func (f File) sameAs(path string) (bool, error) {
	other, err := OpenFile(path, 0, 0)
	if errors.Is(err, windows.ERROR_FILE_NOT_FOUND) || errors.Is(err, windows.ERROR_PATH_NOT_FOUND) || errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return false, nil // the last is what a file about to vanish says
	}
	if err != nil {
		return false, err
	}
	same, err := f.SameFile(other)
	return same, errors.Join(err, other.Close())
}

// Identity is the file's index on its volume and when it was made.
func (f File) Identity() (Identity, error) {
	info, _, err := f.information()
	index := uint64(info.FileIndexHigh)<<32 | uint64(info.FileIndexLow)
	return identity(index, int64(info.CreationTime.HighDateTime), int64(info.CreationTime.LowDateTime)), err
}

func birth(high, low int64) time.Time {
	made := windows.Filetime{HighDateTime: uint32(high), LowDateTime: uint32(low)}
	return time.Unix(0, made.Nanoseconds())
}

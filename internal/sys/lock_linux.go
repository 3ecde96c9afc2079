package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// lockAt is the byte that is locked: beyond any file, so that neither flock(2) nor
// a lock that programs of the user take on parts of the file meets it.
const lockAt = 1 << 62

func (f File) tryLock() error {
	err := f.setLock(unix.F_WRLCK)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EACCES):
		return ErrLocked
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EOPNOTSUPP):
		return f.flock() // no such lock in this kernel, or this file system
	}
	return err
}

func (f File) unlock() error { return errors.Join(f.setLock(unix.F_UNLCK), f.funlock()) }

func (f File) setLock(kind int16) error {
	lock := unix.Flock_t{Type: kind, Start: lockAt, Len: 1}
	err := retry(func() error { return unix.FcntlFlock(uintptr(f.fd()), unix.F_OFD_SETLK, &lock) })
	if kind == unix.F_UNLCK && errors.Is(err, unix.EINVAL) {
		return nil // see tryLock
	}
	return err
}

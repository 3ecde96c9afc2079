package sys

import "errors"

// ErrLocked says that [File.TryLock] found the file locked by another.
var ErrLocked = errors.New("locked by another")

// Lock is a lock on a file. The zero Lock is none.
type Lock struct{ file File }

// TryLock takes the file, by whatever name it was opened, for this descriptor alone
// and does not wait: [ErrLocked] when another has it, of this process or of any. It
// keeps nobody from reading or writing who does not ask for it. The file must be
// open for writing.
//
// It ends with Release, or with the process. Closing the file would end it too, but
// not at once: a child that another goroutine has just forked holds every
// descriptor, and with them the locks, until its exec. Release takes the lock from
// the description that both share.
//
// Linux: fcntl(2) with F_OFD_SETLK on a byte beyond any file, else flock(2) with
// LOCK_EX, as on other systems. Windows: LockFileEx on such a byte, since a lock
// keeps others from reading what it covers.
func (f File) TryLock() (Lock, error) {
	if err := f.tryLock(); err != nil {
		return Lock{}, err
	}
	return Lock{f}, nil
}

// Release ends the lock, before its file is closed.
func (l Lock) Release() error {
	if !l.file.Valid() {
		return nil
	}
	return l.file.unlock()
}

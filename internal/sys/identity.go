package sys

import "errors"

// ErrLocked says that [File.TryLock] found the file locked by another.
var ErrLocked = errors.New("locked by another")

// Identity tells a file from all others of its file system, those included that
// had its number before: the number, and where the system keeps it the time at
// which the file was made. It stays when the file is renamed or changed, and a
// copy has another.
type Identity [24]byte

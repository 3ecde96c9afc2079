//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/unix"
)

// Opened asks how the descriptor was opened (fcntl F_GETFL).
func (f File) Opened() (Opened, error) {
	flags, err := unix.FcntlInt(uintptr(f.fd()), unix.F_GETFL, 0)
	if err != nil {
		return Opened{}, err
	}
	access := flags & unix.O_ACCMODE
	return Opened{
		Read:   access != unix.O_WRONLY,
		Write:  access != unix.O_RDONLY,
		Append: flags&unix.O_APPEND != 0,
		Direct: flags&openDirect != 0,
		Name:   flags&openPath != 0,
	}, nil
}

// IsRefusal tells whether err says that something is not allowed, and not that it
// did not work.
func IsRefusal(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) || errors.Is(err, unix.ETXTBSY)
}

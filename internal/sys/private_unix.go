//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// OwnedBy tells whether a file belongs to a user (stat(2)).
func OwnedBy(info os.FileInfo, user int) bool {
	st, known := info.Sys().(*syscall.Stat_t)
	return known && int(st.Uid) == user
}

// PrivateTo tells whether a file belongs to a user and its mode shuts everybody else
// out.
func PrivateTo(info os.FileInfo, user int) bool {
	return OwnedBy(info, user) && info.Mode().Perm()&0o077 == 0
}

// NotDirectory tells whether a path leads through something that is no directory
// (ENOTDIR).
func NotDirectory(err error) bool { return errors.Is(err, unix.ENOTDIR) }

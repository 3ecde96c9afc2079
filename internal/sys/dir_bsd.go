//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

const searchOnly = 0 // there is none

func renameNew(int, string, string) error { return unix.ENOSYS }

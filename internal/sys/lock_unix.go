//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// TryLock takes the file for this descriptor alone and does not wait: [ErrLocked]
// when another has it, of this process or of any. It ends when the descriptor is
// closed, by the end of the process too (flock(2) with LOCK_EX). It keeps nobody
// from reading or writing who does not ask for it.
func (f File) TryLock() error {
	err := retry(func() error { return unix.Flock(f.fd(), unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

// SameAs tells whether path names this file (stat(2), fstat(2)).
func (f File) SameAs(path string) (bool, error) {
	var mine, named unix.Stat_t
	if err := unix.Fstat(f.fd(), &mine); err != nil {
		return false, err
	}
	err := retry(func() error { return unix.Stat(path, &named) })
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) {
		return false, nil
	}
	return err == nil && mine.Dev == named.Dev && mine.Ino == named.Ino, err
}

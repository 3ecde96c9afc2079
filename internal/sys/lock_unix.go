//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// flock takes the file for its open description alone.
func (f File) flock() error {
	err := retry(func() error { return unix.Flock(f.fd(), unix.LOCK_EX|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) {
		return ErrLocked
	}
	return err
}

func (f File) funlock() error {
	return retry(func() error { return unix.Flock(f.fd(), unix.LOCK_UN) })
}

// Names is how many names the file has (fstat(2)): none where it was removed.
func (f File) Names() (int, error) {
	var st unix.Stat_t
	err := unix.Fstat(f.fd(), &st)
	return int(st.Nlink), err
}

// SameFile tells whether f and other are one file, whatever its names (fstat(2)).
func (f File) SameFile(other File) (bool, error) {
	var mine, its unix.Stat_t
	err := errors.Join(unix.Fstat(f.fd(), &mine), unix.Fstat(other.fd(), &its))
	return err == nil && mine.Dev == its.Dev && mine.Ino == its.Ino, err
}

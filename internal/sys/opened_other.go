//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly || windows)

package sys

import (
	"errors"
	"io/fs"
)

// Opened tells what package os does: a file that it opened with O_APPEND refuses
// every WriteAt, one of no bytes too. The rest is found out by using it.
func (f File) Opened() (Opened, error) {
	_, err := f.file.WriteAt(nil, 0)
	return Opened{Read: true, Write: true, Append: err != nil}, nil
}

// Reopen is for systems that can.
func (f File) Reopen() (File, error) { return File{}, unsupported("opening an open file once more") }

// Fixed says nothing: the calls themselves tell.
func (f File) Fixed(Change) error { return nil }

// IsRefusal tells whether err says that something is not allowed, and not that it
// did not work.
func IsRefusal(err error) bool { return errors.Is(err, fs.ErrPermission) }

//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

// What only some of these systems have is looked for on none.
const openDirect, openPath = 0, 0

// Reopen is for systems that name open files by path without sharing their flags.
func (f File) Reopen() (File, error) { return File{}, unsupported("opening an open file once more") }

// Fixed says nothing: the calls themselves tell.
func (f File) Fixed(Change) error { return nil }

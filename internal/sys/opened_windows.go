package sys

import (
	"errors"
	"io/fs"

	"golang.org/x/sys/windows"
)

// Opened asks how the handle was opened (NtQueryInformationFile,
// FileAccessInformation). A handle that may append and not write, as package os
// makes one of O_APPEND, appends.
func (f File) Opened() (Opened, error) {
	access, err := f.access()
	if err != nil {
		return Opened{}, err
	}
	o := Opened{Read: access&windows.FILE_READ_DATA != 0, Write: access&windows.FILE_WRITE_DATA != 0}
	if !o.Write && access&windows.FILE_APPEND_DATA != 0 {
		o.Write, o.Append = true, true
	}
	return o, nil
}

// Reopen opens the file of f once more (ReOpenFile), for writing anywhere in it.
func (f File) Reopen() (File, error) {
	access, err := f.access()
	if err != nil {
		return File{}, err
	}
	return f.reopen(access | windows.FILE_WRITE_DATA)
}

// Fixed says nothing: the calls themselves tell.
func (f File) Fixed(Change) error { return nil }

// IsRefusal tells whether err says that something is not allowed, and not that it
// did not work.
func IsRefusal(err error) bool { return errors.Is(err, fs.ErrPermission) }

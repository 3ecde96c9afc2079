//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly || windows)

package sys

import (
	"errors"
	"io/fs"
	"os"
)

// File is an open file of package os. The zero File is none.
type File struct {
	file     *os.File
	borrowed bool // the caller's: not ours to close
}

// Valid tells whether f holds a file.
func (f File) Valid() bool { return f.file != nil }

// OpenFile opens path with os.OpenFile. It refuses a named pipe, at which that
// could wait for ever.
func OpenFile(path string, flag OpenFlag, perm uint32) (File, error) {
	if st, err := os.Stat(path); err == nil && st.Mode()&fs.ModeNamedPipe != 0 {
		return File{}, unsupported("opening a named pipe")
	}
	mode := os.O_RDONLY
	if flag&Write != 0 {
		mode = os.O_RDWR
	}
	if flag&Create != 0 {
		mode |= os.O_CREATE
	}
	if flag&Excl != 0 {
		mode |= os.O_EXCL
	}
	if flag&Truncate != 0 {
		mode |= os.O_TRUNC
	}
	file, err := os.OpenFile(path, mode, fs.FileMode(perm))
	if err != nil {
		return File{}, bare(err)
	}
	return File{file: file}, nil
}

// bare takes the operation and path off an error, which the caller adds.
func bare(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// DupShares is false: there is nothing to be done about it.
const DupShares = false

// DupFile borrows f, since not every system can duplicate a descriptor. What is
// needed of it is read when it is mapped: it may be closed after that.
func DupFile(f *os.File) (File, error) {
	if _, err := f.Stat(); err != nil {
		return File{}, bare(err)
	}
	return File{file: f, borrowed: true}, nil
}

// Dup opens the file once more, for reading, by its name.
func (f File) Dup() (File, error) { return OpenFile(f.file.Name(), 0, 0) }

// Close closes the file unless it was borrowed.
func (f File) Close() error {
	if f.borrowed {
		return nil
	}
	return bare(f.file.Close())
}

// Stat reads the file's size and kind.
func (f File) Stat() (Stat, error) {
	st, err := f.file.Stat()
	if err != nil {
		return Stat{}, bare(err)
	}
	return Stat{Size: st.Size(), Kind: kindOf(st.Mode())}, nil
}

func kindOf(mode fs.FileMode) Kind {
	switch {
	case mode.IsRegular():
		return Regular
	case mode.IsDir():
		return Directory
	case mode&fs.ModeNamedPipe != 0:
		return Pipe
	case mode&fs.ModeSocket != 0:
		return Socket
	case mode&fs.ModeDevice != 0:
		return Device
	}
	return Irregular
}

// ResidencyKnown tells whether [Region.Resident] is told the truth: a copy is in
// memory.
func (f File) ResidencyKnown() bool { return true }

// Truncate sets the file's size.
func (f File) Truncate(size int64) error { return bare(f.file.Truncate(size)) }

// Allocate writes zeros to the range [off, off+n), which must hold nothing yet.
func (f File) Allocate(off, n int64) error { return f.writeZeros(off, n) }

// Sync makes the file's data and metadata durable.
func (f File) Sync() error { return bare(f.file.Sync()) }

// StartWriteback is [Unsupported]: stores to a copy reach no file.
func (f File) StartWriteback(Region, int64, int, int) error { return unsupported("writeback") }

// ReadAt reads until p is full, the file ends (io.EOF) or fails.
func (f File) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.file.ReadAt(p, off)
	return n, bare(err)
}

// WriteAt writes all of p.
func (f File) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.file.WriteAt(p, off)
	return n, bare(err)
}

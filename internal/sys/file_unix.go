//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// File is an open file descriptor. The zero File is none.
type File struct{ fdPlus1 int }

// Valid tells whether f holds a descriptor.
func (f File) Valid() bool { return f.fdPlus1 != 0 }

func (f File) fd() int { return f.fdPlus1 - 1 }

// OpenFile opens path with open(2). It never blocks on a named pipe and never
// takes a terminal as the process's own: the caller looks at the kind first.
func OpenFile(path string, flag OpenFlag, perm uint32) (File, error) {
	return openAt(unix.AT_FDCWD, path, openMode(flag), perm)
}

func openMode(flag OpenFlag) int {
	mode := unix.O_NONBLOCK | unix.O_NOCTTY
	if flag&Write != 0 {
		mode |= unix.O_RDWR
	}
	if flag&Create != 0 {
		mode |= unix.O_CREAT
	}
	if flag&Excl != 0 {
		mode |= unix.O_EXCL
	}
	if flag&Truncate != 0 {
		mode |= unix.O_TRUNC
	}
	return mode
}

func openAt(dir int, path string, mode int, perm uint32) (File, error) {
	for {
		fd, err := unix.Openat(dir, path, mode|unix.O_CLOEXEC|openLargeFile, perm)
		if err == nil {
			return File{fd + 1}, nil
		}
		if !errors.Is(err, unix.EINTR) {
			return File{}, err
		}
	}
}

// DupShares tells whether what DupFile returns shares flags and errors with the
// original.
const DupShares = true

// DupFile duplicates the descriptor of f (fcntl F_DUPFD_CLOEXEC).
func DupFile(f *os.File) (File, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return File{}, err
	}
	var dup int
	var dupErr error
	err = conn.Control(func(fd uintptr) {
		dup, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	})
	if err != nil {
		return File{}, os.ErrClosed // the only cause, and without this name
	}
	if dupErr != nil {
		return File{}, dupErr
	}
	return File{dup + 1}, nil
}

// Dup duplicates the descriptor (fcntl F_DUPFD_CLOEXEC).
func (f File) Dup() (File, error) {
	dup, err := unix.FcntlInt(uintptr(f.fd()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return File{}, err
	}
	return File{dup + 1}, nil
}

// Close closes the descriptor.
func (f File) Close() error { return unix.Close(f.fd()) }

// Stat reads the file's size and kind (fstat(2)).
func (f File) Stat() (Stat, error) {
	var st unix.Stat_t
	if err := unix.Fstat(f.fd(), &st); err != nil {
		return Stat{}, err
	}
	return Stat{Size: st.Size, Kind: kindOf(uint32(st.Mode)), Block: int64(st.Blksize), OnDevice: onDevice(uint64(st.Dev))}, nil
}

func kindOf(mode uint32) Kind {
	switch mode & unix.S_IFMT {
	case unix.S_IFREG:
		return Regular
	case unix.S_IFDIR:
		return Directory
	case unix.S_IFIFO:
		return Pipe
	case unix.S_IFSOCK:
		return Socket
	case unix.S_IFBLK, unix.S_IFCHR:
		return Device
	}
	return Irregular
}

// Writable tells whether the descriptor was opened for writing (fcntl F_GETFL).
func (f File) Writable() bool {
	flags, err := unix.FcntlInt(uintptr(f.fd()), unix.F_GETFL, 0)
	return err == nil && flags&unix.O_ACCMODE == unix.O_RDWR
}

// Truncate sets the file's size (ftruncate(2)).
func (f File) Truncate(size int64) error {
	return retry(func() error { return unix.Ftruncate(f.fd(), size) })
}

// ReadAt reads with pread(2) until p is full, the file ends (io.EOF) or fails.
func (f File) ReadAt(p []byte, off int64) (int, error) {
	return transfer(len(p), func(done int) (int, error) {
		return unix.Pread(f.fd(), p[done:], off+int64(done))
	}, io.EOF)
}

// WriteAt writes all of p with pwrite(2).
func (f File) WriteAt(p []byte, off int64) (int, error) {
	return transfer(len(p), func(done int) (int, error) {
		return unix.Pwrite(f.fd(), p[done:], off+int64(done))
	}, io.ErrShortWrite)
}

func transfer(want int, step func(done int) (int, error), zero error) (int, error) {
	done := 0
	for done < want {
		n, err := step(done)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return done, err
		case n == 0:
			return done, zero
		default:
			done += n
		}
	}
	return done, nil
}

func retry(call func() error) error {
	for {
		if err := call(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

package sys

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// CreateUnnamed makes a file in dir that has no name until [NameUnnamed] gives it one
// (open(2) with O_TMPFILE): however the process ends before, nothing is left.
func CreateUnnamed(dir string, perm uint32) (*os.File, error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, perm)
	if err != nil {
		return nil, &os.PathError{Op: "open", Path: dir, Err: err}
	}
	if _, err := os.Stat(descriptorPath(fd)); err != nil { // it could not be named
		_ = unix.Close(fd)
		return nil, fmt.Errorf("needs /proc: %w", err)
	}
	return os.NewFile(uintptr(fd), dir), nil
}

func descriptorPath(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// NameUnnamed gives a file of [CreateUnnamed] a name, which must be free (linkat(2)).
func NameUnnamed(f *os.File, path string) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	controlErr := raw.Control(func(fd uintptr) {
		err = unix.Linkat(unix.AT_FDCWD, descriptorPath(int(fd)), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	})
	if controlErr != nil {
		return controlErr
	}
	if err != nil {
		return &os.LinkError{Op: "link", Old: "a file without a name", New: path, Err: err}
	}
	return nil
}

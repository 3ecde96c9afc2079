//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Dir is an open directory. Names are looked up in it, and not from the process's
// working directory, so that neither os.Chdir nor a rename of the directory or of
// one above it leads to another. The zero Dir is none.
type Dir struct{ file File }

// OpenDirOf opens the directory that holds path (open(2) with O_DIRECTORY), and
// returns path's name in it.
func OpenDirOf(path string) (Dir, string, error) {
	dir, name := splitPath(path)
	f, err := openAt(unix.AT_FDCWD, dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	if errors.Is(err, unix.EACCES) && searchOnly != 0 {
		// One that may be searched and not read.
		f, err = openAt(unix.AT_FDCWD, dir, searchOnly|unix.O_DIRECTORY, 0)
	}
	return Dir{f}, name, err
}

// Valid tells whether d is a directory.
func (d Dir) Valid() bool { return d.file.Valid() }

// OpenFile is [OpenFile] of a name in the directory (openat(2)).
func (d Dir) OpenFile(name string, flag OpenFlag, perm uint32) (File, error) {
	return openAt(d.file.fd(), name, openMode(flag), perm)
}

// Has tells whether a name in the directory is one of f (fstatat(2), fstat(2)).
func (d Dir) Has(name string, f File) (bool, error) {
	var mine, named unix.Stat_t
	if err := unix.Fstat(f.fd(), &mine); err != nil {
		return false, err
	}
	err := retry(func() error { return unix.Fstatat(d.file.fd(), name, &named, 0) })
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return false, nil
	}
	return err == nil && mine.Dev == named.Dev && mine.Ino == named.Ino, err
}

// Rename gives a file of the directory another name, which must be free: EEXIST.
func (d Dir) Rename(from, to string) error {
	err := retry(func() error { return renameNew(d.file.fd(), from, to) })
	if !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.ENOTSUP) {
		return err
	}
	// The file system cannot tell: look, and then rename.
	var st unix.Stat_t
	if err := unix.Fstatat(d.file.fd(), to, &st, unix.AT_SYMLINK_NOFOLLOW); err == nil {
		return unix.EEXIST
	}
	return retry(func() error { return unix.Renameat(d.file.fd(), from, d.file.fd(), to) })
}

// Remove takes a file's name out of the directory (unlinkat(2)).
func (d Dir) Remove(name string) error {
	return retry(func() error { return unix.Unlinkat(d.file.fd(), name, 0) })
}

// Sync makes the directory's entries durable (fsync(2)). The directory must be one
// that this process may read.
func (d Dir) Sync() error {
	err := d.file.Sync()
	if errors.Is(err, unix.EBADF) && searchOnly != 0 {
		err = unix.EACCES // see OpenDirOf
	}
	return err
}

// Close closes the directory; one that is none, too.
func (d Dir) Close() error {
	if !d.Valid() {
		return nil
	}
	return d.file.Close()
}

//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly)

package sys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// Dir is a directory by its absolute path, since this system opens no file
// relative to another: neither os.Chdir leads elsewhere, nor, on Windows, a rename,
// which is refused as long as a file in the directory is open. The zero Dir is none.
type Dir struct{ path string }

// OpenDirOf returns the directory that holds path, and path's name in it.
func OpenDirOf(path string) (Dir, string, error) {
	dir, name := splitPath(path)
	dir, err := filepath.Abs(dir)
	return Dir{dir}, name, err
}

// Valid tells whether d is a directory.
func (d Dir) Valid() bool { return d.path != "" }

func (d Dir) join(name string) string { return d.path + string(filepath.Separator) + name }

// OpenFile is [OpenFile] of a name in the directory.
func (d Dir) OpenFile(name string, flag OpenFlag, perm uint32) (File, error) {
	return OpenFile(d.join(name), flag, perm)
}

// Has tells whether a name in the directory is one of f.
func (d Dir) Has(name string, f File) (bool, error) { return f.sameAs(d.join(name)) }

// Rename gives a file of the directory another name, which must be free.
func (d Dir) Rename(from, to string) error {
	if _, err := os.Lstat(d.join(to)); err == nil {
		return fs.ErrExist
	}
	err := os.Rename(d.join(from), d.join(to))
	var link *os.LinkError
	if errors.As(err, &link) {
		return link.Err
	}
	return err
}

// Remove takes a file's name out of the directory.
func (d Dir) Remove(name string) error {
	err := os.Remove(d.join(name))
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// Sync makes the directory's entries durable.
func (d Dir) Sync() error { return syncDir(d.path) }

// Close lets the directory go.
func (d Dir) Close() error { return nil }

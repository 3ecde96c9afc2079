//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"io/fs"
	"os"
	"syscall"
)

// store keeps names and bytes. Every change of either goes through it and Sync
// says what must last, so that a store which loses the rest can take the place of
// another. Paths are slash-separated and relative to its root, which is ".".
type store interface {
	open(path string, flags int, perm fs.FileMode) (file, error)
	stat(path string) (fs.FileInfo, error)
	list(path string) ([]fs.DirEntry, error)
	mkdir(path string, perm fs.FileMode) error
	remove(path string) error
	rename(from, to string) error
	truncate(path string, size int64) error
	syncDir(path string) error
}

// file is an open file of a store. It stays what it is when its name goes.
type file interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	Truncate(size int64) error
	allocate(mode uint32, off, n int64) error
	Sync() error
	Stat() (fs.FileInfo, error)
	Close() error
}

// dirStore keeps everything in a directory.
type dirStore struct{ root *os.Root }

type dirFile struct{ *os.File }

func newDirStore(dir string) (*dirStore, error) {
	root, err := os.OpenRoot(dir)
	return &dirStore{root}, err
}

func (s *dirStore) open(path string, flags int, perm fs.FileMode) (file, error) {
	f, err := s.root.OpenFile(path, flags, perm)
	if err != nil {
		return nil, err
	}
	return dirFile{f}, nil
}

func (s *dirStore) stat(path string) (fs.FileInfo, error) { return s.root.Lstat(path) }

func (s *dirStore) list(path string) ([]fs.DirEntry, error) {
	return fs.ReadDir(s.root.FS(), path)
}

func (s *dirStore) mkdir(path string, perm fs.FileMode) error { return s.root.Mkdir(path, perm) }
func (s *dirStore) remove(path string) error                  { return s.root.Remove(path) }
func (s *dirStore) rename(from, to string) error              { return s.root.Rename(from, to) }

func (s *dirStore) truncate(path string, size int64) error {
	f, err := s.root.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(size)
}

func (s *dirStore) syncDir(path string) error {
	d, err := s.root.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func (f dirFile) allocate(mode uint32, off, n int64) error {
	return syscall.Fallocate(int(f.Fd()), mode, off, n)
}

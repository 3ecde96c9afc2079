package sys

import (
	"errors"
	"os"
)

// splitPath cuts a path into its directory and the last name. Nothing is cleaned:
// where a name before ".." is a symbolic link, only the kernel knows what "name/.."
// is.
func splitPath(path string) (dir, name string) {
	end := len(path)
	for end > 0 && !os.IsPathSeparator(path[end-1]) {
		end--
	}
	if end == 0 {
		return ".", path
	}
	return path[:end], path[end:]
}

// SameAs tells whether path names this file.
func (f File) SameAs(path string) (bool, error) {
	dir, name, err := OpenDirOf(path)
	if err != nil {
		return false, err
	}
	same, err := dir.Has(name, f)
	return same, errors.Join(err, dir.Close())
}

// SyncDirOf makes the directory entry of path durable, for a program that stays in
// its working directory. A library keeps the [Dir].
func SyncDirOf(path string) error {
	dir, _, err := OpenDirOf(path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

package sys

import "golang.org/x/sys/windows"

// syncDir calls FlushFileBuffers on a directory. Not every file system takes that;
// NTFS writes an entry to its journal ahead of the file's own metadata, so that the
// FlushFileBuffers of the file, which the caller has done, carries it along.
func syncDir(path string) error {
	dir, err := OpenFile(path, Write, 0)
	if err != nil {
		return nil //nolint:nilerr // see above: refused without harm
	}
	_ = windows.FlushFileBuffers(dir.handle)
	return dir.Close()
}

package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// LargeFolios finds out whether the file system of dir keeps files in folios larger
// than a page, by a file of its own that never has a name (open(2) with O_TMPFILE):
// it is written in one piece, and a byte stored to through a mapping makes all pages
// of its folio count as dirty (cachestat(2)). Device is that of the file, to compare.
func LargeFolios(dir string) (large bool, device DeviceInode, err error) {
	fd, err := unix.Open(dir, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return false, device, err
	}
	f := File{fd + 1}
	defer func() { err = errors.Join(err, f.Close()) }()
	if device, err = f.DeviceInode(); err != nil {
		return false, device, err
	}
	size := 64 * PageSize
	if _, err := f.WriteAt(make([]byte, size), 0); err != nil {
		return false, device, err
	}
	if err := f.SyncData(); err != nil {
		return false, device, err
	}
	r, err := MapFile(f, 0, size, ProtRead|ProtWrite, Shared)
	if err != nil {
		return false, device, err
	}
	defer func() { err = errors.Join(err, r.Release()) }()
	// At four places, since memory may be short of room for one large folio.
	const places = 4
	for i := range places {
		r.TouchStore(i * size / places)
	}
	dirty, err := f.Dirty(0, int64(size))
	if err == nil && dirty == 0 { // overlayfs: the pages are another inode's
		err = unsupported("counting dirty pages, by this file system,")
	}
	return dirty > places, device, err
}

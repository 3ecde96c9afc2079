package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

const openLargeFile = unix.O_LARGEFILE

// onDevice tells whether a file system that fstat(2) names dev has a block device:
// the others get a number without a major one (get_anon_bdev in the kernel's fs/super.c),
// overlayfs for the files of all its layers, since Linux 4.12.
func onDevice(dev uint64) bool { return unix.Major(dev) != 0 }

// Allocate gives the range [off, off+n) blocks on the device and makes the file
// at least off+n bytes long (fallocate(2), mode 0). Where the file system has no
// such call, zeros are written instead to a range that must hold none yet.
func (f File) Allocate(off, n int64) error {
	err := retry(func() error { return unix.Fallocate(f.fd(), 0, off, n) })
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return f.writeZeros(off, n)
	}
	return err
}

// Sync makes the file's data and all of its metadata durable (fsync(2)).
func (f File) Sync() error {
	return retry(func() error { return unix.Fsync(f.fd()) })
}

// StartWriteback queues the dirty pages of the range for writing and does not
// wait for them (sync_file_range(2) with SYNC_FILE_RANGE_WRITE). MS_ASYNC would
// do nothing on Linux.
//
// The pages are [off, off+n) of region, which maps the file from offset.
func (f File) StartWriteback(_ Region, offset int64, off, n int) error {
	return retry(func() error {
		return unix.SyncFileRange(f.fd(), offset+int64(off), int64(n), unix.SYNC_FILE_RANGE_WRITE)
	})
}

// SpaceTrouble tells whether the page at off has no block because the device or
// the quota is full: with a descriptor that may write by asking for the block
// (fallocate(2)), which a store would have done too, else by what is left
// (fstatfs(2)). It returns nil where space is not the trouble.
func (f File) SpaceTrouble(off int64) error {
	if f.Writable() {
		err := retry(func() error { return unix.Fallocate(f.fd(), unix.FALLOC_FL_KEEP_SIZE, off, 1) })
		if isNoSpace(err) {
			return err
		}
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Fstatfs(f.fd(), &st); err == nil && st.Blocks > 0 && st.Bavail == 0 {
		return unix.ENOSPC
	}
	return nil
}

// ReadNoWait is ReadAt from the page cache alone (preadv2(2) with RWF_NOWAIT):
// ErrWouldWait where some of p is not in memory, ErrCannotTell where the file
// system has no such call.
func (f File) ReadNoWait(p []byte, off int64) (int, error) {
	n, err := unix.Preadv2(f.fd(), [][]byte{p}, off, unix.RWF_NOWAIT)
	switch {
	case errors.Is(err, unix.EAGAIN), err == nil && n > 0 && n < len(p):
		return 0, ErrWouldWait
	case err != nil:
		return 0, ErrCannotTell
	}
	return n, nil
}

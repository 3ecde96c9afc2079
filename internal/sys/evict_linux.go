package sys

import (
	"errors"

	"golang.org/x/sys/unix"
)

// Evict asks the kernel to drop the file's clean pages from memory
// (posix_fadvise(2) with POSIX_FADV_DONTNEED). It keeps pages that are dirty,
// mapped by any process or in use, and does not say so: look at what is resident
// afterwards.
func (f File) Evict() error {
	return retry(func() error { return unix.Fadvise(f.fd(), 0, 0, unix.FADV_DONTNEED) })
}

// StartReading has the kernel begin to read what it has not of the n bytes at off,
// and does not wait for it (posix_fadvise(2) with POSIX_FADV_WILLNEED). It reads
// no more than that, and where it is used the kernel does not notice that a file
// is read in order.
func (f File) StartReading(off, n int64) error {
	return retry(func() error { return unix.Fadvise(f.fd(), off, n, unix.FADV_WILLNEED) })
}

// SyncData makes the file's data durable, and of its metadata what is needed to
// read it back (fdatasync(2)).
func (f File) SyncData() error {
	return retry(func() error { return unix.Fdatasync(f.fd()) })
}

// Clean writes the file's dirty pages, so that they can be evicted. A file system
// that cannot be written has none, and may not know the call (EINVAL, EROFS).
func (f File) Clean() error {
	err := f.SyncData()
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EROFS) {
		return nil
	}
	return err
}

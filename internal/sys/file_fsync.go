//go:build freebsd || openbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

// Sync makes the file's data and all of its metadata durable (fsync(2)). Whether
// the device's own cache is written too is up to the file system: ZFS and HAMMER
// have it done, FFS does not.
func (f File) Sync() error {
	return retry(func() error { return unix.Fsync(f.fd()) })
}

//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import "golang.org/x/sys/unix"

// StartWriteback queues the dirty pages [off, off+n) of region for writing and
// does not wait for them (msync(2) with MS_ASYNC). A file that is not mapped has
// no such call.
func (f File) StartWriteback(region Region, _ int64, off, n int) error {
	if region.Len() == 0 {
		return unsupported("writeback of a file that is not mapped")
	}
	return retry(func() error { return unix.Msync(region.slice(off, n), unix.MS_ASYNC) })
}

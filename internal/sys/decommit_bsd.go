//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Decommit gives the memory of ranges of anonymous regions back and keeps their
// addresses, readable and writable; zeros stand there afterwards. Each range is
// mapped anew in its place (mmap(2) with MAP_FIXED): MADV_DONTNEED and MADV_FREE
// promise neither that the memory is free at once nor what is read there.
func Decommit(ranges []Range) error {
	for _, r := range ranges {
		_, err := unix.MmapPtr(-1, 0, unsafe.Add(r.Region.base, r.Off), uintptr(r.N),
			unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_FIXED|mapNoReserve)
		if err != nil {
			return err
		}
	}
	return nil
}

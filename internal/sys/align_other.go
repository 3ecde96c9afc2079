//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// mapFile leaves the address to the kernel: see align_linux.go for where that
// costs faults.
func mapFile(fd int, offset int64, length uintptr, prot, flags int) (unsafe.Pointer, error) {
	return unix.MmapPtr(fd, offset, nil, length, prot, flags)
}

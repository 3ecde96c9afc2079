package sys

import (
	"errors"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// hugeBytes is what one page table spans on the usual machine. A fault installs
// the pages of a whole folio only as far as its page table reaches: where a
// folio straddles the end of one, its pages fault one by one. So a mapping that
// reaches across keeps address and file offset equal modulo hugeBytes. Newer
// kernels see to that for mappings of hugeBytes and more, and for no smaller
// ones; below alignFrom the few faults cost less than finding another place.
const (
	hugeBytes = 2 << 20
	alignFrom = 256 << 10
)

// below is where the last mapping that was placed here begins: the next one is
// tried below it, since the kernel would offer the same hole again and again.
var below atomic.Uintptr

func mapFile(fd int, offset int64, length uintptr, prot, flags int) (unsafe.Pointer, error) {
	var hint unsafe.Pointer
	if last := below.Load(); last > length+hugeBytes && length >= alignFrom && length < hugeBytes {
		start := last - length
		hint = unsafe.Add(hint, start-(start-uintptr(offset))%hugeBytes)
	}
	base, err := unix.MmapPtr(fd, offset, hint, length, prot, flags)
	if err != nil || length < alignFrom || aligned(base, offset, length) {
		if err == nil && hint != nil && base == hint {
			below.Store(uintptr(base))
		}
		return base, err
	}
	moved, err := mapAligned(fd, offset, length, prot, flags)
	if err != nil {
		return base, nil // slower, and as good
	}
	below.Store(uintptr(moved))
	return moved, unix.MunmapPtr(base, length)
}

func aligned(base unsafe.Pointer, offset int64, length uintptr) bool {
	begin := uintptr(base)
	return begin/hugeBytes == (begin+length-1)/hugeBytes || (begin-uintptr(offset))%hugeBytes == 0
}

// mapAligned reserves enough addresses to choose from, and gives back what is
// left over on both sides.
func mapAligned(fd int, offset int64, length uintptr, prot, flags int) (unsafe.Pointer, error) {
	space, err := unix.MmapPtr(-1, 0, nil, length+hugeBytes, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	lead := (uintptr(offset) - uintptr(space)) % hugeBytes
	base, err := unix.MmapPtr(fd, offset, unsafe.Add(space, lead), length, prot, flags|unix.MAP_FIXED)
	if err != nil {
		return nil, errors.Join(err, unix.MunmapPtr(space, length+hugeBytes))
	}
	if lead > 0 {
		err = unix.MunmapPtr(space, lead)
	}
	return base, errors.Join(err, unix.MunmapPtr(unsafe.Add(base, length), hugeBytes-lead))
}

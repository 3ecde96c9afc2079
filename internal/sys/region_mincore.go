//go:build darwin || freebsd || netbsd || dragonfly

package sys

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// sysMincore is mincore(2)'s number, the same on all four since 4.4BSD. Only for
// darwin's sake it is not x/sys's, which there wants a wrapper that it lacks.
const sysMincore = 78

// Resident fills status, one byte a page from the page at off, with what
// mincore(2) says. See [File.ResidencyKnown] for what it means.
func (r Region) Resident(off int, status []PageStatus) error {
	if len(status) == 0 {
		return nil
	}
	vec := unsafe.Slice((*byte)(unsafe.Pointer(&status[0])), len(status))
	addr := uintptr(unsafe.Add(r.base, off))
	_, _, errno := unix.Syscall(sysMincore, addr, uintptr(len(vec)*PageSize), uintptr(unsafe.Pointer(&vec[0])))
	if errno != 0 {
		return errno
	}
	for i := range vec {
		vec[i] &= 1 // MINCORE_INCORE; the others tell who used the page
	}
	return nil
}

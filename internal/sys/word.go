package sys

import (
	"sync/atomic"
	"unsafe"
)

// Word is the eight bytes at off, a multiple of 8, of the region.
func (r Region) Word(off int) *atomic.Uint64 {
	return (*atomic.Uint64)(unsafe.Pointer(&r.Bytes()[off : off+8][0]))
}

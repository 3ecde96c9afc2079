package sys

import "unsafe"

// Word is the eight bytes at off, a multiple of 8, of the region. They are loaded and
// stored at once.
func (r Region) Word(off int) *Word {
	return (*Word)(unsafe.Pointer(&r.Bytes()[off : off+8][0]))
}

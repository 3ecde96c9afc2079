package sys

import "unsafe"

// Int32s is b as integers of this machine's byte order, as many as fit. It must
// begin at a multiple of 4, as every page does.
func Int32s(b []byte) []int32 {
	start := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(start)%4 != 0 {
		panic("sys: Int32s of bytes that are not aligned")
	}
	return unsafe.Slice((*int32)(start), len(b)/4)
}

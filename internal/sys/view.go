package sys

import "unsafe"

// View is memory that is not Go's as values of T, as many as fit: T must hold no
// pointers. The memory must be aligned for T, as every page is.
func View[T any](b []byte) []T {
	var one T
	start := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(start)%unsafe.Alignof(one) != 0 {
		panic("sys: View of bytes that are not aligned")
	}
	return unsafe.Slice((*T)(start), len(b)/int(unsafe.Sizeof(one)))
}

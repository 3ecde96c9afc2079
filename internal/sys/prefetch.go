//go:build amd64 || arm64

package sys

import "unsafe"

// Prefetch has the processor translate the address of b's first byte, and load
// what is there, while it does something else. It never faults: where no page is
// mapped, nothing happens.
func Prefetch(b []byte) { prefetch(unsafe.Pointer(unsafe.SliceData(b))) }

//go:noescape
func prefetch(p unsafe.Pointer)

package comparison

import (
	"errors"
	"os"
	"unsafe"
)

// writeBytes is how much of a file is written at a time. It decides the size of
// the page cache's folios, and so the number of faults: every contender of a
// case gets the same file.
const writeBytes = 1 << 20

// makeFile makes a file of size bytes, which fill provides from an offset on,
// and syncs it, so that its first writeback does not fall into a measurement.
func makeFile(path string, size int64, fill func(p []byte, off int64)) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffer := make([]byte, writeBytes)
	for off := int64(0); off < size; off += writeBytes {
		p := buffer[:min(writeBytes, size-off)]
		fill(p, off)
		if _, err := f.Write(p); err != nil {
			return err
		}
	}
	return f.Sync()
}

// viewOf gives bytes a type, for libraries that hand out bytes only: what their
// users write. len(b) must be a multiple of T's size.
func viewOf[T int32 | uint64](b []byte) []T {
	var v T
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(v)))
}

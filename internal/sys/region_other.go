//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly || windows)

package sys

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"unsafe"
)

// Mapped tells whether a region of this system is paged by the kernel. It is
// not: a region is a copy of the file in ordinary memory, which the garbage
// collector frees.
const Mapped = false

// MapsBeyondEnd tells whether a region may be longer than its file, and shows what
// the file gets later.
const MapsBeyondEnd = false

// SyncNeedsFile tells whether [Region.Sync] needs the file.
const SyncNeedsFile = false

// PageSize is the unit of protection, residency and advice, in bytes.
var PageSize = os.Getpagesize()

// Granularity is what the file offset of a mapping must be a multiple of.
var Granularity = PageSize

// Region is a copy of whole pages. The zero Region is empty.
type Region struct{ copied *copied }

// copied is what the copies of one Region share, so that Retire drops the memory
// for all of them.
type copied struct {
	bytes []byte
	addr  uintptr
	size  int
}

var errNoMemory = errors.New("not enough memory")

// MapFile reads size bytes of f from offset into memory, for a region that may
// only be read or is private. A shared region for writing is [Unsupported]:
// stores to a copy do not reach the file.
func MapFile(f File, offset int64, size int, prot Prot, sharing Sharing) (Region, error) {
	if sharing == Shared && prot&ProtWrite != 0 {
		return Region{}, unsupported("a mapping whose stores reach the file")
	}
	if prot&ProtExec != 0 {
		return Region{}, unsupported("memory that can be executed")
	}
	r, err := allocate(size)
	if err != nil {
		return Region{}, err
	}
	n, err := f.ReadAt(r.copied.bytes[:size], offset)
	if n == size {
		return r, nil
	}
	if errors.Is(err, io.EOF) {
		err = fmt.Errorf("the file became shorter while it was read: %w", io.ErrUnexpectedEOF)
	}
	return Region{}, err
}

// MapAnonymous makes size bytes of zeroed memory.
func MapAnonymous(size int, prot Prot, _ bool) (Region, error) {
	if prot&ProtExec != 0 {
		return Region{}, unsupported("memory that can be executed")
	}
	return allocate(size)
}

// wasmBytes is how large a region may be where all memory together is 4 GiB at most.
const wasmBytes = 1 << 30

// allocate makes whole pages that begin where a page does, as mapped ones would.
func allocate(size int) (r Region, err error) {
	defer func() {
		if recover() != nil { // make: len out of range
			err = errNoMemory
		}
	}()
	if runtime.GOARCH == "wasm" && size > wasmBytes {
		return Region{}, errNoMemory // which Go's allocator would end the process for
	}
	size = (size + PageSize - 1) &^ (PageSize - 1)
	room := make([]byte, size+PageSize-1)
	addr := uintptr(unsafe.Pointer(&room[0]))
	skip := -int(addr) & (PageSize - 1)
	return Region{&copied{bytes: room[skip : skip+size : skip+size], addr: addr + uintptr(skip), size: size}}, nil
}

// Retire lets go of the memory, which lives on while a slice of it does.
func (r Region) Retire() error {
	r.copied.bytes = nil
	return nil
}

// Release does nothing: the garbage collector does it.
func (r Region) Release() error { return nil }

// Joinable tells whether regions that touch can be given back by one call.
const Joinable = false

// Join is for systems where [Joinable] is true.
func (r Region) Join(Region) Region { panic("sys: copies cannot be joined") }

// Bytes returns the memory of the region.
func (r Region) Bytes() []byte {
	if r.copied == nil {
		return nil
	}
	return r.copied.bytes
}

// Addr returns the region's first address.
func (r Region) Addr() uintptr {
	if r.copied == nil {
		return 0
	}
	return r.copied.addr
}

// Len returns the region's length in bytes, a multiple of [PageSize].
func (r Region) Len() int {
	if r.copied == nil {
		return 0
	}
	return r.copied.size
}

// Sync does nothing: a copy that may be stored to is private.
func (r Region) Sync(File, int, int) error { return nil }

// Protect is [Unsupported].
func (r Region) Protect(Prot, int, int) error { return unsupported("protection of memory") }

// Lock is [Unsupported].
func (r Region) Lock(int, int) error { return unsupported("locking memory") }

// Unlock is [Unsupported].
func (r Region) Unlock(int, int) error { return unsupported("locking memory") }

// Advise is [Unsupported].
func (r Region) Advise(Advice, int, int) error { return unsupported("this advice") }

// UnknownAdvice tells whether err is how this kernel says that it does not know
// an advice that newer ones do.
func UnknownAdvice(error) bool { return false }

// Resident says that every page is in memory.
func (r Region) Resident(_ int, status []PageStatus) error {
	for i := range status {
		status[i] = Resident
	}
	return nil
}

// ProbeTells tells whether [Region.Probe] of a store knows a page that cannot be
// provided from one that may only be read.
const ProbeTells = true

// Probe finds nothing wrong: memory of one's own does not fail.
func (r Region) Probe(int, bool) error { return nil }

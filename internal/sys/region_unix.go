//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Mapped tells whether a region of this system is paged by the kernel. Where it
// is false, a region is a copy of the file in ordinary memory.
const Mapped = true

// MapsBeyondEnd tells whether a region may be longer than its file, and shows what
// the file gets later.
const MapsBeyondEnd = Mapped

// PageSize is the unit of protection, residency and advice, in bytes.
var PageSize = os.Getpagesize()

// Granularity is what the file offset of a mapping must be a multiple of.
var Granularity = PageSize

// Region is a range of whole pages in this process's address space.
// The zero Region is empty.
type Region struct {
	base unsafe.Pointer
	size uintptr
}

// MapFile maps size bytes of f from offset, a multiple of [Granularity] (mmap(2)).
// The region's length is size rounded up to whole pages.
func MapFile(f File, offset int64, size int, prot Prot, sharing Sharing) (Region, error) {
	flags := unix.MAP_SHARED
	switch sharing {
	case Private:
		flags = unix.MAP_PRIVATE
	case Staged:
		flags = unix.MAP_PRIVATE | mapNoReserve
	case Shared:
	}
	length := roundUp(uintptr(size))
	base, err := mapFile(f.fd(), offset, length, protFlags(prot), flags)
	if err != nil {
		return Region{}, err
	}
	return Region{base, length}, nil
}

// MapAnonymous maps size bytes of zeroed memory that belong to no file. Unless
// reserve is set, the kernel is told not to promise swap space for them
// (MAP_NORESERVE, where there is such a promise).
func MapAnonymous(size int, prot Prot, reserve bool) (Region, error) {
	flags := unix.MAP_ANON | unix.MAP_PRIVATE
	if !reserve {
		flags |= mapNoReserve
	}
	length := roundUp(uintptr(size))
	base, err := unix.MmapPtr(-1, 0, nil, length, protFlags(prot), flags)
	if err != nil {
		return Region{}, err
	}
	return Region{base, length}, nil
}

func protFlags(prot Prot) int {
	flags := unix.PROT_NONE
	if prot&ProtRead != 0 {
		flags |= unix.PROT_READ
	}
	if prot&ProtWrite != 0 {
		flags |= unix.PROT_WRITE
	}
	if prot&ProtExec != 0 {
		flags |= unix.PROT_EXEC
	}
	return flags
}

func roundUp(n uintptr) uintptr {
	page := uintptr(PageSize)
	return (n + page - 1) &^ (page - 1)
}

// Retire drops what the region maps and keeps its addresses reserved without
// access: one mmap(2) with MAP_FIXED and PROT_NONE over it, so that at no moment
// another mapping can take the place. Any access then faults.
func (r Region) Retire() error {
	_, err := unix.MmapPtr(-1, 0, r.base, r.size, unix.PROT_NONE,
		unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_FIXED|mapNoReserve)
	return err
}

// Release gives the addresses of the region, mapped or retired, back (munmap(2)).
func (r Region) Release() error { return unix.MunmapPtr(r.base, r.size) }

// Joinable tells whether regions that touch can be given back by one call.
const Joinable = true

// Join returns the region made of r and next, which begins where r ends.
func (r Region) Join(next Region) Region { return Region{r.base, r.size + next.size} }

// Bytes returns the memory of the region.
func (r Region) Bytes() []byte { return unsafe.Slice((*byte)(r.base), r.size) }

// Addr returns the region's first address.
func (r Region) Addr() uintptr { return uintptr(r.base) }

// Len returns the region's length in bytes, a multiple of [PageSize].
func (r Region) Len() int { return int(r.size) }

// Sync writes the dirty pages of [off, off+n) and waits until they are durable
// (msync(2) with MS_SYNC; where that alone does not promise it, see
// [SyncNeedsFile], [File.Sync] as well). The range must be whole pages.
func (r Region) Sync(f File, off, n int) error {
	err := retry(func() error { return unix.Msync(r.slice(off, n), unix.MS_SYNC) })
	if err != nil || !SyncNeedsFile {
		return err
	}
	return f.Sync()
}

// Protect sets what an access to [off, off+n) may do (mprotect(2)).
func (r Region) Protect(prot Prot, off, n int) error {
	return unix.Mprotect(r.slice(off, n), protFlags(prot))
}

// Lock loads the range and keeps it in memory (mlock(2)).
func (r Region) Lock(off, n int) error { return unix.Mlock(r.slice(off, n)) }

// Unlock undoes Lock (munlock(2)).
func (r Region) Unlock(off, n int) error { return unix.Munlock(r.slice(off, n)) }

// Advise hands a hint for [off, off+n), whole pages, to the kernel (madvise(2)).
// It returns [Unsupported] where this system does not know the advice.
func (r Region) Advise(a Advice, off, n int) error {
	code, known := adviceCode(a)
	if !known {
		return unsupported("this advice")
	}
	return retry(func() error { return unix.Madvise(r.slice(off, n), code) })
}

func (r Region) slice(off, n int) []byte { return r.Bytes()[off : off+n] }

package sys

import (
	"encoding/binary"
	"errors"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A page of a private mapping is the file's own until it is stored to. The store
// makes a copy, which is anonymous memory, and the kernel tells the two apart.

// From <linux/fs.h>: PAGEMAP_SCAN, its arguments and answers, and the categories
// of a page.
const (
	pagemapScan = 0xc0606610 // _IOWR('f', 16, struct pm_scan_arg)

	pageIsFile    = 1 << 2
	pageIsPresent = 1 << 3
	pageIsSwapped = 1 << 4
	pageIsPFNZero = 1 << 5
)

type scanArg struct {
	size, flags                                               uint64
	start, end, walkEnd                                       uint64
	vec, vecLen, maxPages                                     uint64
	categoryInverted, categoryMask, categoryAnyOf, returnMask uint64
}

type pageRegion struct{ start, end, categories uint64 }

// From Documentation/admin-guide/mm/pagemap.rst: the bits of a page's entry.
const (
	entryFile    = 1 << 61
	entrySwapped = 1 << 62
	entryPresent = 1 << 63
)

var bestFinder = sync.OnceValue(func() Finder {
	for _, finder := range []Finder{FindScan, FindPagemap} {
		if finderWorks(finder) {
			return finder
		}
	}
	return FindNone
})

// BestFinder returns the best way that works here. It is tried out, once: a store
// to one of two pages of this program's own file must be found, and nothing else.
func BestFinder() Finder { return bestFinder() }

func finderWorks(finder Finder) bool {
	f, err := OpenFile("/proc/self/exe", 0, 0)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	st, err := f.Stat()
	if err != nil || st.Size < int64(2*PageSize) {
		return false
	}
	r, err := MapFile(f, 0, 2*PageSize, ProtRead|ProtWrite, Private)
	if err != nil {
		return false
	}
	defer func() { _ = r.Release() }()
	r.Uncopy()
	// What a store does, without a fault that could be a signal.
	if r.Advise(PopulateRead, 0, PageSize) != nil || r.Advise(PopulateWrite, PageSize, PageSize) != nil {
		return false
	}
	spans, err := r.Changed(finder, []Span{{0, 2 * PageSize}})
	return err == nil && len(spans) == 1 && spans[0] == Span{PageSize, PageSize}
}

// Changed finds the pages of a private region that were stored to, in some spans of
// it, which are in order.
func (r Region) Changed(finder Finder, where []Span) ([]Span, error) {
	if finder == FindNone {
		return nil, unsupported("telling which pages were stored to")
	}
	f, err := OpenFile("/proc/self/pagemap", 0, 0)
	if err != nil {
		return nil, err
	}
	find := r.readChanged
	if finder == FindScan {
		find = r.scanChanged
	}
	var spans []Span
	for i := 0; i < len(where) && err == nil; i++ {
		spans, err = find(spans, f, where[i].Off, where[i].Len)
	}
	return spans, errors.Join(err, f.Close())
}

func (r Region) scanChanged(spans []Span, f File, off, n int) ([]Span, error) {
	found := make([]pageRegion, min(n/PageSize, 512))
	base := uint64(r.Addr())
	end := base + uint64(off+n)
	for at := base + uint64(off); at < end; {
		arg := scanArg{
			start: at, end: end, vec: uint64(uintptr(unsafe.Pointer(&found[0]))), vecLen: uint64(len(found)),
			categoryInverted: pageIsFile | pageIsPFNZero, categoryMask: pageIsFile | pageIsPFNZero,
			categoryAnyOf: pageIsPresent | pageIsSwapped, returnMask: pageIsPresent | pageIsSwapped,
		}
		arg.size = uint64(unsafe.Sizeof(arg))
		count, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(f.fd()), pagemapScan, uintptr(unsafe.Pointer(&arg)))
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return nil, errno
		}
		for _, p := range found[:count] {
			spans = addSpan(spans, int(p.start-base), int(p.end-p.start))
		}
		if arg.walkEnd <= at {
			return nil, unix.EINVAL
		}
		at = arg.walkEnd
	}
	return spans, nil
}

func (r Region) readChanged(spans []Span, f File, off, n int) ([]Span, error) {
	buffer := make([]byte, min(n/PageSize, 8192)*8)
	for done := 0; done < n; {
		part := buffer[:min((n-done)/PageSize*8, len(buffer))]
		at := (int64(r.Addr()) + int64(off+done)) / int64(PageSize) * 8
		if _, err := f.ReadAt(part, at); err != nil {
			return nil, err
		}
		for i := 0; i < len(part); i += 8 {
			entry := binary.NativeEndian.Uint64(part[i:])
			if entry&entryFile == 0 && entry&(entryPresent|entrySwapped) != 0 {
				spans = addSpan(spans, off+done, PageSize)
			}
			done += PageSize
		}
	}
	return spans, nil
}

// DropsPrivate tells whether [DropPrivate] works.
const DropsPrivate = true

// DropPrivate drops what private regions have of their own of the ranges: loads
// see the file again. It is the call of [Decommit]: each of its own would interrupt
// all processors that run a thread of this process. Where the ranges are locked the
// file's pages are loaded in their place.
func DropPrivate(ranges []Range) error {
	locked, err := decommit(ranges)
	if err != nil || !locked {
		return err
	}
	for _, r := range ranges {
		_ = r.Region.Advise(PopulateRead, r.Off, r.N) // what cannot be loaded faults, as any page
	}
	return nil
}

// mlockOnFault is MLOCK_ONFAULT of linux/mman.h, Linux 4.4.
const mlockOnFault = 1

// LockLazily keeps the pages of the range in memory that are there, and others from
// when they are first used (mlock2(2) with MLOCK_ONFAULT; elsewhere it is Lock). Lock
// itself loads the pages of a private region as a store would: all become copies.
func (r Region) LockLazily(off, n int) error {
	b := r.slice(off, n)
	_, _, errno := unix.Syscall(unix.SYS_MLOCK2, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), mlockOnFault)
	if errno != 0 {
		return errno
	}
	return nil
}

// Uncopy makes the pages of a private region that was just mapped the file's: after
// mlockall(2) with MCL_FUTURE the kernel has locked it, and made copies of all.
func (r Region) Uncopy() {
	if !errors.Is(r.Advise(DontNeed, 0, PageSize), unix.EINVAL) || r.LockLazily(0, r.Len()) != nil {
		return
	}
	_ = DropPrivate([]Range{{r, 0, r.Len()}})
}

// addSpan appends a page to spans that are in order.
func addSpan(spans []Span, off, n int) []Span {
	if last := len(spans) - 1; last >= 0 && spans[last].Off+spans[last].Len == off {
		spans[last].Len += n
		return spans
	}
	return append(spans, Span{off, n})
}

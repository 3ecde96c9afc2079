package sys

import (
	"errors"
	"os"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Mapped tells whether a region of this system is paged by the kernel. Where it
// is false, a region is a copy of the file in ordinary memory.
const Mapped = true

// MapsBeyondEnd tells whether a region may be longer than its file, and shows what
// the file gets later.
const MapsBeyondEnd = false

// SyncNeedsFile tells whether [Region.Sync] needs the file: FlushViewOfFile only
// reaches the device's cache.
const SyncNeedsFile = true

// PageSize is the unit of protection, residency and advice, in bytes.
var PageSize = os.Getpagesize()

// Granularity is what the file offset of a mapping must be a multiple of:
// 64 KiB on every Windows that there is.
var Granularity = allocationGranularity()

var (
	kernel32   = windows.NewLazySystemDLL("kernel32.dll")
	kernelbase = windows.NewLazySystemDLL("kernelbase.dll")

	procGetSystemInfo         = kernel32.NewProc("GetSystemInfo")
	procVirtualQuery          = kernel32.NewProc("VirtualQuery")
	procQueryWorkingSetEx     = kernel32.NewProc("K32QueryWorkingSetEx")
	procPrefetchVirtualMemory = kernel32.NewProc("PrefetchVirtualMemory") // Windows 8
	procVirtualAlloc2         = kernelbase.NewProc("VirtualAlloc2")       // these three: Windows 10 1803
	procMapViewOfFile3        = kernelbase.NewProc("MapViewOfFile3")
	procUnmapViewOfFile2      = kernelbase.NewProc("UnmapViewOfFile2")
)

// From winnt.h; x/sys does not have them.
const (
	memPreservePlaceholder = 0x00000002
	memReplacePlaceholder  = 0x00004000
	memReservePlaceholder  = 0x00040000
)

func allocationGranularity() int {
	var info struct {
		_                     uint32
		_                     uint32 // page size
		_, _, _               uintptr
		_, _                  uint32
		allocationGranularity uint32
		_, _                  uint16
	}
	_, _, _ = procGetSystemInfo.Call(uintptr(unsafe.Pointer(&info)))
	return int(info.allocationGranularity)
}

// Region is a range of whole pages in this process's address space.
// The zero Region is empty.
type Region struct{ area *area }

// area is what the copies of one Region share, since Windows wants memory given
// back in the way that it was taken.
type area struct {
	base    unsafe.Pointer
	size    uintptr // whole pages
	private bool    // a store makes a copy
	held    holding
}

// holding says what an area's addresses are. The transitions:
//
//	allocated ──────── Retire: MEM_DECOMMIT ───────────► allocated, nothing in it
//	viewed ─────────── Retire: unmap, then reserve ────► reserved, or lost
//	viewedInPlace ──── Retire: unmap, keep the place ──► reserved
type holding uint8

const (
	allocated     holding = iota // VirtualAlloc
	viewed                       // MapViewOfFile
	viewedInPlace                // MapViewOfFile3 in a placeholder
	reserved                     // addresses without memory
	lost                         // somebody else's by now
)

// MapFile maps size bytes of f from offset, a multiple of [Granularity]
// (CreateFileMapping, MapViewOfFile). The region's length is size rounded up to
// whole pages. The mapping object's handle is closed again: the view keeps what
// it needs.
//
// The view goes into a placeholder (VirtualAlloc2, MapViewOfFile3), so that
// [Region.Retire] can take it away and keep its place in one step. Before
// Windows 10 1803 there are none.
func MapFile(f File, offset int64, size int, prot Prot, sharing Sharing) (Region, error) {
	section, err := newSection(f, prot, sharing)
	if err != nil {
		return Region{}, err
	}
	defer func() { _ = windows.CloseHandle(section) }()
	a := &area{size: roundUp(uintptr(size)), private: sharing != Shared}
	if err := a.viewInPlace(section, offset, size, prot); err == nil {
		return Region{a}, nil
	}
	if err := a.view(section, offset, size, prot); err != nil {
		return Region{}, err
	}
	return Region{a}, nil
}

// newSection makes a mapping object of all of f. Executing needs a handle that
// was opened for it.
func newSection(f File, prot Prot, sharing Sharing) (windows.Handle, error) {
	protection := pageProtection(prot, sharing != Shared)
	section, err := windows.CreateFileMapping(f.handle, nil, protection, 0, 0, nil)
	if prot&ProtExec == 0 || !errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return section, err
	}
	access := uint32(windows.GENERIC_READ | windows.GENERIC_EXECUTE)
	if prot&ProtWrite != 0 && sharing == Shared {
		access |= windows.GENERIC_WRITE
	}
	executable, reopenErr := f.reopen(access)
	if reopenErr != nil {
		return section, err
	}
	section, err = windows.CreateFileMapping(executable.handle, nil, protection, 0, 0, nil)
	return section, errors.Join(err, executable.Close())
}

// viewInPlace maps the section into a placeholder made for it. The placeholder
// is whole pages, while a view may not be longer than its file.
func (a *area) viewInPlace(section windows.Handle, offset int64, size int, prot Prot) error {
	if procVirtualAlloc2.Find() != nil || procMapViewOfFile3.Find() != nil || procUnmapViewOfFile2.Find() != nil {
		return unsupported("a placeholder")
	}
	place, _, err := procVirtualAlloc2.Call(uintptr(windows.CurrentProcess()), 0, a.size,
		windows.MEM_RESERVE|memReservePlaceholder, windows.PAGE_NOACCESS, 0, 0)
	if place == 0 {
		return err
	}
	call := []uintptr{uintptr(section), uintptr(windows.CurrentProcess()), place}
	call = append(call, uint64Args(uint64(offset))...)
	call = append(call, uintptr(size), memReplacePlaceholder,
		uintptr(pageProtection(prot, a.private)), 0, 0)
	base, _, err := procMapViewOfFile3.Call(call...)
	if base == 0 {
		return errors.Join(err, windows.VirtualFree(place, 0, windows.MEM_RELEASE))
	}
	a.base, a.held = pointer(base), viewedInPlace
	return nil
}

// uint64Args is v as arguments of a call: one word or, of 32 bits, two.
func uint64Args(v uint64) []uintptr {
	if unsafe.Sizeof(uintptr(0)) == 8 {
		return []uintptr{uintptr(v)}
	}
	return []uintptr{uintptr(v & 0xffffffff), uintptr(v >> 32)}
}

// view maps the section wherever there is room.
func (a *area) view(section windows.Handle, offset int64, size int, prot Prot) error {
	access := uint32(windows.FILE_MAP_READ)
	switch {
	case a.private:
		access = windows.FILE_MAP_COPY
	case prot&ProtWrite != 0:
		access |= windows.FILE_MAP_WRITE
	}
	if prot&ProtExec != 0 {
		access |= windows.FILE_MAP_EXECUTE
	}
	base, err := windows.MapViewOfFile(section, access, uint32(offset>>32), uint32(offset&0xffffffff), uintptr(size))
	if err != nil {
		return err
	}
	a.base, a.held = pointer(base), viewed
	return nil
}

// MapAnonymous allocates size bytes of zeroed memory that belong to no file
// (VirtualAlloc). Windows always sets memory or page file aside for them, so
// that reserve changes nothing.
func MapAnonymous(size int, prot Prot, _ bool) (Region, error) {
	length := roundUp(uintptr(size))
	base, err := windows.VirtualAlloc(0, length, windows.MEM_RESERVE|windows.MEM_COMMIT, pageProtection(prot, false))
	if err != nil {
		return Region{}, err
	}
	return Region{&area{base: pointer(base), size: length, held: allocated}}, nil
}

// pageProtection is prot as a PAGE_ constant. A page of a private view is
// PAGE_WRITECOPY until a store has made the copy.
func pageProtection(prot Prot, private bool) uint32 {
	switch {
	case prot == 0:
		return windows.PAGE_NOACCESS
	case prot&(ProtWrite|ProtExec) == 0:
		return windows.PAGE_READONLY
	case prot&ProtExec == 0 && private:
		return windows.PAGE_WRITECOPY
	case prot&ProtExec == 0:
		return windows.PAGE_READWRITE
	case prot&ProtWrite == 0:
		return windows.PAGE_EXECUTE_READ
	case private:
		return windows.PAGE_EXECUTE_WRITECOPY
	}
	return windows.PAGE_EXECUTE_READWRITE
}

func roundUp(n uintptr) uintptr {
	page := uintptr(PageSize)
	return (n + page - 1) &^ (page - 1)
}

// pointer makes a pointer of an address that is not of Go's heap.
func pointer(addr uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&addr)) }

// Retire drops what the region maps and keeps its addresses reserved without
// access. In a placeholder (UnmapViewOfFile2 with MEM_PRESERVE_PLACEHOLDER), and
// for anonymous memory (VirtualFree with MEM_DECOMMIT), at no moment another
// mapping can take the place. Without placeholders (UnmapViewOfFile, then
// VirtualAlloc of the same addresses) there is a moment at which another thread
// can: then the addresses are its own, and no access to them is caught.
func (r Region) Retire() error {
	a := r.area
	switch a.held {
	case allocated:
		return windows.VirtualFree(r.Addr(), a.size, windows.MEM_DECOMMIT)
	case viewedInPlace:
		if err := a.unmapInPlace(memPreservePlaceholder); err != nil {
			return err
		}
		a.held = reserved
	case viewed:
		if err := windows.UnmapViewOfFile(r.Addr()); err != nil {
			return err
		}
		a.held = reserved
		if _, err := windows.VirtualAlloc(r.Addr(), a.size, windows.MEM_RESERVE, windows.PAGE_NOACCESS); err != nil {
			a.held = lost
		}
	case reserved, lost:
	}
	return nil
}

func (a *area) unmapInPlace(flags uintptr) error {
	ok, _, err := procUnmapViewOfFile2.Call(uintptr(windows.CurrentProcess()), uintptr(a.base), flags)
	if ok == 0 {
		return err
	}
	return nil
}

// Release gives the addresses of the region, mapped or retired, back
// (UnmapViewOfFile; VirtualFree with MEM_RELEASE).
func (r Region) Release() error {
	switch r.area.held {
	case viewed:
		return windows.UnmapViewOfFile(r.Addr())
	case viewedInPlace:
		return r.area.unmapInPlace(0)
	case lost:
		return nil
	case allocated, reserved:
	}
	return windows.VirtualFree(r.Addr(), 0, windows.MEM_RELEASE)
}

// Joinable tells whether regions that touch can be given back by one call.
// VirtualFree takes exactly what VirtualAlloc gave.
const Joinable = false

// Join is for systems where [Joinable] is true.
func (r Region) Join(Region) Region { panic("sys: regions of Windows cannot be joined") }

// Bytes returns the memory of the region.
func (r Region) Bytes() []byte {
	if r.area == nil {
		return nil
	}
	return unsafe.Slice((*byte)(r.area.base), r.area.size)
}

// Addr returns the region's first address.
func (r Region) Addr() uintptr {
	if r.area == nil {
		return 0
	}
	return uintptr(r.area.base)
}

// Len returns the region's length in bytes, a multiple of [PageSize].
func (r Region) Len() int {
	if r.area == nil {
		return 0
	}
	return int(r.area.size)
}

// Sync writes the dirty pages of [off, off+n) and waits until they, and the
// file's metadata, are durable (FlushViewOfFile, FlushFileBuffers).
func (r Region) Sync(f File, off, n int) error {
	if err := r.flush(off, n); err != nil {
		return err
	}
	return f.Sync()
}

// flush is FlushViewOfFile. It fails with ERROR_LOCK_VIOLATION while the system
// writes some of the pages on its own account; that passes.
func (r Region) flush(off, n int) error {
	var err error
	for wait := time.Millisecond; wait < 4*time.Second; wait *= 2 {
		err = windows.FlushViewOfFile(r.Addr()+uintptr(off), uintptr(n))
		if !errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
			break
		}
		time.Sleep(wait)
	}
	return err
}

// Protect sets what an access to [off, off+n) may do (VirtualProtect).
func (r Region) Protect(prot Prot, off, n int) error {
	var old uint32
	return windows.VirtualProtect(r.Addr()+uintptr(off), uintptr(n), pageProtection(prot, r.area.private), &old)
}

// workingSet is held while the limits of this process's working set change.
var workingSet sync.Mutex

// Lock loads the range and keeps it in memory (VirtualLock). A process may lock
// a little less than the minimum size of its working set, which is raised when
// it does not suffice (SetProcessWorkingSetSizeEx).
func (r Region) Lock(off, n int) error {
	err := windows.VirtualLock(r.Addr()+uintptr(off), uintptr(n))
	if !errors.Is(err, windows.ERROR_WORKING_SET_QUOTA) {
		return err
	}
	workingSet.Lock()
	defer workingSet.Unlock()
	var least, most uintptr
	var flags uint32
	windows.GetProcessWorkingSetSizeEx(windows.CurrentProcess(), &least, &most, &flags)
	const overhead = 1 << 20
	least += uintptr(n) + overhead
	most = max(most, least+overhead)
	if growErr := windows.SetProcessWorkingSetSizeEx(windows.CurrentProcess(), least, most, flags); growErr != nil {
		return errors.Join(err, growErr)
	}
	return windows.VirtualLock(r.Addr()+uintptr(off), uintptr(n))
}

// Unlock undoes Lock (VirtualUnlock). Windows refuses a range of which a page is
// not locked; then the pages are unlocked one by one.
func (r Region) Unlock(off, n int) error {
	err := windows.VirtualUnlock(r.Addr()+uintptr(off), uintptr(n))
	if !errors.Is(err, windows.ERROR_NOT_LOCKED) {
		return err
	}
	for at := off; at < off+n; at += PageSize {
		err := windows.VirtualUnlock(r.Addr()+uintptr(at), uintptr(PageSize))
		if err != nil && !errors.Is(err, windows.ERROR_NOT_LOCKED) {
			return err
		}
	}
	return nil
}

// Advise hands a hint for [off, off+n), whole pages, to the kernel. Windows has
// one of them: [WillNeed], PrefetchVirtualMemory.
func (r Region) Advise(a Advice, off, n int) error {
	if a != WillNeed || procPrefetchVirtualMemory.Find() != nil {
		return unsupported("this advice")
	}
	memory := struct{ addr, size uintptr }{r.Addr() + uintptr(off), uintptr(n)}
	ok, _, err := procPrefetchVirtualMemory.Call(uintptr(windows.CurrentProcess()), 1, uintptr(unsafe.Pointer(&memory)), 0)
	if ok == 0 {
		return err
	}
	return nil
}

// UnknownAdvice tells whether err is how this kernel says that it does not know
// an advice that newer ones do.
func UnknownAdvice(error) bool { return false }

// Resident fills status, one byte a page from the page at off, with which pages
// are in this process's working set (QueryWorkingSetEx). A page that is not may
// still be in the system's cache.
func (r Region) Resident(off int, status []PageStatus) error {
	const valid = 1
	type page struct{ addr, attributes uintptr }
	pages := make([]page, min(len(status), 4096))
	for len(status) > 0 {
		part := pages[:min(len(pages), len(status))]
		for i := range part {
			part[i] = page{addr: r.Addr() + uintptr(off+i*PageSize)}
		}
		ok, _, err := procQueryWorkingSetEx.Call(uintptr(windows.CurrentProcess()),
			uintptr(unsafe.Pointer(&part[0])), uintptr(len(part))*unsafe.Sizeof(part[0]))
		if ok == 0 {
			return err
		}
		for i, p := range part {
			status[i] = PageStatus(p.attributes & valid)
		}
		status = status[len(part):]
		off += len(part) * PageSize
	}
	return nil
}

// ProbeTells tells whether [Region.Probe] of a store knows a page that cannot be
// provided from one that may only be read.
const ProbeTells = true

// Probe finds out whether a load (or, with write, a store) at off would work,
// without an exception: VirtualQuery for what the page allows, then
// ReadProcessMemory on ourselves for whether it can be had. A nil error says
// that a load would work now, and with write that a store is allowed.
func (r Region) Probe(off int, write bool) error {
	// windows.MemoryBasicInformation has a field too many on 32-bit systems.
	var info struct {
		_, _           uintptr // base address, allocation base
		_              uint32  // allocation protect
		_              uintptr // region size
		state, protect uint32
		_              uint32 // type
	}
	addr := r.Addr() + uintptr(off)
	if ok, _, err := procVirtualQuery.Call(addr, uintptr(unsafe.Pointer(&info)), unsafe.Sizeof(info)); ok == 0 {
		return err
	}
	allowed := uint32(windows.PAGE_READWRITE | windows.PAGE_WRITECOPY |
		windows.PAGE_EXECUTE_READWRITE | windows.PAGE_EXECUTE_WRITECOPY)
	if !write {
		allowed |= windows.PAGE_READONLY | windows.PAGE_EXECUTE_READ
	}
	if info.state != windows.MEM_COMMIT || info.protect&allowed == 0 {
		return ErrProtected
	}
	var b byte
	var n uintptr
	if windows.ReadProcessMemory(windows.CurrentProcess(), addr, &b, 1, &n) != nil {
		return ErrBus
	}
	return nil
}

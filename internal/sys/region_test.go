package sys

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"
)

// pattern returns n bytes that differ from page to page.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8*13 + i>>16*31)
	}
	return b
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// orUnsupported fails unless err is nil or says that this system has no such call.
// It tells whether the call was made.
func orUnsupported(t testing.TB, what string, err error) bool {
	t.Helper()
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%s: %v", what, err)
	}
	return err == nil
}

// scratch makes a file of content, open for reading and writing.
func scratch(t testing.TB, content []byte) File {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, content, 0o644))
	f, err := OpenFile(path, Write, 0)
	must(t, err)
	t.Cleanup(func() { must(t, f.Close()) })
	return f
}

func mapped(t testing.TB, f File, offset int64, size int, prot Prot, sharing Sharing) Region {
	t.Helper()
	r, err := MapFile(f, offset, size, prot, sharing)
	if errors.Is(err, errors.ErrUnsupported) && !Mapped {
		t.Skip(err)
	}
	must(t, err)
	t.Cleanup(func() { must(t, r.Release()) })
	return r
}

// faults tells whether f touches memory that may not be touched.
func faults(f func()) (fault bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { fault = recover() != nil }()
	f()
	return false
}

var modes = []struct {
	name    string
	prot    Prot
	sharing Sharing
}{
	{"read-only", ProtRead, Shared},
	{"read-write", ProtRead | ProtWrite, Shared},
	{"private", ProtRead | ProtWrite, Private},
}

func TestMapFile(t *testing.T) {
	content := pattern(3*Granularity + 17)
	for _, mode := range modes {
		for _, offset := range []int{0, Granularity, 3 * Granularity} {
			for _, size := range []int{1, PageSize - 1, PageSize, PageSize + 1, Granularity + 1, len(content) - offset} {
				if offset+size > len(content) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d+%d", mode.name, offset, size), func(t *testing.T) {
					f := scratch(t, content)
					r := mapped(t, f, int64(offset), size, mode.prot, mode.sharing)
					if r.Len()%PageSize != 0 || r.Len() < size || r.Len() >= size+PageSize || r.Addr()%uintptr(PageSize) != 0 {
						t.Errorf("%d bytes at %#x for %d", r.Len(), r.Addr(), size)
					}
					if !bytes.Equal(r.Bytes()[:size], content[offset:offset+size]) {
						t.Error("not the file's bytes")
					}
					if mode.prot&ProtWrite == 0 {
						if Mapped && !faults(func() { r.Bytes()[0]++ }) {
							t.Error("a store to read-only memory succeeded")
						}
						return
					}
					r.Bytes()[size-1]++
					var got [1]byte
					_, err := f.ReadAt(got[:], int64(offset+size-1))
					must(t, err)
					want := content[offset+size-1]
					if mode.sharing == Shared {
						want++
					}
					if got[0] != want {
						t.Errorf("the file has %d after the store, want %d", got[0], want)
					}
				})
			}
		}
	}
}

func TestWritesReachTheMapping(t *testing.T) {
	if !Mapped {
		t.Skip("a region is a copy")
	}
	f := scratch(t, pattern(2*PageSize))
	r := mapped(t, f, 0, 2*PageSize, ProtRead, Shared)
	_, err := f.WriteAt([]byte("here"), int64(PageSize)-2)
	must(t, err)
	if got := string(r.Bytes()[PageSize-2 : PageSize+2]); got != "here" {
		t.Errorf("the mapping has %q", got)
	}
}

func TestExecutable(t *testing.T) {
	f := scratch(t, pattern(PageSize))
	for _, mode := range modes {
		r, err := MapFile(f, 0, PageSize, mode.prot|ProtExec, mode.sharing)
		if orUnsupported(t, mode.name, err) {
			must(t, r.Release())
		}
	}
	r, err := MapAnonymous(PageSize, ProtRead|ProtWrite|ProtExec, true)
	if orUnsupported(t, "anonymous", err) {
		must(t, r.Release())
	}
}

func TestMapAnonymous(t *testing.T) {
	for _, reserve := range []bool{false, true} {
		r, err := MapAnonymous(Granularity+1, ProtRead|ProtWrite, reserve)
		must(t, err)
		if len(bytes.Trim(r.Bytes(), "\x00")) != 0 {
			t.Error("not zero")
		}
		r.Bytes()[r.Len()-1] = 1
		must(t, r.Retire())
		if Mapped && !faults(func() { r.Bytes()[0]++ }) {
			t.Error("no fault after Retire")
		}
		must(t, r.Release())
	}
}

// What is mapped between Retire and Release must go elsewhere.
func TestRetireKeepsTheAddresses(t *testing.T) {
	if !Mapped {
		t.Skip("a region is a copy")
	}
	const size = 5 << 10
	f := scratch(t, pattern(size))
	for _, mode := range modes {
		t.Run(mode.name, func(t *testing.T) {
			var retired, fresh []Region
			for range 64 {
				r, err := MapFile(f, 0, size, mode.prot, mode.sharing)
				must(t, err)
				must(t, r.Retire())
				if !faults(func() { _ = r.Bytes()[r.Len()-1] }) && !faults(func() { r.Bytes()[0] = 1 }) {
					t.Fatal("no fault after Retire")
				}
				retired = append(retired, r)
				next, err := MapFile(f, 0, size, mode.prot, mode.sharing)
				must(t, err)
				fresh = append(fresh, next)
			}
			for _, a := range retired {
				for _, b := range fresh {
					if a.Addr() < b.Addr()+uintptr(b.Len()) && b.Addr() < a.Addr()+uintptr(a.Len()) {
						t.Fatalf("[%#x, +%#x) was given away while it was reserved", a.Addr(), a.Len())
					}
				}
			}
			for _, r := range append(retired, fresh...) {
				must(t, r.Release())
			}
		})
	}
}

func TestZeroRegionIsEmpty(t *testing.T) {
	var r Region
	if r.Len() != 0 || r.Addr() != 0 || len(r.Bytes()) != 0 {
		t.Errorf("%d bytes at %#x", r.Len(), r.Addr())
	}
}

func TestJoin(t *testing.T) {
	if !Joinable {
		t.Skip("regions are given back one by one")
	}
	r, err := MapAnonymous(2*PageSize, ProtRead|ProtWrite, true)
	must(t, err)
	must(t, r.Release())
}

func TestProtectAndProbe(t *testing.T) {
	f := scratch(t, pattern(2*PageSize))
	for _, mode := range modes[1:] {
		t.Run(mode.name, func(t *testing.T) {
			r := mapped(t, f, 0, 2*PageSize, mode.prot, mode.sharing)
			must(t, r.Probe(PageSize+1, false))
			must(t, r.Probe(PageSize+1, true))
			if !orUnsupported(t, "protect", r.Protect(ProtRead, PageSize, PageSize)) {
				return
			}
			must(t, r.Probe(PageSize+1, false))
			must(t, r.Probe(PageSize-1, true))
			if r.Probe(PageSize+1, true) == nil {
				t.Error("a store to a read-only page would work")
			}
			if faults(func() { r.Bytes()[PageSize-1]++ }) || !faults(func() { r.Bytes()[PageSize]++ }) {
				t.Error("the wrong page is protected")
			}
			must(t, r.Protect(mode.prot, PageSize, PageSize))
			r.Bytes()[PageSize]++
			must(t, r.Protect(0, 0, r.Len()))
			if !faults(func() { r.Bytes()[0]++ }) {
				t.Error("no fault without any access")
			}
		})
	}
}

func TestProbeSeesTheFilesEnd(t *testing.T) {
	if !Mapped || runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot become shorter")
	}
	f := scratch(t, pattern(2*PageSize))
	r := mapped(t, f, 0, 2*PageSize, ProtRead|ProtWrite, Shared)
	must(t, f.Truncate(1))
	must(t, r.Probe(0, true))
	for _, write := range []bool{false, true} {
		if err := r.Probe(PageSize, write); !errors.Is(err, ErrBus) {
			t.Errorf("beyond the end: %v", err)
		}
	}
}

func TestProbeChangesNothing(t *testing.T) {
	content := pattern(PageSize)
	f := scratch(t, content)
	r := mapped(t, f, 0, PageSize, ProtRead|ProtWrite, Private)
	for off := range 16 {
		must(t, r.Probe(off, true))
	}
	if !bytes.Equal(r.Bytes(), content) {
		t.Error("bytes changed")
	}
}

func TestLock(t *testing.T) {
	f := scratch(t, pattern(64*PageSize))
	r := mapped(t, f, 0, 64*PageSize, ProtRead, Shared)
	must(t, ignore(r.Unlock(0, r.Len()), errors.ErrUnsupported)) // nothing is locked
	err := r.Lock(0, 3*PageSize)
	if IsLockLimit(err) {
		t.Skip(err)
	}
	if !orUnsupported(t, "lock", err) {
		return
	}
	must(t, r.Lock(PageSize, PageSize))
	must(t, r.Unlock(0, r.Len()))
	must(t, r.Unlock(0, r.Len()))
}

// More than the working set that a Windows process begins with.
func TestLockMuch(t *testing.T) {
	r, err := MapAnonymous(4<<20, ProtRead|ProtWrite, true)
	must(t, err)
	defer func() { must(t, r.Release()) }()
	err = r.Lock(0, r.Len())
	if IsLockLimit(err) {
		t.Skip(err)
	}
	if orUnsupported(t, "lock", err) {
		must(t, r.Unlock(0, r.Len()))
	}
}

func TestAdvise(t *testing.T) {
	f := scratch(t, pattern(4*PageSize))
	r := mapped(t, f, 0, 4*PageSize, ProtRead, Shared)
	for a := Normal; a <= WillNeed; a++ {
		orUnsupported(t, fmt.Sprintf("advice %d", a), r.Advise(a, PageSize, 2*PageSize))
	}
	for a := Cold; a <= KeepOnFork; a++ {
		if err := r.Advise(a, PageSize, PageSize); runtime.GOOS != "linux" && a != Free && a != DontDump && a != DoDump &&
			!errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("advice %d: %v", a, err)
		}
	}
}

func TestResident(t *testing.T) {
	const pages = 9
	f := scratch(t, pattern(pages*PageSize))
	if !f.ResidencyKnown() {
		t.Skip("the kernel does not tell")
	}
	r := mapped(t, f, 0, pages*PageSize, ProtRead, Shared)
	sum := byte(0)
	for i := range pages {
		sum += r.Bytes()[i*PageSize]
	}
	status := make([]PageStatus, pages-1)
	if !orUnsupported(t, "resident", r.Resident(PageSize, status)) {
		return
	}
	for i, s := range status {
		if s != Resident {
			t.Errorf("page %d was touched and is not resident (%d)", i+1, sum)
		}
	}
	must(t, r.Resident(0, nil))
}

func TestSync(t *testing.T) {
	f := scratch(t, pattern(3*PageSize))
	r := mapped(t, f, 0, 3*PageSize, ProtRead|ProtWrite, Shared)
	r.Bytes()[PageSize]++
	must(t, f.StartWriteback(r, 0, PageSize, PageSize))
	must(t, r.Sync(f, PageSize, 2*PageSize))
	must(t, f.Sync())
}

func TestSyncReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, pattern(PageSize), 0o644))
	f, err := OpenFile(path, 0, 0)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	r := mapped(t, f, 0, PageSize, ProtRead, Shared)
	must(t, r.Sync(f, 0, PageSize))
}

func ignore(err, target error) error {
	if errors.Is(err, target) {
		return nil
	}
	return err
}

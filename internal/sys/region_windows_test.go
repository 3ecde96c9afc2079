package sys

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/windows"
)

// A view of any length fits the placeholder made for it, wherever there are
// placeholders: else Retire would fall back silently.
func TestViewsGoIntoPlaceholders(t *testing.T) {
	if procVirtualAlloc2.Find() != nil || procMapViewOfFile3.Find() != nil || procUnmapViewOfFile2.Find() != nil {
		t.Skip("before Windows 10 1803 there are no placeholders")
	}
	f := scratch(t, pattern(3*Granularity+17))
	for _, mode := range modes {
		for _, size := range []int{1, PageSize, Granularity + 1, 2*Granularity + 17} {
			r := mapped(t, f, int64(Granularity), size, mode.prot, mode.sharing)
			if r.area.held != viewedInPlace {
				t.Errorf("%s, %d bytes: held as %d", mode.name, size, r.area.held)
			}
		}
	}
}

// Retire of a view that is in no placeholder: the way of older systems.
func TestRetireWithoutPlaceholder(t *testing.T) {
	const size = 5 << 10
	f := scratch(t, pattern(size))
	for _, mode := range modes {
		section, err := newSection(f, mode.prot, mode.sharing)
		must(t, err)
		a := &area{size: roundUp(size), private: mode.sharing == Private}
		must(t, a.view(section, 0, size, mode.prot))
		must(t, windows.CloseHandle(section))
		r := Region{a}
		if r.Bytes()[size-1] != pattern(size)[size-1] {
			t.Error("not the file's bytes")
		}
		must(t, r.Retire())
		if a.held != reserved {
			t.Errorf("held as %d", a.held)
		}
		if !faults(func() { r.Bytes()[0]++ }) {
			t.Error("no fault after Retire")
		}
		must(t, r.Release())
	}
}

// Somebody else was quicker: the addresses are theirs and stay so.
func TestLostAddressesAreLeftAlone(t *testing.T) {
	r, err := MapAnonymous(PageSize, ProtRead|ProtWrite, true)
	must(t, err)
	lostRegion := Region{&area{base: r.area.base, size: r.area.size, held: lost}}
	must(t, lostRegion.Retire())
	must(t, lostRegion.Release())
	r.Bytes()[0]++
	must(t, r.Release())
}

// A mapped file keeps its length on Windows; docs/support.md says so.
func TestMappedFileCannotBecomeShorter(t *testing.T) {
	f := scratch(t, pattern(3*PageSize))
	r, err := MapFile(f, 0, 3*PageSize, ProtRead, Shared)
	must(t, err)
	if err := f.Truncate(1); !errors.Is(err, windows.ERROR_USER_MAPPED_FILE) {
		t.Errorf("truncating a mapped file: %v", err)
	}
	must(t, r.Retire())
	must(t, r.Release())
	must(t, f.Truncate(1))
}

// Of the permissions the owner's write bit becomes the read-only attribute.
func TestReadOnlyAttribute(t *testing.T) {
	for _, perm := range []uint32{0o444, 0o644} {
		path := filepath.Join(t.TempDir(), "file")
		f, err := OpenFile(path, Write|Create|Excl, perm)
		must(t, err)
		must(t, f.Close())
		st, err := os.Stat(path)
		must(t, err)
		if got := uint32(st.Mode().Perm()); got&0o200 != perm&0o200 {
			t.Errorf("%o was made for %o", got, perm)
		}
		must(t, os.Chmod(path, 0o644))
	}
}

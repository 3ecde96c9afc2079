package filemap

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap/internal/sys"
)

// faultCounter counts the major faults that this thread takes in its own code,
// as opposed to those that the kernel serves inside a system call: of the latter
// getrusage(2) counts populating too.
func faultCounter(t *testing.T) func() uint64 {
	attr := unix.PerfEventAttr{
		Type:   unix.PERF_TYPE_SOFTWARE,
		Size:   uint32(unsafe.Sizeof(unix.PerfEventAttr{})),
		Config: unix.PERF_COUNT_SW_PAGE_FAULTS_MAJ,
		Bits:   unix.PerfBitExcludeKernel | unix.PerfBitExcludeHv,
	}
	fd, err := unix.PerfEventOpen(&attr, 0, -1, -1, unix.PERF_FLAG_FD_CLOEXEC)
	if err != nil {
		t.Skipf("needs perf_event_open: %v", err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	return func() uint64 {
		var count [8]byte
		if n, err := unix.Read(fd, count[:]); n != 8 || err != nil {
			t.Fatal(n, err)
		}
		return binary.NativeEndian.Uint64(count[:])
	}
}

// coldFile is a file of size bytes that the page cache does not have.
func coldFile(t *testing.T, size int) (path string, evict func()) {
	path = filepath.Join(t.TempDir(), "cold")
	if err := os.WriteFile(path, bytes.Repeat([]byte{7}, size), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	evict = func() {
		if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED); err != nil {
			t.Fatal(err)
		}
		var stat unix.Cachestat_t
		if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{Len: uint64(size)}, &stat, 0); err != nil {
			t.Skipf("needs cachestat (Linux 6.5): %v", err)
		}
		if stat.Cache != 0 {
			t.Skipf("needs a file system that evicts: %d pages stay", stat.Cache)
		}
	}
	evict()
	return path, evict
}

// TestColdAccessTakesNoMajorFault: methods wait for the disk in system calls.
func TestColdAccessTakesNoMajorFault(t *testing.T) {
	for _, c := range []struct {
		name string
		mode Mode
		use  func(m *Map, off int64) error
	}{
		{"ReadAt", ReadOnly, func(m *Map, off int64) error { _, err := m.ReadAt(make([]byte, 5000), off); return err }},
		{"ReadAt private", Private, func(m *Map, off int64) error { _, err := m.ReadAt(make([]byte, 5000), off); return err }},
		{"WriteAt", ReadWrite, func(m *Map, off int64) error { _, err := m.WriteAt(make([]byte, 5000), off); return err }},
		{"WriteAt private", Private, func(m *Map, off int64) error { _, err := m.WriteAt(make([]byte, 5000), off); return err }},
		{"Load", ReadOnly, func(m *Map, off int64) error { _, err := Load[int64](m, off); return err }},
		{"Store", ReadWrite, func(m *Map, off int64) error { return Store(m, off, 1) }},
		{"View", ReadOnly, func(m *Map, off int64) error {
			return m.View(off, 5000, func(b []byte) error { bytes.Count(b, []byte{1}); return nil })
		}},
		{"Update", ReadWrite, func(m *Map, off int64) error {
			return m.Update(off, 5000, func(b []byte) error { clear(b); return nil })
		}},
		{"a slice, which does", ReadOnly, func(m *Map, off int64) error {
			bytes.Count(m.data[off:off+5000], []byte{1})
			return nil
		}},
		{"Populate, then Bytes", ReadOnly, func(m *Map, off int64) error {
			err := m.Populate(t.Context(), off, 5000, nil)
			bytes.Count(m.data[off:off+5000], []byte{1})
			return err
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			majorFaults := faultCounter(t)
			path, evict := coldFile(t, 8<<20)
			for range 3 {
				m, err := Open(path, c.mode, Random)
				if err != nil {
					t.Fatal(err)
				}
				before := majorFaults()
				for off := int64(1000); off < 8<<20-5000; off += 1 << 20 {
					if err := c.use(m, off); err != nil {
						t.Error(err)
					}
				}
				// One may slip through: the kernel may take a page away between the
				// load and the touch.
				if got := majorFaults() - before; (got > 1) != (c.name == "a slice, which does") {
					t.Errorf("%d major faults", got)
				}
				if c.mode == ReadWrite {
					if err := m.Sync(); err != nil {
						t.Error(err)
					}
				}
				if err := m.Close(); err != nil {
					t.Error(err)
				}
				evict()
			}
		})
	}
}

// TestKnownPages: the first read goes to the disk, the second finds the page cache
// and maps, and from then on it is a copy; eviction is noticed by one of some
// hundred reads.
func TestKnownPages(t *testing.T) {
	path, evict := coldFile(t, 1<<20)
	m, err := Open(path, Random)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	p, page := make([]byte, 100), 50_000/sys.PageSize
	for range 2 {
		if _, err := m.ReadAt(p, 50_000); err != nil {
			t.Fatal(err)
		}
	}
	if !m.known.has(page, page) {
		t.Error("not known after two reads")
	}
	if err := m.AdviseDestructive(DontNeed, 0, ToEnd); err != nil { // so that it can be evicted
		t.Fatal(err)
	}
	if m.known.has(page, page) {
		t.Error("still known after DontNeed")
	}
	m.known.learn(0, len(m.data)/sys.PageSize-1)
	evict()
	for range 100_000 {
		if m.resident(50_000, 1) == false {
			return
		}
	}
	// A disk that answers at once delivers the page to whoever asks about it.
	if r, err := m.Residency(t.Context(), 50_000, 1); err != nil || r.ResidentPages == 0 {
		t.Errorf("nobody noticed the eviction: %+v, %v", r, err)
	}
}

package filemap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

// inPieces makes a file of size bytes by writes of piece bytes each, which decides
// how large its folios are.
func inPieces(t *testing.T, size, piece int) string {
	path := filepath.Join(t.TempDir(), "file")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for done := 0; done < size; done += piece {
		if _, err := f.Write(bytes.Repeat([]byte{1}, piece)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// present counts the pages of m that have a translation.
func present(t *testing.T, m *Map) (count int) {
	f, err := os.Open("/proc/self/pagemap")
	if err != nil {
		t.Skipf("needs pagemap: %v", err)
	}
	defer f.Close()
	entries := make([]byte, m.region.Len()/sys.PageSize*8)
	if _, err := f.ReadAt(entries, int64(m.region.Addr())/int64(sys.PageSize)*8); err != nil {
		t.Fatal(err)
	}
	for ; len(entries) > 0; entries = entries[8:] {
		count += int(binary.NativeEndian.Uint64(entries) >> 63)
	}
	return count
}

// TestSyncUnmapsLargeFolios: after a Sync the dirty pages of large folios have no
// translation, those of small ones keep theirs, and so do clean ones.
func TestSyncUnmapsLargeFolios(t *testing.T) {
	const size = 16 << 20
	for _, test := range []struct {
		piece int
		large bool
	}{{4096, false}, {1 << 20, true}} {
		m, err := Open(inPieces(t, size, test.piece), ReadWrite)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		b := m.Bytes()
		store := func(from, to int) {
			for off := from; off < to; off += sys.PageSize {
				b[off]++
			}
		}
		store(0, size)
		if n, err := m.region.MappedTogether(0, window); err != nil || test.large != (n >= together()) {
			t.Skipf("needs a file system that makes folios as large as the writes: %d pages together, %v", n, err)
		}
		// Again if need be: what the kernel has written by itself is not dirty, and
		// stays mapped.
		syncUntil := func(from, to int, enough func(before, after int) bool) (before, after int) {
			for range 20 {
				for off := 0; off < size; off += sys.PageSize {
					_ = b[off]
				}
				store(from, to)
				before = present(t, m)
				if err := m.Sync(); err != nil {
					t.Fatal(err)
				}
				if after = present(t, m); enough(before, after) {
					break
				}
			}
			return before, after
		}
		all := size / sys.PageSize
		if _, got := syncUntil(0, size, func(_, after int) bool { return (after <= all/2) == test.large }); (got > all/2) == test.large {
			t.Errorf("pieces of %d: %d of %d pages mapped after Sync", test.piece, got, all)
		}
		if test.large {
			one := func(before, after int) bool { return after <= before-256 && after >= before-window/sys.PageSize }
			if before, after := syncUntil(5<<20, 6<<20, one); !one(before, after) {
				t.Errorf("pieces of %d: %d pages mapped before a Sync of one window, %d after", test.piece, before, after)
			}
		}
		if err := m.Sync(); err != nil { // nothing to write, nothing to unmap
			t.Fatal(err)
		}
	}
}

// TestStoresDuringSync: what is stored while a Sync unmaps is not lost.
func TestStoresDuringSync(t *testing.T) {
	const size = 8 << 20
	path := inPieces(t, size, 1<<20)
	m, err := Open(path, ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	var stop atomic.Bool
	var writers, begun sync.WaitGroup
	counts := make([]uint32, 2)
	for w := range counts {
		begun.Add(1)
		writers.Go(func() {
			b := m.Bytes()
			for n := uint32(1); n == 1 || !stop.Load(); n++ {
				for off := w * 4; off < size; off += 4 * sys.PageSize {
					binary.NativeEndian.PutUint32(b[off:], n)
				}
				if counts[w] = n; n == 1 {
					begun.Done()
				}
				runtime.Gosched() // nobody may take the processor from a loop that calls nothing
			}
		})
	}
	begun.Wait()
	for range 20 {
		if err := m.Sync(); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	writers.Wait()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for w, want := range counts {
		for off := w * 4; off < size; off += 4 * sys.PageSize {
			if got := binary.NativeEndian.Uint32(b[off:]); got != want {
				t.Fatalf("at %d: %d, not the %d stored last", off, got, want)
			}
		}
	}
}

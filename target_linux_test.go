package filemap

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

func mustOpen(t *testing.T, path string, options ...Option) *Map {
	t.Helper()
	m, err := Open(path, append([]Option{ReadWrite}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

func storeAt(t *testing.T, m *Map, offs ...int64) {
	t.Helper()
	for _, off := range offs {
		if err := m.Update(off, 1, func(b []byte) error { b[0]++; return nil }); err != nil {
			t.Fatal(err)
		}
	}
}

// mappedTogether is how many pages one fault maps in the window that begins at off
// of the file.
func mappedTogether(t *testing.T, path string, off int) int {
	t.Helper()
	m := mustOpen(t, path)
	n, err := m.region.MappedTogether(off, window)
	if err != nil {
		t.Skipf("needs pagemap: %v", err)
	}
	return n
}

// largeFolios makes a file of which all folios are large, as far as the windows'
// middles tell; memory in small pieces may keep one or the other from it.
func largeFolios(t *testing.T, size int) string {
	var path string
	smallest := 0
	for range 5 {
		path, smallest = inPieces(t, size, 2<<20), size
		for off := 0; off < size; off += window {
			smallest = min(smallest, mappedTogether(t, path, off))
		}
		if smallest >= together() {
			return path
		}
	}
	t.Skipf("needs a file system that makes folios as large as the writes: %d pages together", smallest)
	return path
}

// TestSyncSplitsFolios: where single pages were written, twice in a window, the
// folio is split by the sync after them, and the others stay large.
func TestSyncSplitsFolios(t *testing.T) {
	const size, middle, large = 16 << 20, window / 2, 12<<20 + window/2
	for name, option := range map[string]Option{"staged": Staged, "atomic": Atomic} {
		t.Run(name, func(t *testing.T) {
			path := largeFolios(t, size)
			m := mustOpen(t, path, option)
			storeAt(t, m, middle, middle+4<<12, 4<<20+middle, 8<<20+middle, 8<<20+middle+10<<12)
			for off := int64(large); off < large+splitBelow; off += int64(sys.PageSize) { // one large write
				storeAt(t, m, off)
			}
			if err := m.Sync(); err != nil {
				t.Fatal(err)
			}
			if option == Atomic { // whose Sync is of the journal
				if err := m.stage.target.Sync(); err != nil {
					t.Fatal(err)
				}
			}
			for off, split := range map[int]bool{0: true, 2 << 20: false, 4 << 20: false, 8 << 20: true, 12 << 20: false} {
				if n := mappedTogether(t, path, off); (n < together()) != split {
					t.Errorf("at %d %d pages are mapped together; split: %v", off, n, split)
				}
			}
		})
	}
}

// TestSplitIsForgotten: a window that was split is looked at again some time later,
// when its pages may have gone and come back in a large folio.
func TestSplitIsForgotten(t *testing.T) {
	f, err := sys.OpenFile(inPieces(t, 4<<20, 1<<20), sys.Write, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	target := newTarget(f)
	counted := 0
	for range 3 * splitSyncs {
		for range splitAfter {
			if _, err := target.WriteAt([]byte{1}, 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		counted += len(target.writes)
		if err := target.Sync(); err != nil {
			t.Fatal(err)
		}
	}
	if counted < 3 || counted > 4 || len(target.writes) != 0 {
		t.Errorf("a window that is split was counted %d times in %d syncs", counted, 3*splitSyncs)
	}
}

// TestStagedReadsMapTheSecondTime: a page that is read once stays unmapped, so that
// a store to it is cheap; and after a Sync its pages are not thought mapped.
func TestStagedReadsMapTheSecondTime(t *testing.T) {
	m := mustOpen(t, inPieces(t, 4<<20, 4096), Staged)
	read := func() byte {
		b := make([]byte, 100)
		if _, err := m.ReadAt(b, 1<<20); err != nil {
			t.Fatal(err)
		}
		return b[0]
	}
	read()
	if n := present(t, m); n != 0 {
		t.Errorf("%d pages are mapped by the first read", n)
	}
	storeAt(t, m, 1<<20)
	if got := read(); got != 2 {
		t.Errorf("%d is read of what was stored", got)
	}
	if err := m.Sync(); err != nil {
		t.Fatal(err)
	}
	if page := m.pageOf(1 << 20); m.known.has(page, page) {
		t.Error("a page that was let go is thought mapped")
	}
	if got := read(); got != 2 {
		t.Errorf("%d is read of what was synced", got)
	}
	if n := present(t, m); n != 0 {
		t.Errorf("%d pages are mapped by the first read after a sync", n)
	}
	read()
	if n := present(t, m); n == 0 {
		t.Error("no page is mapped by the next read")
	}
}

// TestCutOffWhileWritten: pages that somebody cuts off the file between the look at
// its size and the write are an error, not a crash.
func TestCutOffWhileWritten(t *testing.T) {
	path := inPieces(t, 1<<20, 4096)
	m := mustOpen(t, path, Staged)
	storeAt(t, m, 900<<10)
	if err := os.Truncate(path, 4096); err != nil {
		t.Fatal(err)
	}
	err := m.writeSpan(sys.Span{Off: 900 << 10, Len: sys.PageSize}, m.Len(), make([]byte, 100))
	var typed *Error
	if !errors.As(err, &typed) || !errors.Is(err, ErrTruncated) || typed.Offset != 900<<10 {
		t.Errorf("%v", err)
	}
	if st, err := os.Stat(path); err != nil || st.Size() != 4096 {
		t.Errorf("the file is %v, %v", st, err)
	}
}

// TestWriteSpan: in pieces of any size, a span's bytes end where they belong.
func TestWriteSpan(t *testing.T) {
	path := inPieces(t, 1<<20, 4096)
	m := mustOpen(t, path, Staged, Range(8192, 900_000))
	content := make([]byte, 900_000)
	for i := range content {
		content[i] = byte(i >> 8)
	}
	if _, err := m.WriteAt(content, 0); err != nil {
		t.Fatal(err)
	}
	if err := m.writeSpan(sys.Span{Len: m.region.Len()}, m.Len(), make([]byte, 1000)); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(b[8192:][:900_000], content) || bytes.ContainsFunc(b[:8192], func(r rune) bool { return r != 1 }) {
		t.Errorf("the file has other bytes: %v", err)
	}
}

// TestStagedReadsWhatWasStored: ReadAt of pages that are not known to be mapped finds
// what was stored to them, by a method or through a slice, and not the file's bytes.
func TestStagedReadsWhatWasStored(t *testing.T) {
	for name, store := range map[string]func(m *Map){
		"method": func(m *Map) { storeAt(t, m, 1<<20) },
		"slice":  func(m *Map) { m.Bytes()[1<<20]++ },
	} {
		t.Run(name, func(t *testing.T) {
			m := mustOpen(t, inPieces(t, 4<<20, 4096), Staged)
			store(m)
			m.known.forget()
			for range 3 {
				b := make([]byte, 3*sys.PageSize) // its page is one of several
				if _, err := m.ReadAt(b, 1<<20-int64(sys.PageSize)); err != nil || b[sys.PageSize] != 2 || b[0] != 1 {
					t.Errorf("%d and %d, %v", b[sys.PageSize], b[0], err)
				}
			}
		})
	}
}

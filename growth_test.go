package filemap_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/filemap-go/filemap"
)

const reserved = 64 << 20

// reserve makes a file of content and maps it with room to grow.
func reserve(t testing.TB, content []byte, options ...filemap.Option) (m *filemap.Map, path string) {
	t.Helper()
	path = writeFile(t, content)
	return open(t, path, append([]filemap.Option{filemap.ReadWrite, filemap.Reserve(reserved)}, options...)...), path
}

func wantFile(t testing.TB, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("the file has %d bytes, not the %d wanted, or others (%v)", len(got), len(want), err)
	}
}

// bothWays runs f with both ways to have room for a file that grows.
func bothWays(t *testing.T, f func(t *testing.T)) {
	t.Run("beyond the end", f)
	t.Run("in a long file", func(t *testing.T) {
		defer filemap.MapNothingBeyondEnd()()
		f(t)
	})
}

// wantLength checks that the file is at least as long as the Map.
func wantLength(t testing.TB, path string, want int64) {
	t.Helper()
	st, err := os.Stat(path)
	if err != nil || st.Size() < want {
		t.Errorf("the file has %v bytes, not %d (%v)", st.Size(), want, err)
	}
}

func TestResizeKeepsPointers(t *testing.T) { bothWays(t, testResizeKeepsPointers) }

func testResizeKeepsPointers(t *testing.T) {
	for _, flag := range []filemap.Flag{0, filemap.Sparse} {
		path := filepath.Join(t.TempDir(), "file")
		m, err := filemap.Create(path, 5000, flag, filemap.Reserve(reserved))
		skipUnsupported(t, err)
		if err != nil {
			t.Fatal(err)
		}
		first := m.Bytes()
		number, err := filemap.PointerTo[uint64](m, 4096)
		if err != nil {
			t.Fatal(err)
		}
		*number = 42
		for _, n := range []int64{5001, 1 << 20, 3 << 20, 4104, reserved, 5000} {
			if err := m.Resize(n); err != nil {
				t.Fatal(err)
			}
			if m.Len() != n || int64(len(m.Bytes())) != n || m.Reserved() != reserved {
				t.Fatalf("resized to %d: Len %d, Reserved %d", n, m.Len(), m.Reserved())
			}
			if unsafe.SliceData(m.Bytes()) != unsafe.SliceData(first) || *number != 42 {
				t.Fatalf("resized to %d: the bytes moved, or %d is not 42", n, *number)
			}
			if n > 5000 {
				m.Bytes()[n-1] = 7
			}
			wantLength(t, path, n)
			if err := m.Sync(); err != nil {
				t.Fatal(err)
			}
		}
		want := bytes.Clone(m.Bytes())
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		wantFile(t, path, want)
	}
}

// needResizable skips where a mapped file keeps its length.
func needResizable(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be resized on windows")
	}
}

// TestShrinkFaultsAsError: what was cut off is an error, and zero when it is back.
func TestShrinkFaultsAsError(t *testing.T) {
	needResizable(t)
	page := int64(filemap.PageBytes())
	m, path := reserve(t, pattern(int(10*page)))
	stale := m.Bytes()
	if err := m.Resize(3*page + 100); err != nil {
		t.Fatal(err)
	}
	err := m.Guard(func() error { stale[7*page]++; return nil })
	wantError(t, err, filemap.ErrTruncated)
	_, err = m.Slice(3*page+100, 1)
	wantError(t, err, filemap.ErrBounds)
	if _, err := m.ReadAt(make([]byte, 1), 3*page+100); !errors.Is(err, io.EOF) {
		t.Errorf("read at the new end: %v", err)
	}
	if err := m.Resize(8 * page); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 8*page)
	copy(want, pattern(int(10 * page))[:3*page+100])
	if !bytes.Equal(m.Bytes(), want) {
		t.Error("bytes that were cut off are back, or others")
	}
	if stale[7*page] != 0 {
		t.Error("the slice from before does not show the file")
	}
	wantFile(t, path, want)
}

func TestGrowthErrors(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	tests := []struct {
		name    string
		options []filemap.Option
		size    int64
		want    error
	}{
		{"beyond the reserve", []filemap.Option{filemap.ReadWrite, filemap.Reserve(20_000)}, 20_001, filemap.ErrReserved},
		{"nothing reserved", []filemap.Option{filemap.ReadWrite}, 10_001, filemap.ErrReserved},
		{"negative", []filemap.Option{filemap.ReadWrite, filemap.Reserve(20_000)}, -1, filemap.ErrBounds},
		{"read-only", []filemap.Option{filemap.Reserve(20_000)}, 11_000, filemap.ErrReadOnly},
		{"private", []filemap.Option{filemap.Private}, 5000, filemap.ErrPrivate},
		{"range with a length", []filemap.Option{filemap.ReadWrite, filemap.Range(0, 5000)}, 4000, filemap.ErrOption},
		{"no descriptor", []filemap.Option{filemap.ReadWrite, filemap.NoDescriptor}, 4000, filemap.ErrNoFile},
	}
	for _, test := range tests {
		m := open(t, path, test.options...)
		if test.name == "no descriptor" && m.StartWriteback(0, filemap.ToEnd) == nil {
			closeQuietly(t, m)
			continue // it is kept here
		}
		wantError(t, m.Resize(test.size), test.want)
		if test.name == "beyond the reserve" {
			_, err := m.Append(make([]byte, 10_001))
			wantError(t, err, test.want)
		}
		if m.Len() != 10_000 && test.name != "range with a length" {
			t.Errorf("%s: Len is %d", test.name, m.Len())
		}
		closeQuietly(t, m)
	}
	wantFile(t, path, pattern(10_000))
	for _, options := range [][]filemap.Option{
		{filemap.Private, filemap.Reserve(1 << 20)},
		{filemap.Range(0, 100), filemap.Reserve(1 << 20)},
		{filemap.Reserve(-1)},
	} {
		if m, err := filemap.Open(path, options...); err == nil {
			t.Errorf("%v: no error", options)
			closeQuietly(t, m)
		}
	}
	m := open(t, path, filemap.ReadWrite)
	closeQuietly(t, m)
	wantError(t, m.Resize(1), filemap.ErrClosed)
	_, err := m.Append(nil)
	wantError(t, err, filemap.ErrClosed)
	_, err = m.Refresh()
	wantError(t, err, filemap.ErrClosed)
	_, err = m.Move(1)
	wantError(t, err, filemap.ErrClosed)
}

// TestEmptyFileGrows: the most usual begin of a log.
func TestEmptyFileGrows(t *testing.T) { bothWays(t, testEmptyFileGrows) }

func testEmptyFileGrows(t *testing.T) {
	m, path := reserve(t, nil)
	if m.Len() != 0 || len(m.Bytes()) != 0 {
		t.Fatal(m.Len())
	}
	if off, err := m.Append([]byte("first")); off != 0 || err != nil {
		t.Fatal(off, err)
	}
	if string(m.Bytes()) != "first" {
		t.Errorf("%q", m.Bytes())
	}
	closeQuietly(t, m)
	wantFile(t, path, []byte("first"))
}

// TestRefresh: what another process does to the file's length is picked up.
func TestRefresh(t *testing.T) {
	needResizable(t)
	for _, mode := range []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite} {
		path := writeFile(t, pattern(10_000))
		m := open(t, path, mode, filemap.Reserve(reserved))
		old := m.Bytes()
		for _, n := range []int{30_000, 10_500, 0, 200_000} {
			if err := os.WriteFile(path, pattern(n), 0o644); err != nil {
				t.Fatal(err)
			}
			if mode == filemap.ReadWrite {
				err := m.Resize(500)
				wantError(t, err, filemap.ErrBounds) // somebody else's file, as long as we do not look
				wantFile(t, path, pattern(n))
			}
			if got, err := m.Refresh(); got != int64(n) || err != nil {
				t.Fatal(got, err)
			}
			if !bytes.Equal(m.Bytes(), pattern(n)) {
				t.Errorf("%d bytes are not the file's", n)
			}
		}
		if unsafe.SliceData(m.Bytes()) != unsafe.SliceData(old) {
			t.Error("the bytes moved")
		}
		if err := os.Truncate(path, reserved+1); err != nil {
			t.Fatal(err)
		}
		got, err := m.Refresh()
		wantError(t, err, filemap.ErrReserved)
		if got != reserved || m.Len() != reserved {
			t.Errorf("%d bytes of %d", got, reserved)
		}
	}
}

func TestMove(t *testing.T) { bothWays(t, testMove) }

func testMove(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	m := open(t, path, filemap.ReadWrite, filemap.Reserve(20_000))
	if _, err := m.Append([]byte("ab")); err != nil {
		t.Fatal(err)
	}
	moved, err := m.Move(1 << 20)
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(t, moved)
	if moved.Len() != 10_002 || moved.Reserved() != 1<<20 {
		t.Fatalf("Len %d, Reserved %d", moved.Len(), moved.Reserved())
	}
	if err := moved.Resize(500_000); err != nil {
		t.Fatal(err)
	}
	moved.Bytes()[3] = 99
	if m.Bytes()[3] != 99 || m.Len() != 10_002 {
		t.Error("the Map from before does not show the same file, or is not what it was")
	}
	closeQuietly(t, m)
	if moved.Bytes()[3] != 99 || moved.Len() != 500_000 {
		t.Error("the new Map went with the old")
	}
}

// TestGrowWhileRead: readers and holders of pointers never notice.
func TestGrowWhileRead(t *testing.T) {
	m, _ := reserve(t, pattern(100_000))
	var stop atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Add(1)
		go func() {
			defer readers.Done()
			p := make([]byte, 1000)
			for !stop.Load() {
				n := m.Len()
				if _, err := m.ReadAt(p, n-1000); err != nil {
					t.Error(err)
					return
				}
				if b := m.Bytes(); !bytes.Equal(b[:1000], pattern(1000)) {
					t.Error("other bytes at the beginning")
					return
				}
				runtime.Gosched()
			}
		}()
	}
	for i := range 2000 {
		if _, err := m.Append(pattern(i % 3000)); err != nil {
			t.Error(err)
		}
	}
	stop.Store(true)
	readers.Wait()
}

// TestConcurrentAppend: each piece is whole, and where Append says.
func TestConcurrentAppend(t *testing.T) { bothWays(t, testConcurrentAppend) }

func testConcurrentAppend(t *testing.T) {
	m, path := reserve(t, nil)
	var writers sync.WaitGroup
	var total atomic.Int64
	for w := range 8 {
		writers.Add(1)
		go func() {
			defer writers.Done()
			for i := range 300 {
				piece := bytes.Repeat([]byte{byte(w + 1)}, i+1)
				off, err := m.Append(piece)
				if err != nil {
					t.Error(err)
					return
				}
				total.Add(int64(len(piece)))
				if got, err := m.Slice(off, int64(len(piece))); err != nil || !bytes.Equal(got, piece) {
					t.Errorf("at %d: another piece (%v)", off, err)
				}
			}
		}()
	}
	writers.Wait()
	want := bytes.Clone(m.Bytes())
	if m.Len() != total.Load() {
		t.Errorf("%d bytes of %d", m.Len(), total.Load())
	}
	closeQuietly(t, m)
	wantFile(t, path, want)
}

func TestAppendAsWriter(t *testing.T) {
	for _, flag := range []filemap.Flag{0, filemap.Unmapped} {
		m, path := reserve(t, pattern(10), flag)
		source := pattern(700_000)
		if n, err := io.Copy(m.Appender(), struct{ io.Reader }{bytes.NewReader(source)}); n != 700_000 || err != nil {
			t.Fatal(n, err)
		}
		if _, err := io.WriteString(m.Appender(), "end"); err != nil {
			t.Fatal(err)
		}
		if st, err := os.Stat(path); err != nil || st.Size() < m.Len() {
			t.Errorf("%v %v", st, err)
		}
		want := append(append(pattern(10), source...), "end"...)
		if err := m.Trim(); err != nil {
			t.Fatal(err)
		}
		if runtime.GOOS != "windows" || flag == filemap.Unmapped {
			wantFile(t, path, want)
		}
		if _, err := m.Append([]byte("!")); err != nil {
			t.Fatal(err)
		}
		closeQuietly(t, m)
		wantFile(t, path, append(want, '!'))
	}
}

// growing drives a Map that grows, beside a model of its file.
type growing struct {
	path string
	want []byte
	m    *filemap.Map
	base *byte
	long bool // the file is as long as the reserve while it is mapped
}

func (g *growing) open(t *rapid.T) {
	flag := rapid.SampledFrom([]filemap.Flag{0, filemap.Sparse, filemap.Unmapped}).Draw(t, "flag")
	var err error
	if flag == filemap.Sparse {
		g.m, err = filemap.Create(g.path, 0, flag, filemap.Overwrite, filemap.Reserve(1<<20))
		g.want = nil
	} else {
		g.m, err = filemap.Open(g.path, filemap.ReadWrite, flag, filemap.Reserve(1<<20))
	}
	if err != nil {
		t.Fatal(err)
	}
	g.base = unsafe.SliceData(g.m.Bytes())
}

func (g *growing) Append(t *rapid.T) {
	n := rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 40_000)).Draw(t, "n")
	p := bytes.Repeat([]byte{rapid.Byte().Draw(t, "byte")}, n)
	off, err := g.m.Append(p)
	if len(g.want)+n > 1<<20 {
		if !errors.Is(err, filemap.ErrReserved) {
			t.Fatalf("append beyond the reserve: %v", err)
		}
		return
	}
	if err != nil || off != int64(len(g.want)) {
		t.Fatalf("append of %d at %d: %d, %v", n, len(g.want), off, err)
	}
	g.want = append(g.want, p...)
}

func (g *growing) Resize(t *rapid.T) {
	n := rapid.IntRange(0, 300_000).Draw(t, "n")
	if err := g.m.Resize(int64(n)); err != nil {
		t.Fatal(err)
	}
	g.want = append(g.want[:min(n, len(g.want))], make([]byte, max(n-len(g.want), 0))...)
}

func (g *growing) Store(t *rapid.T) {
	if len(g.want) == 0 {
		t.Skip("empty")
	}
	off := rapid.IntRange(0, len(g.want)-1).Draw(t, "off")
	p := rapid.SliceOfN(rapid.Byte(), 1, min(50, len(g.want)-off)).Draw(t, "bytes")
	if _, err := g.m.WriteAt(p, int64(off)); err != nil {
		t.Fatal(err)
	}
	copy(g.want[off:], p)
}

// Others changes the file's length beside the Map, which then looks.
func (g *growing) Others(t *rapid.T) {
	if err := g.m.Trim(); err != nil {
		t.Fatal(err)
	}
	if g.long {
		t.Skip("a file that is longer than the Map is not for others to resize")
	}
	n := rapid.IntRange(0, 100_000).Draw(t, "n")
	if err := os.Truncate(g.path, int64(n)); err != nil {
		t.Fatal(err)
	}
	if got, err := g.m.Refresh(); err != nil || got != int64(n) {
		t.Fatal(got, err)
	}
	g.want = append(g.want[:min(n, len(g.want))], make([]byte, max(n-len(g.want), 0))...)
}

func (g *growing) Steer(t *rapid.T) {
	for _, err := range []error{g.m.Sync(), g.m.Trim(), ignore(g.m.Advise(filemap.Random, 0, filemap.ToEnd), errors.ErrUnsupported)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.m.Refresh(); err != nil {
		t.Fatal(err)
	}
}

func (g *growing) Check(t *rapid.T) {
	got := make([]byte, len(g.want))
	n, err := g.m.ReadAt(got, 0)
	if g.m.Len() != int64(len(g.want)) || n != len(got) || err != nil || !bytes.Equal(got, g.want) {
		t.Fatalf("Len %d, not %d, or other bytes (%v)", g.m.Len(), len(g.want), err)
	}
	if g.m.Backing() == filemap.Mapped && (!bytes.Equal(g.m.Bytes(), g.want) || unsafe.SliceData(g.m.Bytes()) != g.base) {
		t.Fatal("the slice is not what ReadAt says, or has moved")
	}
}

// TestGrowthModel: whatever grows and shrinks, the Map is the bytes of the model,
// at one place, and Close leaves a file of exactly these.
func TestGrowthModel(t *testing.T) { bothWays(t, testGrowthModel) }

func testGrowthModel(t *testing.T) {
	probe, _ := reserve(t, nil)
	closeQuietly(t, probe)
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		g := &growing{path: filepath.Join(dir, "file"), want: pattern(rapid.SampledFrom([]int{0, 1, 4096, 70_001}).Draw(rt, "size"))}
		if err := os.WriteFile(g.path, g.want, 0o644); err != nil {
			rt.Fatal(err)
		}
		g.open(rt)
		st, err := os.Stat(g.path)
		g.long = err == nil && st.Size() > g.m.Len()
		defer func() { closeQuietly(t, g.m) }()
		rt.Repeat(map[string]func(*rapid.T){
			"": g.Check, "Append": g.Append, "Resize": g.Resize, "Store": g.Store, "Others": g.Others, "Steer": g.Steer,
		})
		if err := g.m.Close(); err != nil {
			rt.Fatal(err)
		}
		if onDisk, err := os.ReadFile(g.path); err != nil || !bytes.Equal(onDisk, g.want) {
			rt.Fatalf("after Close the file has %d bytes, not %d, or others (%v)", len(onDisk), len(g.want), err)
		}
	})
}

// What is known of a mapping's pages takes memory, 16 KiB for each TiB: more than all
// addresses of most systems is refused before it is taken.
func TestReserveOfTooMuch(t *testing.T) {
	_, err := filemap.Open(writeFile(t, pattern(100)), filemap.Reserve(math.MaxInt64/4))
	wantError(t, err, filemap.ErrTooLarge)
	_, err = filemap.Create(filepath.Join(t.TempDir(), "file"), 100, filemap.Reserve(math.MaxInt64/4))
	if !errors.Is(err, errors.ErrUnsupported) {
		wantError(t, err, filemap.ErrTooLarge)
	}
	_, err = filemap.Anonymous(math.MaxInt64 / 4)
	wantError(t, err, filemap.ErrTooLarge)
}

// TestReserveCostsAddresses: a terabyte of them takes no memory to speak of.
func TestReserveCostsAddresses(t *testing.T) {
	needResizable(t)
	if bits.UintSize < 64 {
		t.Skip("addresses have 32 bits here")
	}
	path := writeFile(t, pattern(100))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	m := open(t, path, filemap.ReadWrite, filemap.Reserve(1<<40))
	if _, err := m.Append(pattern(1 << 20)); err != nil {
		t.Fatal(err)
	}
	if _, err := m.ReadAt(make([]byte, 1000), 1<<19); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 3<<20 {
		t.Errorf("%d bytes of Go's memory", grown)
	}
}

// Small pieces are stored and large ones written: in any order they follow each
// other, and are there at once.
func TestAppendOfAllSizes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	m, err := filemap.Create(path, 0, filemap.Reserve(4<<20))
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	var want []byte
	for i, n := range []int{10, 40_000, 5, 100_000, 32 << 10, 1, 70_000, 300, 200_000, 33_000} {
		piece := bytes.Repeat([]byte{byte(i + 1)}, n)
		off, err := m.Append(piece)
		if err != nil {
			t.Fatal(err)
		}
		if off != int64(len(want)) {
			t.Errorf("piece %d is at %d, the end was %d", i, off, len(want))
		}
		want = append(want, piece...)
		got := make([]byte, len(want))
		if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("after piece %d: %v", i, err)
		}
	}
	if err := errors.Join(m.Sync(), m.Close()); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); !bytes.Equal(got, want) {
		t.Errorf("the file has %d bytes, appended were %d", len(got), len(want))
	}
}

// TestAppendWithoutReserve: a Map that has become shorter can append up to the length that
// it was opened with, with no address behind it for what Append prepares.
func TestAppendWithoutReserve(t *testing.T) {
	needResizable(t)
	for _, size := range []int{100, 65_536, 65_536 + 48, 100_000, 3 * 65_536} {
		for _, left := range []int{0, 1, size / 2, size - 1} {
			for _, n := range []int{1, 100, 10_000, 40_000} {
				path := writeFile(t, pattern(size))
				m := open(t, path, filemap.ReadWrite)
				if err := m.Resize(int64(left)); err != nil {
					t.Fatal(err)
				}
				reader := open(t, path)
				want := pattern(left)
				for len(want)+n <= size && len(want) < left+5*n {
					if off, err := m.Append(pattern(n)); err != nil || off != int64(len(want)) {
						t.Fatalf("%d cut to %d: append of %d at %d, %v", size, left, n, off, err)
					}
					want = append(want, pattern(n)...)
					if !bytes.Equal(m.Bytes(), want) {
						t.Fatalf("%d cut to %d: after an append of %d: %d bytes, or others", size, left, n, m.Len())
					}
				}
				if late := open(t, path); late.Len() != int64(len(want)) {
					t.Errorf("another Map has %d bytes of %d", late.Len(), len(want))
				} else {
					closeQuietly(t, late)
				}
				if _, err := m.Append(make([]byte, size+1)); !errors.Is(err, filemap.ErrReserved) {
					t.Errorf("more than was mapped: %v", err)
				}
				closeQuietly(t, reader)
				if err := errors.Join(m.Sync(), m.Close()); err != nil {
					t.Error(err)
				}
				wantFile(t, path, want)
			}
		}
	}
}

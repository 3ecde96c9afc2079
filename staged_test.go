package filemap_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/filemap-go/filemap"
)

func content(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// forEachFinder runs a test with every way of finding changed pages.
func forEachFinder(t *testing.T, f func(t *testing.T, path string, m *filemap.Map, want []byte)) {
	for _, way := range filemap.Finders() {
		t.Run(way.String(), func(t *testing.T) {
			want := pattern(50*filemap.PageBytes() + 777)
			path := writeFile(t, want)
			m := open(t, path, filemap.ReadWrite, filemap.Staged)
			m.SetFinder(way)
			f(t, path, m, want)
		})
	}
}

func TestStagedStoresStayUntilSync(t *testing.T) {
	forEachFinder(t, func(t *testing.T, path string, m *filemap.Map, want []byte) {
		before := bytes.Clone(want)
		page := int64(filemap.PageBytes())
		put := func(off int64, b string) {
			t.Helper()
			if _, err := m.WriteAt([]byte(b), off); err != nil {
				t.Fatal(err)
			}
			copy(want[off:], b)
		}
		put(3, "one")
		put(7*page-2, "over an edge")
		put(int64(len(want))-3, "end")
		if err := filemap.Store(m, 20*page, uint64(0x1122334455667788)); err != nil {
			t.Fatal(err)
		}
		if err := m.Update(20*page, 8, func(b []byte) error { copy(want[20*page:], b); return nil }); err != nil {
			t.Fatal(err)
		}
		m.Bytes()[30*page] = 'x'
		want[30*page] = 'x'

		if !bytes.Equal(content(t, path), before) {
			t.Error("a store reached the file before Sync")
		}
		got := make([]byte, len(want))
		if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("ReadAt does not see the stores (%v)", err)
		}
		wantDirty(t, m, []filemap.Extent{{0, page}, {6 * page, 2 * page}, {20 * page, page}, {30 * page, page}, {50 * page, 777}})
		if err := m.Sync(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(content(t, path), want) {
			t.Error("the file is not as stored")
		}
		wantDirty(t, m, nil)
		if !bytes.Equal(m.Bytes(), want) {
			t.Error("the mapping is not as stored")
		}
		// And again, to the same pages and others.
		put(3, "two")
		put(9*page, "nine")
		wantDirty(t, m, []filemap.Extent{{0, page}, {9 * page, page}})
		if err := m.Sync(); err != nil || !bytes.Equal(content(t, path), want) {
			t.Errorf("the second Sync: %v", err)
		}
	})
}

func wantDirty(t *testing.T, m *filemap.Map, want []filemap.Extent) {
	t.Helper()
	got, err := m.Dirty(0, filemap.ToEnd)
	if err != nil || len(got) != len(want) {
		t.Fatalf("dirty %v, want %v (%v)", got, want, err)
	}
	for i := range got {
		if got[i] != want[i] {
			t.Errorf("dirty %v, want %v", got, want)
		}
	}
}

func TestStagedDiscard(t *testing.T) {
	forEachFinder(t, func(t *testing.T, path string, m *filemap.Map, want []byte) {
		if _, err := m.WriteAt(make([]byte, 10_000), 5000); err != nil {
			t.Fatal(err)
		}
		m.Bytes()[20] ^= 1
		if err := m.Discard(); err != nil {
			t.Fatal(err)
		}
		wantDirty(t, m, nil)
		if !bytes.Equal(m.Bytes(), want) || !bytes.Equal(content(t, path), want) {
			t.Error("the stores are still there")
		}
		if err := m.Sync(); err != nil || !bytes.Equal(content(t, path), want) {
			t.Errorf("after Sync (%v) the discarded stores are in the file", err)
		}
	})
}

// Of pages at the edges of a Range only the mapped bytes are written, whatever the
// others have become.
func TestStagedWritesOnlyItsRange(t *testing.T) {
	page := int64(filemap.PageBytes())
	for _, way := range filemap.Finders() {
		want := pattern(int(4 * page))
		path := writeFile(t, want)
		m := open(t, path, filemap.ReadWrite, filemap.Staged, filemap.Range(page-10, page+20))
		m.SetFinder(way)
		for i := range m.Bytes() {
			m.Bytes()[i] = 0xaa
		}
		other, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, off := range []int64{0, page - 11, 2*page + 10, 3*page - 1} {
			if _, err := other.WriteAt([]byte{0x55}, off); err != nil {
				t.Fatal(err)
			}
			want[off] = 0x55
		}
		if err := errors.Join(m.Sync(), other.Close()); err != nil {
			t.Fatal(err)
		}
		copy(want[page-10:], bytes.Repeat([]byte{0xaa}, int(page+20)))
		if !bytes.Equal(content(t, path), want) {
			t.Errorf("%v: bytes outside of the range were written, or some inside not", way)
		}
	}
}

func TestStagedSyncRange(t *testing.T) {
	page := int64(filemap.PageBytes())
	want := pattern(int(10 * page))
	path := writeFile(t, want)
	m := open(t, path, filemap.ReadWrite, filemap.Staged)
	for _, p := range []int64{1, 5} {
		if _, err := m.WriteAt([]byte("new"), p*page); err != nil {
			t.Fatal(err)
		}
	}
	if err := m.SyncRange(5*page+100, 1); err != nil {
		t.Fatal(err)
	}
	copy(want[5*page:], "new")
	if !bytes.Equal(content(t, path), want) {
		t.Error("not exactly the page of the range was written")
	}
	wantDirty(t, m, []filemap.Extent{{page, page}})
}

// Whatever goroutines store while Syncs run is in the file after the last one.
func TestStagedLosesNothing(t *testing.T) {
	const writers, rounds = 4, 300
	page := filemap.PageBytes()
	pages := max(4, 256<<10/page)
	for _, way := range filemap.Finders() {
		t.Run(way.String(), func(t *testing.T) {
			m := create(t, int64(pages*page), filemap.Staged)
			m.SetFinder(way)
			slice := m.Bytes() // so that Sync has stores through slices to keep out
			want := make([]byte, len(slice))
			stop := make(chan struct{})
			var syncs, stores sync.WaitGroup
			syncs.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						if err := m.Sync(); err != nil {
							t.Error(err)
							return
						}
					}
				}
			})
			for w := range writers {
				stores.Go(func() {
					random := rand.New(rand.NewPCG(uint64(w), 1))
					for range rounds {
						off := random.IntN(pages)*page + w*8
						n := random.Uint64()
						err := m.Update(int64(off), 8, func(b []byte) error {
							// Nested, as a user might.
							return filemap.Store(m, int64(off), n)
						})
						if err != nil {
							t.Error(err)
							return
						}
						if err := m.View(int64(off), 8, func(b []byte) error { copy(want[off:off+8], b); return nil }); err != nil {
							t.Error(err)
						}
						if v, err := filemap.Load[uint64](m, int64(off)); err != nil || v != n {
							t.Errorf("loaded %x, stored %x (%v)", v, n, err)
							return
						}
					}
				})
			}
			stores.Wait()
			close(stop)
			syncs.Wait()
			if err := m.Sync(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(content(t, m.Path()), want) {
				t.Error("stores are lost")
			}
		})
	}
}

// A store through a slice while a Sync runs is an error, or it is in the file.
func TestStagedBareStoresAreNotLostSilently(t *testing.T) {
	if runtime.GOOS == "js" {
		t.Skip("memory is not mapped on this system: no store can come between")
	}
	page := filemap.PageBytes()
	m := create(t, int64(8*page), filemap.Staged)
	words, err := filemap.SliceOf[uint64](m, 0, filemap.ToEnd)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 300 {
			if err := m.Sync(); err != nil {
				t.Error(err)
				return
			}
		}
	}()
	want := make([]uint64, len(words))
	faults := 0
	for n := uint64(1); ; n++ {
		at := int(n*13) % len(words)
		runtime.Gosched()
		err := m.Guard(func() error { words[at] = n; return nil })
		if err == nil {
			want[at] = n
		} else if wantError(t, err, filemap.ErrFault); errors.Is(err, filemap.ErrFault) {
			faults++
		}
		select {
		case <-done:
			t.Logf("%d stores, %d faults", n, faults)
			if err := m.Sync(); err != nil {
				t.Fatal(err)
			}
			again := open(t, m.Path())
			got, err := filemap.SliceOf[uint64](again, 0, filemap.ToEnd)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want {
				if got[i] != want[i] {
					t.Fatalf("word %d is %d, %d was stored", i, got[i], want[i])
				}
			}
			return
		default:
		}
	}
}

func TestDirtyLimit(t *testing.T) {
	page := int64(filemap.PageBytes())
	m := create(t, 10*page, filemap.Staged, filemap.DirtyLimit(3*page))
	store := func(at int64) error {
		_, err := m.WriteAt([]byte("x"), at*page)
		return err
	}
	for _, at := range []int64{0, 4, 4, 9, 0} {
		if err := store(at); err != nil {
			t.Fatal(err)
		}
	}
	wantError(t, store(5), filemap.ErrDirtyLimit)
	wantError(t, filemap.Store(m, 5*page, byte(1)), filemap.ErrDirtyLimit)
	wantError(t, m.Update(5*page, 1, func([]byte) error { t.Error("called"); return nil }), filemap.ErrDirtyLimit)
	if err := m.SetDirtyLimit(4 * page); err != nil {
		t.Fatal(err)
	}
	if err := store(5); err != nil {
		t.Errorf("with a higher limit: %v", err)
	}
	wantError(t, store(6), filemap.ErrDirtyLimit)
	if err := m.Sync(); err != nil {
		t.Fatal(err)
	}
	for at := range int64(4) {
		if err := store(at); err != nil {
			t.Errorf("after Sync: %v", err)
		}
	}
	wantError(t, store(6), filemap.ErrDirtyLimit)
	if err := m.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := store(6); err != nil {
		t.Errorf("after Discard: %v", err)
	}
}

func TestStagedOptions(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	for _, options := range [][]filemap.Option{
		{filemap.Staged},
		{filemap.Staged, filemap.Private},
		{filemap.ReadWrite, filemap.Staged, filemap.Unmapped},
		{filemap.ReadWrite, filemap.Staged, filemap.OrRead},
		{filemap.ReadWrite, filemap.Staged, filemap.NoDescriptor},
		{filemap.ReadWrite, filemap.Staged, filemap.Reserve(1 << 20)},
		{filemap.ReadWrite, filemap.DirtyLimit(1 << 20)},
		{filemap.ReadWrite, filemap.Staged, filemap.DirtyLimit(0)},
	} {
		_, err := filemap.Open(path, options...)
		wantError(t, err, filemap.ErrOption)
	}
	m := open(t, path, filemap.ReadWrite, filemap.Staged)
	wantError(t, m.Resize(20_000), filemap.ErrOption)
	_, err := m.Append([]byte("x"))
	wantError(t, err, filemap.ErrOption)
	_, err = m.Move(20_000)
	wantError(t, err, filemap.ErrOption)
	wantError(t, m.Protect(filemap.ReadOnly, 0, filemap.ToEnd), filemap.ErrOption)
	wantError(t, m.AdviseDestructive(filemap.DontNeed, 0, filemap.ToEnd), filemap.ErrOption)
	wantError(t, m.StartWriteback(0, filemap.ToEnd), filemap.ErrOption)
	shared := open(t, path, filemap.Private)
	wantError(t, shared.Discard(), filemap.ErrOption)
	wantError(t, shared.SetDirtyLimit(1), filemap.ErrOption)
}

func TestDirtyOfOtherModes(t *testing.T) {
	page := int64(filemap.PageBytes())
	path := writeFile(t, pattern(int(4*page)))
	private := open(t, path, filemap.Private)
	private.Bytes()[page] ^= 1
	wantDirty(t, private, []filemap.Extent{{page, page}})
	got, err := private.Dirty(page+10, 20)
	if err != nil || len(got) != 1 || got[0] != (filemap.Extent{page + 10, 20}) {
		t.Errorf("of a part: %v, %v", got, err)
	}
	wantDirty(t, open(t, path), nil)
	shared := open(t, path, filemap.ReadWrite)
	_, err = shared.Dirty(0, filemap.ToEnd)
	wantError(t, err, filemap.ErrDirtyUnknown)
	wantError(t, err, errors.ErrUnsupported)
}

// A file that has become shorter is not made longer again by a Sync.
func TestStagedAndTruncated(t *testing.T) {
	page := int64(filemap.PageBytes())
	path := writeFile(t, pattern(int(4*page)))
	m := open(t, path, filemap.ReadWrite, filemap.Staged)
	if _, err := m.WriteAt([]byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, page); err != nil {
		t.Skipf("a mapped file cannot become shorter: %v", err)
	}
	wantError(t, m.Sync(), filemap.ErrTruncated)
	if n := len(content(t, path)); n != int(page) {
		t.Errorf("the file has %d bytes", n)
	}
	if b := m.Bytes()[0]; b != 'x' {
		t.Error("the store is gone")
	}
}

func TestStagedCreateAndClose(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	m, err := filemap.Create(path, 5000, filemap.Staged)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.WriteAt([]byte("kept"), 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Sync(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.WriteAt([]byte("lost"), 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); string(got[:4]) != "kept" || len(got) != 5000 {
		t.Errorf("%d bytes, %q", len(got), got[:4])
	}
	wantError(t, m.Sync(), filemap.ErrClosed)
	wantError(t, m.Discard(), filemap.ErrClosed)
}

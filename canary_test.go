package filemap_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/filemap-go/filemap"
)

// cut makes a file shorter and long again, as somebody else might.
func cut(t *testing.T, path string, short, long int64) {
	t.Helper()
	needCuts(t)
	if err := os.Truncate(path, short); err != nil {
		t.Skipf("a mapped file cannot become shorter: %v", err)
	}
	if err := os.Truncate(path, long); err != nil {
		t.Fatal(err)
	}
}

// needCuts skips where a Map has a copy of its file, which nobody can cut.
func needCuts(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "js" {
		t.Skip("memory is not mapped on this system: a cut of the file does not reach it")
	}
}

// stagedModes are the Maps that keep stores to themselves.
var stagedModes = []filemap.Flag{filemap.Staged, filemap.Atomic}

// waysToStore are all that stores to a Map, each the bytes b to off.
var waysToStore = map[string]func(m *filemap.Map, b []byte, off int64) error{
	"WriteAt": func(m *filemap.Map, b []byte, off int64) error { _, err := m.WriteAt(b, off); return err },
	"Store":   func(m *filemap.Map, b []byte, off int64) error { return filemap.Store(m, off, b[0]) },
	"Update": func(m *filemap.Map, b []byte, off int64) error {
		return m.Update(off, int64(len(b)), func(p []byte) error { copy(p, b); return nil })
	},
	"PutRecord": func(m *filemap.Map, b []byte, off int64) error { _, err := m.PutRecord(off, b); return err },
	"Cursor": func(m *filemap.Map, b []byte, off int64) error {
		c := m.Cursor()
		if _, err := c.Seek(off, 0); err != nil {
			return err
		}
		_, err := c.Write(b)
		return err
	},
	"Slice": func(m *filemap.Map, b []byte, off int64) error {
		s, err := m.Slice(off, int64(len(b)))
		if err == nil {
			err = m.Guard(func() error { copy(s, b); return nil })
		}
		return err
	},
}

// A file that was shorter for a while has lost stores: they are not committed in
// part, and nobody is told that they are.
func TestStoresBeyondACutAreMissed(t *testing.T) {
	page := int64(filemap.PageBytes())
	for _, mode := range stagedModes {
		for name, put := range waysToStore {
			for _, again := range []bool{false, true} {
				size := 16 * page
				want := pattern(int(size))
				path := writeFile(t, want)
				m := open(t, path, filemap.ReadWrite, mode)
				for _, off := range []int64{0, 10 * page} {
					if err := put(m, []byte("mine"), off); err != nil {
						t.Fatal(err)
					}
				}
				cut(t, path, page, size)
				clear(want[page:])
				if again { // the page that was dropped is changed once more
					if err := put(m, []byte("late"), 10*page+100); err != nil {
						t.Fatal(err)
					}
				}
				for range 2 {
					wantError(t, m.Sync(), filemap.ErrTruncated)
				}
				wantError(t, m.SyncRange(0, filemap.ToEnd), filemap.ErrTruncated)
				_, err := m.Dirty(0, 1)
				wantError(t, err, filemap.ErrTruncated)
				if !bytes.Equal(content(t, path), want) {
					t.Errorf("%v, %s: some of the stores are in the file", mode, name)
				}
				if err := m.Discard(); err != nil {
					t.Fatal(err)
				}
				if err := m.Sync(); err != nil {
					t.Errorf("%v, %s: after Discard: %v", mode, name, err)
				}
				if err := put(m, []byte("new!"), 10*page); err != nil {
					t.Fatal(err)
				}
				if err := m.Sync(); err != nil || bytes.Equal(content(t, path), want) {
					t.Errorf("%v, %s: stored anew: %v", mode, name, err)
				}
			}
		}
	}
}

// A cut behind what was stored harms nothing, as often as it comes.
func TestStoresBeforeACutAreKept(t *testing.T) {
	page := int64(filemap.PageBytes())
	size := 64 * page
	for _, mode := range stagedModes {
		want := pattern(int(size))
		path := writeFile(t, want)
		m := open(t, path, filemap.ReadWrite, mode)
		for _, last := range []int64{40, 3, 0, 7} { // further and less far than before
			for _, at := range []int64{0, last / 2, last} {
				if _, err := m.WriteAt([]byte{byte(last), 1}, at*page+50); err != nil {
					t.Fatal(err)
				}
				copy(want[at*page+50:], []byte{byte(last), 1})
			}
			cut(t, path, last*page+60, size) // in the last page
			clear(want[(last+1)*page:])
			if err := m.Sync(); err != nil {
				t.Fatalf("%v: cut in page %d, the last that was stored to: %v", mode, last, err)
			}
			if !bytes.Equal(content(t, path), want) {
				t.Errorf("%v: cut in page %d: the file is not as stored", mode, last)
			}
			cut(t, path, (last+1)*page, size)
			if err := m.Sync(); err != nil {
				t.Errorf("%v: a cut when nothing is stored: %v", mode, err)
			}
		}
	}
}

// A Commit that returns nil has all of its pages in the journal, whenever the file
// was cut beside it: opening it after a crash finds all of them or an older commit.
func TestCommitBesideCuts(t *testing.T) {
	page := int64(filemap.PageBytes())
	const pages = 40
	path := writeFile(t, make([]byte, pages*page))
	m := openAtomic(t, path)
	random := rand.New(rand.NewPCG(1, 1))
	cuts := make(chan int, 1) // how often to give way before the next
	var cutter sync.WaitGroup
	cutter.Go(func() {
		random := rand.New(rand.NewPCG(2, 2))
		for wait := range cuts {
			for range wait {
				runtime.Gosched()
			}
			if os.Truncate(path, random.Int64N(pages*page)) == nil {
				_ = os.Truncate(path, pages*page)
			}
		}
	})
	whole := 0
	const rounds = 30
	for round := 1; round <= rounds; round++ {
		if random.IntN(2) == 0 {
			select {
			case cuts <- random.IntN(1000):
			default:
			}
		}
		stored := true
		for at := range int64(pages) {
			stored = stored && filemap.Store(m, at*page, uint64(round)) == nil
		}
		if err := m.Commit(); err == nil && stored {
			whole++
			wantCommitted(t, path, uint64(round))
		} else if err := m.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	close(cuts)
	cutter.Wait()
	t.Logf("%d of %d commits", whole, rounds)
}

// wantCommitted checks that the journal of path has n in all pages of the file.
func wantCommitted(t *testing.T, path string, n uint64) {
	t.Helper()
	page := int64(filemap.PageBytes())
	copied := writeFile(t, nil)
	if err := os.WriteFile(copied+filemap.JournalSuffix, content(t, path+filemap.JournalSuffix), 0o600); err != nil {
		t.Fatal(err)
	}
	m := openAtomic(t, copied, filemap.AdoptJournal)
	if r := m.Recovery(); r.State != filemap.Applied {
		t.Fatalf("commit %d: %v", n, r.State)
	}
	for at := int64(0); at < m.Len(); at += page {
		if got, err := filemap.Load[uint64](m, at); err != nil || got != n {
			t.Fatalf("commit %d: page %d has %d (%v)", n, at/page, got, err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
}

// Whatever is stored and cut, a Sync that succeeds has everything that was stored
// since the last, and one that fails nothing.
func TestStoresAndCutsModel(t *testing.T) {
	page := int64(filemap.PageBytes())
	const pages = 200
	for _, mode := range stagedModes {
		for seed := range uint64(10) {
			random := rand.New(rand.NewPCG(seed, 24))
			file := pattern(int(pages * page))
			path := writeFile(t, file)
			m := open(t, path, filemap.ReadWrite, mode)
			mine, lost := bytes.Clone(file), false
			dirty := map[int64]bool{}
			for range 60 {
				switch random.IntN(6) {
				default:
					at := random.Int64N(pages)
					if random.IntN(2) == 0 {
						at = min(at, 20)
					}
					b := []byte{byte(random.Uint32()), byte(random.Uint32())}
					if _, err := m.WriteAt(b, at*page+30); err != nil {
						t.Fatal(err)
					}
					copy(mine[at*page+30:], b)
					dirty[at] = true
				case 4:
					end := random.Int64N(pages)
					cut(t, path, end*page, pages*page)
					clear(file[end*page:])
					for at := range dirty {
						lost = lost || at >= end
					}
					for at := range int64(pages) {
						if !dirty[at] {
							copy(mine[at*page:(at+1)*page], file[at*page:])
						}
					}
				case 5:
					err := m.Sync()
					if err == nil && lost {
						t.Fatalf("%v, seed %d: nil, though stores are lost", mode, seed)
					}
					if err == nil {
						copy(file, mine)
					} else {
						wantError(t, err, filemap.ErrTruncated)
						if err := m.Discard(); err != nil {
							t.Fatal(err)
						}
						copy(mine, file)
					}
					clear(dirty)
					lost = false
					if !bytes.Equal(content(t, path), file) {
						t.Fatalf("%v, seed %d: the file is not as it should be after %v", mode, seed, err)
					}
				}
			}
		}
	}
}

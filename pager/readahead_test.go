package pager

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

// counted is a store that tells how it was read.
func counted(pages int) (*brittle, func() (reads int, pagesRead []int)) {
	d := &device{}
	b := d.file("store", patterned(pages))
	var mu sync.Mutex
	var log []int
	d.hold = func(op string, _ *brittle, off int64) {
		if op == "read" {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, int(off)/sys.PageSize)
		}
	}
	return b, func() (int, []int) {
		mu.Lock()
		defer mu.Unlock()
		return len(log), append([]int(nil), log...)
	}
}

// Pages read one after the other are read ahead of, by ever larger reads; the
// first ones, and those of a mapping that says so, are not.
func TestReadaheadOfStreams(t *testing.T) {
	const pages = 1024
	for _, off := range []bool{false, true} {
		b, reads := counted(pages)
		p := newPager(t, 512, nil)
		m := mapStore(t, p, b, Options{NoReadahead: off})
		want := patterned(pages)
		got := make([]byte, 512)
		for at := 0; at < len(want); at += len(got) {
			if _, err := m.ReadAt(got, int64(at)); err != nil || !bytes.Equal(got, want[at:at+len(got)]) {
				t.Fatal(at, err)
			}
		}
		idle(t, m)
		n, _ := reads()
		// A page can be evicted before its next 512 bytes are read, if all others
		// were used since they came.
		if off && (n < pages || n > pages+pages/16) {
			t.Errorf("without readahead %d reads", n)
		}
		if !off && (n > pages/8 || p.Stats().Faults > pages/8) {
			t.Errorf("%d reads, %d faults for %d pages in order", n, p.Stats().Faults, pages)
		}
	}
}

// Several streams at once are all noticed.
func TestReadaheadOfManyStreams(t *testing.T) {
	const pages, streams = 1024, 8
	b, reads := counted(pages)
	p := newPager(t, 1024, nil)
	m := mapStore(t, p, b, Options{})
	for i := range pages / streams {
		for s := range streams {
			if _, err := m.Uint64(ctx, int64((s*pages/streams+i)*sys.PageSize)); err != nil {
				t.Fatal(err)
			}
		}
	}
	idle(t, m)
	if n, _ := reads(); n > pages/4 {
		t.Errorf("%d reads for %d pages in %d streams", n, pages, streams)
	}
}

// Random accesses read what they ask for and nothing else.
func TestNoReadaheadOfRandom(t *testing.T) {
	const pages = 4096
	p := newPager(t, 256, nil)
	m := mapStore(t, p, zeros{pages * int64(sys.PageSize)}, Options{})
	r := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		if _, err := m.Uint64(ctx, int64(r.IntN(pages)*sys.PageSize)); err != nil {
			t.Fatal(err)
		}
	}
	idle(t, m)
	st := p.Stats()
	if asked := st.Faults * uint64(sys.PageSize); st.ReadBytes > asked+asked/20 {
		t.Errorf("%d bytes were read for %d faults", st.ReadBytes, st.Faults)
	}
}

// What was prefetched is there without a fault, within half of the budget.
func TestPrefetch(t *testing.T) {
	const pages = 256
	b, _ := counted(pages)
	p := newPager(t, 64, nil)
	m := mapStore(t, p, b, Options{})
	n, err := m.Prefetch(int64(10*sys.PageSize), int64(20*sys.PageSize))
	if err != nil || n != int64(20*sys.PageSize) {
		t.Fatal(n, err)
	}
	idle(t, m)
	for page := 10; page < 30; page++ {
		if v, err := m.Uint64(ctx, int64(page*sys.PageSize)); err != nil || v != uint64(page*sys.PageSize) {
			t.Fatal(page, v, err)
		}
	}
	if st := p.Stats(); st.Faults != 0 || st.ReadaheadPages != 20 {
		t.Errorf("%d faults, %d pages brought in", st.Faults, st.ReadaheadPages)
	}
	if n, err := m.Prefetch(0, int64(pages*sys.PageSize)); err != nil || n > int64(32*sys.PageSize) {
		t.Errorf("all of it: %d, %v", n, err)
	}
}

// Reading ahead that fails is nobody's error: an access that waits for it reads the
// page itself.
func TestReadaheadFailsAlone(t *testing.T) {
	d, b, through, reads := gated(4)
	p := newPager(t, 4, nil)
	m := mapStore(t, p, b, Options{})
	if n, err := m.Prefetch(0, int64(sys.PageSize)); n != int64(sys.PageSize) || err != nil {
		t.Fatal(n, err)
	}
	until(t, "the read", func() bool { return reads.Load() == 1 })
	result := make(chan error)
	go func() { _, err := m.Uint64(ctx, 8); result <- err }()
	until(t, "the access to wait", func() bool { return p.waits.wanted(0, &m.table[0]) })
	var failed atomic.Bool
	d.mu.Lock()
	d.fail = func(string, *brittle, int64) error {
		if failed.CompareAndSwap(false, true) {
			return errDevice
		}
		return nil
	}
	d.mu.Unlock()
	close(through)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// zeros is a store that takes no memory.
type zeros struct{ size int64 }

func (z zeros) ReadAt(p []byte, _ int64) (int, error)  { clear(p); return len(p), nil }
func (z zeros) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (z zeros) Size() (int64, error)                   { return z.size, nil }
func (z zeros) Sync() error                            { return nil }

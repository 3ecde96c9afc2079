package pager

import (
	"bytes"
	"errors"
	"sync"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

// fullOf makes a pager of 64 frames, full, and a mapping of 256 pages, of which
// the first 64 are in memory.
func fullOf(t *testing.T, s *brittle, change func(*Config)) (*Pager, *Mapping) {
	t.Helper()
	p := newPager(t, 64, func(c *Config) {
		c.DirectOnly = true
		if change != nil {
			change(c)
		}
	})
	m := mapStore(t, p, s, Options{NoReadahead: true})
	for page := range 64 {
		touch(t, m, page)
	}
	return p, m
}

func touch(t *testing.T, m *Mapping, page int) {
	t.Helper()
	pin, err := m.Pin(ctx, int64(page*sys.PageSize), 1)
	if err != nil {
		t.Fatal(err)
	}
	pin.Unpin()
}

func inMemory(t *testing.T, m *Mapping, page int) bool {
	t.Helper()
	var s [1]PageState
	if _, err := m.Pages(int64(page*sys.PageSize), s[:]); err != nil {
		t.Fatal(err)
	}
	return s[0].Resident
}

// A whole page is let into full memory when it comes for the second time; one of
// which a part is read, at once.
func TestAdmission(t *testing.T) {
	want := patterned(256)
	read := func(m *Mapping, page, n int) {
		t.Helper()
		got := make([]byte, n)
		if _, err := m.ReadAt(got, int64(page*sys.PageSize)); err != nil || !bytes.Equal(got, want[page*sys.PageSize:][:n]) {
			t.Fatalf("page %d: %v", page, err)
		}
	}
	p, m := fullOf(t, (&device{}).file("store", want), nil)
	read(m, 100, sys.PageSize)
	if st := p.Stats(); inMemory(t, m, 100) || st.Evictions != 0 || st.PassedPages != 1 {
		t.Errorf("a page that came once: resident %v, %d evictions, %d passed", inMemory(t, m, 100), st.Evictions, st.PassedPages)
	}
	read(m, 100, sys.PageSize)
	if !inMemory(t, m, 100) {
		t.Error("a page that came twice is not let in")
	}
	read(m, 110, 100)
	if !inMemory(t, m, 110) {
		t.Error("a page of which a part was read is not let in")
	}
	_, all := fullOf(t, (&device{}).file("store", want), func(c *Config) { c.AdmitAll = true })
	read(all, 100, sys.PageSize)
	if !inMemory(t, all, 100) {
		t.Error("AdmitAll does not")
	}
}

// Who wants a page that is being read past memory waits for that read, and the
// page is then let in.
func TestAdmissionWithOthersWaiting(t *testing.T) {
	want := patterned(256)
	d := &device{}
	b := d.file("store", want)
	p, m := fullOf(t, b, nil)
	if freed, err := p.reclaim(4); freed == 0 || err != nil { // frames for the others
		t.Fatal(freed, err)
	}
	let, begun := make(chan struct{}), make(chan struct{}, 64)
	d.hold = func(op string, _ *brittle, _ int64) {
		begun <- struct{}{}
		<-let
	}
	before := p.Stats().Reads
	var all sync.WaitGroup
	got := make([]byte, sys.PageSize)
	all.Go(func() {
		if _, err := m.ReadAt(got, int64(100*sys.PageSize)); err != nil || !bytes.Equal(got, want[100*sys.PageSize:101*sys.PageSize]) {
			t.Error("the one who reads past memory:", err)
		}
	})
	<-begun
	for range 4 {
		all.Go(func() {
			if v, err := m.Uint64(ctx, int64(100*sys.PageSize)); err != nil || v != uint64(100*sys.PageSize) {
				t.Error("one who waits:", v, err)
			}
		})
	}
	until(t, "the others to wait", func() bool {
		s := p.waits.shard(100)
		s.mu.Lock()
		defer s.mu.Unlock()
		one := s.busy[&m.table[100]]
		return one != nil && one.sleepers.Load() == 4
	})
	close(let)
	all.Wait()
	if n := p.Stats().Reads - before; n != 1 || !inMemory(t, m, 100) {
		t.Errorf("%d reads, resident %v", n, inMemory(t, m, 100))
	}
}

// A read past memory that fails is an error, and the next one tries again.
func TestAdmissionMeetsErrors(t *testing.T) {
	want := patterned(256)
	d := &device{}
	_, m := fullOf(t, d.file("store", want), nil)
	d.fail = func(string, *brittle, int64) error { return errDevice }
	got := make([]byte, sys.PageSize)
	for range 2 { // past memory, and let in
		_, err := m.ReadAt(got, int64(100*sys.PageSize))
		var e *Error
		if !errors.Is(err, errDevice) || !errors.As(err, &e) || e.Offset != int64(100*sys.PageSize) {
			t.Error(err)
		}
	}
	d.fail = nil
	if _, err := m.ReadAt(got, int64(100*sys.PageSize)); err != nil || !bytes.Equal(got, want[100*sys.PageSize:101*sys.PageSize]) {
		t.Error(err)
	}
}

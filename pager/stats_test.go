package pager

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/pager/store"
)

func TestHistogram(t *testing.T) {
	for i := 1; i < HistogramBuckets-1; i++ {
		lower, upper := HistogramLimit(i-1), HistogramLimit(i)
		if lower >= upper {
			t.Fatalf("bucket %d: %d to %d", i, lower, upper)
		}
		if b := bucketOf(int64(upper)); b != i {
			t.Errorf("%d is in bucket %d, expected %d", upper, b, i)
		}
		if b := bucketOf(int64(lower) + 1); b != i {
			t.Errorf("%d is in bucket %d, expected %d", lower+1, b, i)
		}
	}
	var h histogram
	for i := range int64(1000) {
		h.add(i * 1000)
	}
	s := h.snapshot()
	if s.Count() != 1000 || s.Sum != 499500*time.Microsecond {
		t.Errorf("%d, %v", s.Count(), s.Sum)
	}
	for _, q := range []float64{0.5, 0.99, 1} {
		exact := time.Duration(q * 999e3)
		if got := s.Quantile(q); got < exact || got > exact*3/2+2000 {
			t.Errorf("quantile %v is %v, exactly %v", q, got, exact)
		}
	}
	if empty := (Histogram{}); empty.Quantile(0.5) != 0 {
		t.Error("nothing has a median")
	}
}

func TestStats(t *testing.T) {
	page := int64(sys.PageSize)
	p := newPager(t, 2, func(c *Config) {
		c.CountHits, c.DirectOnly = true, true
		c.Swap = Swap{Bytes: 4 * page, Store: store.NewMemory(4 * page)}
	})
	shared := mapStore(t, p, store.NewMemory(8*page), Options{Mode: Shared, NoReadahead: true})
	private := mapStore(t, p, store.NewMemory(8*page), Options{Mode: Private, NoReadahead: true})
	for range 3 {
		for i := range int64(3) {
			if _, err := shared.WriteAt([]byte{1}, i*page); err != nil {
				t.Fatal(err)
			}
			if _, err := shared.Uint64(ctx, i*page); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := private.WriteAt([]byte{1}, 0); err != nil {
		t.Fatal(err)
	}
	if _, err := p.reclaim(2); err != nil {
		t.Fatal(err)
	}
	if _, err := private.Uint64(ctx, 0); err != nil {
		t.Fatal(err)
	}
	states := make([]PageState, 9)
	if n, err := private.Pages(0, states); err != nil || n != 8 || !states[0].Resident || states[1] != (PageState{}) {
		t.Errorf("%d pages, %+v, %v", n, states, err)
	}
	s := p.Stats()
	got := fmt.Sprintf("hits %d faults %d reads %d of %d writes %d evictions %d out %d in %d resident %d of %d slots %d of %d mappings %d times %d %d",
		s.Hits, s.Faults, s.Reads, s.ReadBytes/uint64(page), s.Writes, s.Evictions, s.SwapOutPages, s.SwapInPages, s.ResidentPages, s.BudgetPages,
		s.SwapPages, s.SwapSize, s.Mappings, s.FaultTime.Count(), s.SwapInTime.Count())
	// 9 stores that fault and 9 loads that hit; 1 store and 1 load that fault.
	const want = "hits 9 faults 11 reads 10 of 10 writes 9 evictions 10 out 1 in 1 resident 1 of 2 slots 1 of 4 mappings 2 times 11 1"
	if got != want {
		t.Errorf("got      %s\nexpected %s", got, want)
	}
}

// The life of a page, as the README tells it, is told in the words of package
// event, at their stages.
func TestEventsOfALife(t *testing.T) {
	page := int64(sys.PageSize)
	var mu sync.Mutex
	var names []string
	var wrong []event.Event
	d := &device{}
	p := newPager(t, 4, func(c *Config) {
		c.DirectOnly = true
		c.Swap = Swap{Bytes: 4 * page, Store: store.NewMemory(4 * page)}
		c.Events = func(e event.Event) {
			mu.Lock()
			defer mu.Unlock()
			names = append(names, fmt.Sprintf("%d %s", e.Stage, e.Name))
			known, ok := event.Of(e.Name)
			if !ok || known.Stage != e.Stage || e.StartNS < 0 || e.DurationNS < 0 || e.Length <= 0 ||
				e.Length == page && e.Offset != page+page {
				wrong = append(wrong, e)
			}
		}
	})
	m := mapStore(t, p, d.file("store", make([]byte, 4*page)), Options{Mode: Transactional, journalFile: d.file("journal", nil), Offset: page})
	at := page
	for _, step := range []func() error{
		func() error { _, err := m.WriteAt([]byte("changed"), at); return err },
		func() error { _, err := m.ReadAt(make([]byte, 7), at); return err },
		func() error { _, err := p.reclaim(1); return err },
		func() error { _, err := m.ReadAt(make([]byte, 7), at); return err },
		func() error { return m.Commit(ctx) },
		func() error { _, err := p.reclaim(1); return err },
		m.Close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	want := []string{
		"1 map",
		"3 device-read", "3 fault", "4 dirty", "2 access",
		"2 access",
		"4 swap-out", "4 evict", "4 reclaim",
		"3 swap-in", "3 fault", "2 access",
		"4 sync",
		"4 evict", "4 reclaim",
		"4 unmap",
	}
	if !slices.Equal(names, want) {
		t.Errorf("told:     %q\nexpected: %q", names, want)
	}
	if len(wrong) > 0 {
		t.Errorf("wrong: %+v", wrong)
	}
}

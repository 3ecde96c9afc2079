package pagecache

import (
	"context"
	"errors"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/filemap-go/filemap/internal/sys"
)

// pageStates counts as cachestat does, of a file whose pages are in these states.
type pageStates []State

func (p pageStates) count(s span) (c sys.CacheStat, _ error) {
	for _, state := range p[s.begin:s.end] {
		for bit, n := range map[State]*uint64{Cached: &c.Cached, Dirty: &c.Dirty, Writeback: &c.Writeback, Evicted: &c.Evicted, RecentlyEvicted: &c.RecentlyEvicted} {
			if state&bit != 0 {
				*n++
			}
		}
	}
	return c, nil
}

func bisect(t interface{ Fatal(...any) }, p pageStates, s span) (pageStates, []run, int) {
	found := make(pageStates, len(p))
	var runs []run
	j := &joiner{yield: func(r run) error {
		runs = append(runs, r)
		for i := r.begin; i < r.end; i++ {
			found[i] = r.state
		}
		return nil
	}}
	b := &bisection{context.Background(), p.count, 0, j.add}
	if err := errors.Join(b.search(s), j.end()); err != nil {
		t.Fatal(err)
	}
	return found, runs, b.calls
}

// Whatever the states are, bisection finds them, in runs that are as long as can be.
func TestBisectionFindsEveryPage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var p pageStates
		for _, r := range rapid.SliceOf(rapid.IntRange(0, 31*40)).Draw(t, "runs") {
			for range r % 40 {
				p = append(p, State(r/40))
			}
		}
		found, runs, _ := bisect(t, p, span{0, int64(len(p))})
		if !reflect.DeepEqual(found, append(make(pageStates, 0), p...)) && len(p) > 0 {
			t.Fatalf("found %v, want %v", found, p)
		}
		for i, r := range runs {
			if r.state == 0 || r.pages() == 0 || i > 0 && runs[i-1].end == r.begin && runs[i-1].state == r.state {
				t.Fatalf("run %d is %+v, before it %+v", i, r, runs[max(i-1, 0)])
			}
		}
	})
}

// The cost is that of the changes of state: this is what makes 1 TiB quick.
func TestBisectionIsCheapWhereNothingChanges(t *testing.T) {
	const size = 1 << 28 // pages: 1 TiB
	calls := 0
	b := &bisection{context.Background(), func(s span) (sys.CacheStat, error) {
		calls++
		if s.begin <= 12345678 && 12345678 < s.end {
			return sys.CacheStat{Cached: 1}, nil
		}
		return sys.CacheStat{}, nil
	}, 0, func(r run) error {
		if (r.state != 0) != (r.span == span{12345678, 12345679}) {
			t.Errorf("%+v", r)
		}
		return nil
	}}
	if err := b.search(span{0, size}); err != nil || calls > 2*28+1 {
		t.Errorf("%d calls to find one page of %d, %v", calls, size, err)
	}
}

func TestBisectionIsCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := make(pageStates, 1<<13)
	for i := range p {
		p[i] = State(i % 2)
	}
	err := (&bisection{ctx, p.count, 0, func(run) error { return nil }}).search(span{0, int64(len(p))})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestSpanOf(t *testing.T) {
	page := int64(sys.PageSize)
	for _, c := range []struct {
		extent Extent
		size   int64
		want   span
		bad    bool
	}{
		{Extent{}, 0, span{}, false},
		{Extent{}, 1, span{0, 1}, false},
		{Extent{}, page + 1, span{0, 2}, false},
		{Extent{0, ToEnd}, 3 * page, span{0, 3}, false},
		{Extent{page, ToEnd}, 3 * page, span{1, 3}, false},
		{Extent{page - 1, 2}, 3 * page, span{0, 2}, false},
		{Extent{page, 0}, 3 * page, span{1, 1}, false},
		{Extent{3 * page, 5}, 3 * page, span{3, 3}, false},
		{Extent{3*page + 1, 5}, 3 * page, span{}, true},
		{Extent{-1, 5}, 3 * page, span{}, true},
		{Extent{0, -5}, 3 * page, span{}, true},
	} {
		got, err := spanOf(c.extent, c.size)
		if (err != nil) != c.bad || got != c.want {
			t.Errorf("%+v of %d bytes: %+v, %v, want %+v", c.extent, c.size, got, err, c.want)
		}
	}
}

func TestCells(t *testing.T) {
	cells := emptyCells(10, 4)
	for i := range cells {
		cells[i].know(true)
	}
	addToCells(cells, run{span{2, 8}, Cached | Dirty})
	addToCells(cells, run{span{9, 10}, Evicted})
	var got []int64
	for _, c := range cells {
		got = append(got, c.Pages, *c.Cached, *c.Dirty, *c.Evicted)
	}
	want := []int64{3, 1, 1, 0, 3, 3, 3, 0, 3, 2, 2, 0, 1, 0, 0, 1}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What is not known of one file is not known of all.
func TestTotalOfMapped(t *testing.T) {
	n := func(i int64) *int64 { return &i }
	known, hidden := &File{MappedPages: n(3), MappedPagesAtLeast: 3}, &File{MappedPagesAtLeast: 2, Unknown: map[string]string{"mapped_pages": "why"}}
	for _, files := range [][]*File{{known}, {known, hidden}, {hidden, known}, {known, known}} {
		var total Total
		sum, reason := int64(0), ""
		for _, f := range files {
			total.Add(f)
			sum += f.MappedPagesAtLeast
			if f == hidden {
				reason = "why"
			}
		}
		if (total.MappedPages == nil) != (reason != "") || total.MappedPages != nil && *total.MappedPages != sum || total.MappedPagesAtLeast != sum || total.MappedUnknown != reason {
			t.Errorf("%+v, want %d and %q", total, sum, reason)
		}
	}
}

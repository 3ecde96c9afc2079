package comparison

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"
	"unsafe"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
	"github.com/filemap-go/filemap/pager"
	pagestore "github.com/filemap-go/filemap/pager/store"
)

// pin reads 8 bytes from pages that are in memory: what an access through the
// pager costs beside the access itself.
//
//	pin    Pin, load, Unpin: the way to bytes that must stay
//	read   Uint64: the optimistic way, which writes to no shared memory
//
// by one goroutine, and by one for each processor, on pages of their own and on
// the same ones. The time is that of one access of one goroutine. The limit is a
// pointer to a kernel mapping, which checks nothing.
func pin() *harness.Comparison {
	c := &harness.Comparison{Name: "pin", About: "8 bytes of a page that is in memory: pin + load + unpin, and the optimistic read"}
	all := runtime.GOMAXPROCS(0)
	for _, k := range []struct {
		name       string
		goroutines int
		isShared   bool
	}{{"1", 1, false}, {fmt.Sprintf("%d", all), all, false}, {fmt.Sprintf("%d/same pages", all), all, true}} {
		if k.goroutines == 1 && k.name != "1" {
			continue // one processor
		}
		work := pinWork{goroutines: k.goroutines, isShared: k.isShared}
		for _, op := range []string{"pin", "read"} {
			c.Cases = append(c.Cases, harness.Case{
				Name: op + "/" + k.name, Unit: "ns/op", Better: harness.Lower,
				Prepare: func(dir string) error { return patternFile(filepath.Join(dir, "pages"), 0, pinPages) },
				Contenders: []harness.Contender{
					{Name: "pager", Role: harness.Ours, New: func(dir string) (*harness.Task, error) { return work.pager(dir, op == "pin") }},
					{Name: contender.MmapGo.Name, Role: harness.Peer, New: work.mapped(&contender.MmapGo)},
					{Name: contender.Raw.Name, Role: harness.Limit, New: work.mapped(&contender.Raw)},
				},
			})
		}
	}
	return c
}

// pinPages is how many there are for each goroutine's loop, a power of two: so few
// that their bytes and the page table's are in the processor's caches.
const pinPages = 64

type pinWork struct {
	goroutines int
	isShared   bool
}

// task runs n accesses in each goroutine: access of the i-th adds up n words, and
// the sum is checked.
func (w pinWork) task(access func(first, n int) (uint64, error), closeAll func() error) *harness.Task {
	sums := make([]uint64, w.goroutines)
	return &harness.Task{
		Before: func(int) error { // so that all pages are there
			_, err := access(0, pinPages)
			return err
		},
		Run: func(n int) error {
			errs := make([]error, w.goroutines)
			var all sync.WaitGroup
			for g := range w.goroutines {
				all.Go(func() { sums[g], errs[g] = access(w.first(g), n) })
			}
			all.Wait()
			return errors.Join(errs...)
		},
		Check: func(n int) error {
			for g, got := range sums {
				want := uint64(0)
				for i := range min(n, pinPages) {
					page := pinPageAt(w.first(g), i)
					times := uint64((n - i + pinPages - 1) / pinPages)
					want += times * patternAt(0, uint64(page*pageBytes)/8)
				}
				if got != want {
					return harness.Wrong("the sum is %#x, not %#x", got, want)
				}
			}
			return nil
		},
		Close: closeAll,
	}
}

// first is the page with which a goroutine begins; those of its own are apart.
func (w pinWork) first(g int) int {
	if w.isShared {
		return 0
	}
	return g * pinPages / w.goroutines
}

// pinPageAt is the page of the i-th access: all of them, in no order that the
// processor foresees, so that each goroutine is at another one most of the time.
func pinPageAt(first, i int) int64 { return int64((first + i*37) % pinPages) }

func (w pinWork) pager(dir string, pins bool) (*harness.Task, error) {
	s, err := pagestore.Open(filepath.Join(dir, "pages"), pagestore.Options{})
	if err != nil {
		return nil, err
	}
	p, err := pager.New(pager.Config{Budget: 1 << 20})
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	m, err := p.Map(s, pager.Options{})
	if err != nil {
		return nil, errors.Join(err, p.Close(), s.Close())
	}
	ctx := context.Background()
	access := func(first, n int) (sum uint64, err error) {
		for i := range n {
			word, err := m.Uint64(ctx, pinPageAt(first, i)*pageBytes)
			if err != nil {
				return 0, err
			}
			sum += word
		}
		return sum, nil
	}
	if pins {
		access = func(first, n int) (sum uint64, err error) {
			for i := range n {
				pin, err := m.Pin(ctx, pinPageAt(first, i)*pageBytes, 8)
				if err != nil {
					return 0, err
				}
				sum += *(*uint64)(unsafe.Pointer(unsafe.SliceData(pin.Bytes())))
				pin.Unpin()
			}
			return sum, nil
		}
	}
	return w.task(access, func() error { return errors.Join(p.Close(), s.Close()) }), nil
}

func (w pinWork) mapped(l *contender.Library) func(dir string) (*harness.Task, error) {
	return func(dir string) (*harness.Task, error) {
		m, err := l.Read(filepath.Join(dir, "pages"))
		if err != nil {
			return nil, err
		}
		words := viewOf[uint64](m.Bytes)
		return w.task(func(first, n int) (sum uint64, err error) {
			for i := range n {
				sum += words[pinPageAt(first, i)*pageBytes/8]
			}
			return sum, nil
		}, m.Close), nil
	}
}

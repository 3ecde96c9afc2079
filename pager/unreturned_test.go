package pager

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/pager/store"
)

// A listener that panics, or ends its goroutine, at any event leaves nothing
// behind; its first panic is the error of Close.
func TestListenerMishaps(t *testing.T) {
	for name, mishap := range map[string]func(){"panic": func() { panic(errDevice) }, "goexit": runtime.Goexit} {
		for _, mode := range []Mode{Shared, Private, Transactional} {
			t.Run(name+"/"+mode.String(), func(t *testing.T) {
				events := listenerMishap(t, mode, -1, mishap)
				for i := 0; i < events; i += 1 + rand.IntN(10) { // each event in some run of the tests
					listenerMishap(t, mode, i, mishap)
				}
				if events < 20 {
					t.Errorf("only %d events", events)
				}
			})
		}
	}
}

func listenerMishap(t *testing.T, mode Mode, nth int, mishap func()) int {
	const pages = 12
	var events, panics atomic.Int64
	p, err := New(Config{
		Budget: int64(3 * sys.PageSize), DirectOnly: true,
		Swap: Swap{Bytes: int64(pages * sys.PageSize), Store: store.NewMemory(int64(pages * sys.PageSize))},
		Events: func(e event.Event) {
			if e.Name == event.Unmap || e.Name == event.Map {
				return // no attempt follows
			}
			if events.Add(1)-1 == int64(nth) {
				panics.Add(1)
				mishap()
				panics.Add(-1)
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Mode: mode}
	if mode == Transactional {
		o.journalFile = (&device{}).file("journal", nil)
	}
	e := &everyCall{m: mapStore(t, p, store.NewMemoryOf(patterned(pages)), o), want: patterned(pages)}
	for number := range 2 {
		if err := e.round(number, pages); err != nil {
			t.Fatalf("event %d: %v", nth, err)
		}
	}
	for page := range pages {
		if w := e.m.table[page].load(); w.state() == resident && w.pins() > 0 {
			t.Fatalf("event %d: page %d is %v", nth, page, w)
		}
	}
	n := int(events.Load())
	got := make([]byte, len(e.want))
	if _, err := e.m.ReadAt(got, 0); err != nil || !bytes.Equal(got, e.want) {
		t.Fatalf("event %d: wrong bytes, %v", nth, err)
	}
	if err := e.m.Close(); err != nil {
		t.Fatalf("event %d: %v", nth, err)
	}
	err = p.Close()
	var panicked *PanicError
	if wanted := panics.Load() > 0 && p.panicked != nil; errors.As(err, &panicked) != wanted || !wanted && err != nil {
		t.Fatalf("event %d: closing: %v", nth, err)
	}
	if used := p.frames.used.Load(); used != 0 {
		t.Fatalf("event %d: %d frames in use", nth, used)
	}
	return n
}

// Memory of the caller that cannot be read or written ends the call with a fault,
// and nothing else.
func TestBadMemoryOfTheCaller(t *testing.T) {
	if !sys.Mapped || runtime.GOOS == "windows" {
		t.Skip("needs memory whose accesses can fail: not on " + runtime.GOOS)
	}
	const pages = 64
	region, err := sys.MapAnonymous(2*sys.PageSize, sys.ProtRead|sys.ProtWrite, false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = region.Release() }()
	if err := region.Protect(0, sys.PageSize, sys.PageSize); err != nil {
		t.Fatal(err)
	}
	bad := region.Bytes() // the second half of it
	p := newPager(t, 8, func(c *Config) {
		c.DirectOnly = true
		c.Swap = Swap{Bytes: int64(pages * sys.PageSize), Store: store.NewMemory(int64(pages * sys.PageSize))}
	})
	d := &device{}
	m := mapStore(t, p, d.file("store", patterned(pages)), Options{Mode: Transactional, journalFile: d.file("journal", nil)})
	faults := func(f func()) (did bool) {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		defer func() { did = recover() != nil }()
		f()
		return false
	}
	look := func() {
		t.Helper()
		got := make([]byte, pages*sys.PageSize)
		if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, patterned(pages)) {
			t.Fatal("afterwards: ", err)
		}
		if used := p.frames.used.Load(); used > 8 {
			t.Fatalf("%d frames", used)
		}
	}
	for name, f := range map[string]func(page int64){
		"overwrites": func(page int64) { _, _ = m.WriteAt(bad, page*int64(sys.PageSize)) },
		"stores":     func(page int64) { _, _ = m.WriteAt(bad[sys.PageSize:][:100], page*int64(sys.PageSize)) },
		"reads":      func(page int64) { _, _ = m.ReadAt(bad, page*int64(sys.PageSize)) },
		"reads part": func(page int64) { _, _ = m.ReadAt(bad[sys.PageSize:][:100], page*int64(sys.PageSize)) },
		"reads page": func(page int64) { _, _ = m.ReadAt(bad[sys.PageSize:], page*int64(sys.PageSize)) },
	} {
		for page := range int64(pages - 1) {
			if !faults(func() { f(page) }) {
				t.Fatalf("%s at page %d: no fault", name, page)
			}
		}
		if err := m.Discard(ctx); err != nil { // no pin and no writer is left
			t.Fatalf("%s: %v", name, err)
		}
		look()
	}
	for range 20 { // a scan
		buf := make([]byte, sys.PageSize)
		for page := range pages / 2 {
			if _, err := m.ReadAt(buf, int64(page*sys.PageSize)); err != nil {
				t.Fatal(err)
			}
		}
		if !faults(func() { _, _ = m.ReadAt(bad[sys.PageSize:], pages/2*int64(sys.PageSize)) }) {
			t.Fatal("no fault")
		}
	}
	look()
}

// While a page is pinned Close fails, and nobody notices anything of it.
func TestCloseOfPinned(t *testing.T) {
	const pages = 64
	failing := errors.New("the store cannot be written")
	for name, write := range map[string]bool{"pinned": false, "cannot be written": true} {
		t.Run(name, func(t *testing.T) {
			s := &odd{Memory: store.NewMemoryOf(patterned(pages))}
			p := newPager(t, 8, nil)
			m := mapStore(t, p, s, Options{Mode: Shared})
			var pin Pinned
			if write {
				if _, err := m.WriteAt(patterned(1)[:8], 0); err != nil {
					t.Fatal(err)
				}
				s.write = func([]byte, int64) (int, error) { return 0, failing }
			} else {
				var err error
				if pin, err = m.Pin(ctx, 0, 8); err != nil {
					t.Fatal(err)
				}
			}
			var stop atomic.Bool
			var all sync.WaitGroup
			var begun [4]atomic.Bool
			for i := range begun {
				all.Go(func() {
					for !stop.Load() {
						// A fault may need the frame of the page that cannot be written.
						if err := useAnywhere(m, pages, i); err != nil && !errors.Is(err, failing) {
							t.Error(err)
							return
						}
						begun[i].Store(true)
						runtime.Gosched() // where one goroutine runs until it waits
					}
				})
			}
			closes := 0
			for ; closes < 300 || !begun[0].Load() || !begun[1].Load() || !begun[2].Load() || !begun[3].Load(); closes++ {
				if t.Failed() {
					break
				}
				if err := p.Close(); !errors.Is(err, ErrPinned) && !errors.Is(err, failing) {
					t.Errorf("Close: %v", err)
				}
				runtime.Gosched()
			}
			stop.Store(true)
			all.Wait()
			pin.Unpin()
			s.write = nil
			if err := m.Close(); err != nil {
				t.Fatal(err)
			}
			if err := useAnywhere(m, pages, 0); !errors.Is(err, ErrClosed) {
				t.Errorf("after Close: %v", err)
			}
		})
	}
}

// useAnywhere accesses a page in one of the ways.
func useAnywhere(m *Mapping, pages, way int) error {
	page := 1 + rand.IntN(pages-2)
	at := int64(page * sys.PageSize)
	switch way {
	case 0:
		v, err := m.Uint64(ctx, at)
		if err == nil && v != uint64(at) {
			err = errors.New("wrong bytes")
		}
		return err
	case 1:
		_, err := m.ReadAt(make([]byte, sys.PageSize), at)
		return err
	case 2:
		pin, err := m.Pin(ctx, at, 2*sys.PageSize)
		pin.Unpin()
		return err
	}
	_, err := m.Prefetch(at, int64(sys.PageSize))
	return err
}

// What begins while a Close is under way waits for its outcome, or for the end of
// its context.
func TestAccessDuringClose(t *testing.T) {
	for _, fails := range []bool{true, false} {
		d := &device{}
		b := d.file("store", patterned(4))
		p := newPager(t, 4, nil)
		m := mapStore(t, p, b, Options{Mode: Shared})
		if _, err := m.WriteAt([]byte{1}, 0); err != nil {
			t.Fatal(err)
		}
		through := make(chan struct{})
		d.hold = func(op string, _ *brittle, _ int64) {
			if op == "write" {
				<-through
			}
		}
		if fails {
			d.failing("write", "store", -1)
		}
		closed, read := make(chan error), make(chan error)
		go func() { closed <- m.Close() }()
		until(t, "Close to begin", m.tasks.isClosing)
		short, cancel := context.WithCancel(ctx)
		go func() { _, err := m.Pin(short, int64(sys.PageSize), 8); read <- err }()
		cancel()
		if err := <-read; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled access: %v", err)
		}
		go func() { _, err := m.Uint64(ctx, int64(sys.PageSize)); read <- err }()
		go func() { read <- m.Sync(short) }() // waits for its turn, or finds its context ended
		if err := <-read; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled Sync: %v", err)
		}
		close(through)
		if err := <-closed; errors.Is(err, errDevice) != fails {
			t.Errorf("Close: %v", err)
		}
		if err := <-read; fails && err != nil || !fails && !errors.Is(err, ErrClosed) {
			t.Errorf("an access during a Close, failing %v: %v", fails, err)
		}
		d.fail, d.hold = nil, nil
	}
}

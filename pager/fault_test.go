package pager

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/store"
)

// until waits for something that must come.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	for range 20000 {
		if is() {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("waited in vain for ", what)
}

// gated is a device whose reads wait until they are let through.
func gated(pages int) (*device, *brittle, chan struct{}, *atomic.Int64) {
	d := &device{}
	b := d.file("store", patterned(pages))
	through, reads := make(chan struct{}), new(atomic.Int64)
	d.hold = func(op string, _ *brittle, _ int64) {
		if op == "read" {
			reads.Add(1)
			<-through
		}
	}
	return d, b, through, reads
}

// Many who access a page at once cause one read; its failure is an error for all
// of them; the next access reads again.
func TestConcurrentFaults(t *testing.T) {
	d, b, through, reads := gated(4)
	p := newPager(t, 4, nil)
	m := mapStore(t, p, b, Options{})
	for round, failing := range []bool{true, false} {
		d.fail = nil
		if failing {
			d.failing("read", "store", -1)
		}
		var g sync.WaitGroup
		var errs [20]error
		for i := range errs {
			g.Go(func() {
				pin, err := m.Pin(ctx, 8, 8)
				if errs[i] = err; err == nil {
					pin.Unpin()
				}
			})
		}
		until(t, "all to wait", func() bool {
			s := p.waits.shard(0)
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.busy[&m.table[0]] != nil && s.busy[&m.table[0]].sleepers.Load() == int64(len(errs)-1)
		})
		through <- struct{}{}
		g.Wait()
		for _, err := range errs {
			if errors.Is(err, errDevice) != failing || !failing && err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		}
		if n := reads.Load(); n != int64(round+1) {
			t.Fatalf("round %d: %d reads", round, n)
		}
	}
	close(through)
}

// A context ends the wait of whoever reads and of whoever waits for the reader;
// what was read is there afterwards.
func TestContextEndsFault(t *testing.T) {
	_, b, through, reads := gated(4)
	p := newPager(t, 4, nil)
	m := mapStore(t, p, b, Options{})
	short, cancel := context.WithCancel(ctx)
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := m.Pin(short, 0, 8)
			errs <- err
		}()
	}
	until(t, "the read", func() bool { return reads.Load() == 1 })
	cancel()
	for range 2 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("a cancelled access: %v", err)
		}
	}
	close(through)
	pin, err := m.Pin(ctx, 0, 8)
	if err != nil {
		t.Fatal(err)
	}
	pin.Unpin()
	if n := reads.Load(); n != 1 {
		t.Errorf("%d reads", n)
	}
	until(t, "the abandoned pin to go", func() bool { return m.table[0].load().pins() == 0 })
}

// Closing waits for a fault that is under way.
func TestCloseWaitsForFaults(t *testing.T) {
	_, b, through, reads := gated(4)
	p := newPager(t, 4, nil)
	m := mapStore(t, p, b, Options{})
	faulted := make(chan error)
	go func() {
		pin, err := m.Pin(ctx, 0, 8)
		if err == nil {
			pin.Unpin()
		}
		faulted <- err
	}()
	until(t, "the read", func() bool { return reads.Load() == 1 })
	closed := make(chan error)
	go func() { closed <- m.Close() }()
	until(t, "Close to begin", m.tasks.isClosing)
	close(through)
	if err := <-faulted; err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil && !errors.Is(err, ErrPinned) {
		t.Error(err)
	}
}

// Who wants a frame while all are pinned gets it when one is unpinned, and gives
// up when its context ends; nobody waits for good, whatever ranges are pinned.
func TestAllPinned(t *testing.T) {
	p := newPager(t, 4, func(c *Config) { c.PinWait = time.Hour })
	m := mapStore(t, p, store.NewMemoryOf(patterned(32)), Options{})
	all, err := m.Pin(ctx, 0, 4*sys.PageSize)
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithCancel(ctx)
	waiting := make(chan error, 2)
	go func() { _, err := m.Pin(short, int64(10*sys.PageSize), 8); waiting <- err }()
	until(t, "the waiter", func() bool { return p.frames.waiting.Load() == 1 })
	cancel()
	if err := <-waiting; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	go func() {
		pin, err := m.Pin(ctx, int64(10*sys.PageSize), 3*sys.PageSize)
		if err == nil {
			pin.Unpin()
		}
		waiting <- err
	}()
	until(t, "the waiter", func() bool { return p.frames.waiting.Load() == 1 })
	all.Unpin()
	if err := <-waiting; err != nil {
		t.Error(err)
	}
	// Ranges that together are more than the budget.
	var g sync.WaitGroup
	for i := range 6 {
		g.Go(func() {
			for j := range 200 {
				pin, err := m.Pin(ctx, int64((i*5+j)%29*sys.PageSize), 3*sys.PageSize)
				if err != nil {
					t.Error(err)
					return
				}
				pin.Unpin()
			}
		})
	}
	g.Wait()
}

// A read of several pages that fails is tried page by page: the good ones can be
// had, and none is left over.
func TestOneBadPage(t *testing.T) {
	d := &device{}
	b := d.file("store", patterned(8))
	bad := int64(5 * sys.PageSize)
	first := true
	d.fail = func(op string, _ *brittle, off int64) error {
		if op == "read" && (first || off == bad) {
			first = false // which is the read of all four
			return errDevice
		}
		return nil
	}
	p := newPager(t, 8, nil)
	m := mapStore(t, p, b, Options{NoReadahead: true})
	if _, err := m.Pin(ctx, int64(4*sys.PageSize), 4*sys.PageSize); !errors.Is(err, errDevice) {
		t.Fatal(err)
	}
	var at *Error
	_, err := m.Pin(ctx, int64(4*sys.PageSize), 4*sys.PageSize)
	if !errors.As(err, &at) || at.Offset != bad {
		t.Errorf("%v does not tell the bad page at %d", err, bad)
	}
	for page := range 8 {
		_, err := m.Uint64(ctx, int64(page*sys.PageSize))
		if (err != nil) != (page == 5) {
			t.Errorf("page %d: %v", page, err)
		}
		if pins := m.table[page].load(); pins.state() == resident && pins.pins() != 0 {
			t.Errorf("page %d: %v", page, pins)
		}
	}
	if used := p.frames.used.Load(); used != 7 {
		t.Errorf("%d frames", used)
	}
}

// A store that has become shorter is an error for the pages that are gone.
func TestShorterStore(t *testing.T) {
	d := &device{}
	b := d.file("store", patterned(4))
	p := newPager(t, 4, nil)
	m := mapStore(t, p, b, Options{})
	b.now = b.now[:2*sys.PageSize+10]
	if _, err := m.Uint64(ctx, int64(sys.PageSize)); err != nil {
		t.Error(err)
	}
	for _, page := range []int{2, 3} {
		if _, err := m.Uint64(ctx, int64(page*sys.PageSize)); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("page %d: %v", page, err)
		}
	}
}

// What is stored while a page is being written back is not lost.
func TestStoreDuringWriteback(t *testing.T) {
	d := &device{}
	b := d.file("store", make([]byte, 4*sys.PageSize))
	p := newPager(t, 4, nil)
	m := mapStore(t, p, b, Options{Mode: Shared})
	pin, err := m.PinWrite(ctx, 0, 8)
	if err != nil {
		t.Fatal(err)
	}
	copy(pin.Bytes(), "earlier!")
	if err := m.Sync(ctx); err != nil { // the pin stays
		t.Fatal(err)
	}
	copy(pin.Bytes(), "later...")
	pin.Unpin()
	if w := m.table[0].load(); w&dirty == 0 {
		t.Fatalf("the page is %v", w)
	}
	if err := m.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if string(b.durable[:8]) != "later..." {
		t.Errorf("the store has %q", b.durable[:8])
	}
}

// One Unpin too many is noticed.
func TestUnpinTwice(t *testing.T) {
	p := newPager(t, 4, nil)
	m := mapStore(t, p, store.NewMemory(int64(sys.PageSize)), Options{Mode: Shared})
	for _, write := range []bool{false, true} {
		pin, err := m.Pin(ctx, 0, 8)
		if write {
			pin.Unpin()
			pin, err = m.PinWrite(ctx, 0, 8)
		}
		if err != nil {
			t.Fatal(err)
		}
		pin.Unpin()
		word := m.table[0].load()
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			pin.Unpin()
		}()
		m.table[0].word.Store(uint64(word)) // the program would be over
	}
}

// Pages that a checker does not accept are an error, until they are right again;
// the checker knows what the pager writes.
func TestChecksums(t *testing.T) {
	d := &device{}
	b := d.file("store", patterned(8)[:8*sys.PageSize-50])
	sums, err := ChecksumsOf(b, sys.PageSize)
	if err != nil {
		t.Fatal(err)
	}
	p := newPager(t, 2, nil)
	m := mapStore(t, p, b, Options{Mode: Shared, Check: sums})
	b.now[3*sys.PageSize+9] ^= 4
	b.now[len(b.now)-1] ^= 4
	for range 2 {
		for _, page := range []int{3, 7} {
			if _, err := m.Uint64(ctx, int64(page*sys.PageSize)); !errors.Is(err, ErrCorrupt) {
				t.Errorf("page %d: %v", page, err)
			}
		}
	}
	b.now[3*sys.PageSize+9] ^= 4
	b.now[len(b.now)-1] ^= 4
	for page := range 8 {
		if _, err := m.WriteAt([]byte("changed"), int64(page*sys.PageSize+5)); err != nil {
			t.Errorf("page %d: %v", page, err)
		}
	}
	if err := m.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := p.reclaim(2); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(b.now))
	if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, b.now) {
		t.Errorf("after writing: %v", err)
	}
}

// A page that left and came back is not the page that a reader without a pin was
// looking at, although it is at the same place.
func TestVersionTells(t *testing.T) {
	p := newPager(t, 4, func(c *Config) { c.DirectOnly = true })
	m := mapStore(t, p, store.NewMemoryOf(patterned(4)), Options{})
	look := func() {
		t.Helper()
		if _, err := m.Uint64(ctx, 0); err != nil {
			t.Fatal(err)
		}
	}
	look()
	before := m.table[0].load()
	look() // referenced now
	if !m.same(&m.table[0], before) {
		t.Error("a page that stayed is another")
	}
	if n, err := p.reclaim(1); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	if m.same(&m.table[0], before) {
		t.Error("a page that left is there")
	}
	look()
	if m.same(&m.table[0], before) {
		t.Error("a page that came back is the same")
	}
}

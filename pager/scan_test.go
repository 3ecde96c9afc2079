package pager

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

// scanOf makes a pager of 128 frames and a mapping of 1024 pages of which the first
// half was read in order, so that a scan is under way.
func scanOf(t *testing.T, o Options, change func(*Config)) (*Pager, *Mapping, *device, []byte) {
	t.Helper()
	const pages = 1024
	d := &device{}
	p := newPager(t, 128, change)
	want := patterned(pages)
	if o.Mode == Transactional {
		o.journalFile = d.file("journal", nil)
	}
	m := mapStore(t, p, d.file("store", want), o)
	readInOrder(t, m, want, 0, len(want)/2)
	if m.scan.Load() == nil {
		t.Fatal("there is no scan")
	}
	return p, m, d, want
}

// readInOrder reads [from, to) by pieces of an odd length and compares.
func readInOrder(t *testing.T, m *Mapping, want []byte, from, to int) {
	t.Helper()
	got := make([]byte, 3*sys.PageSize/2)
	for at := from; at < to; {
		n, err := m.ReadAt(got[:min(len(got), to-at)], int64(at))
		if err != nil || !bytes.Equal(got[:n], want[at:at+n]) {
			t.Fatalf("at page %d: %d bytes, %v", at/sys.PageSize, n, err)
		}
		at += n
	}
}

// idle waits until nothing is being read.
func idle(t *testing.T, m *Mapping) {
	t.Helper()
	until(t, "readers to end", func() bool { m.tasks.mu.Lock(); defer m.tasks.mu.Unlock(); return m.tasks.count == 0 })
}

func withSwap(c *Config) {
	d := &device{}
	const bytes = 256
	c.Swap = Swap{Bytes: int64(bytes * sys.PageSize), Store: d.file("swap", make([]byte, bytes*sys.PageSize))}
}

// A long read in order does not displace what is in memory, and most of it is read
// for nobody else.
func TestScanLeavesPagesAlone(t *testing.T) {
	p, m, _, want := scanOf(t, Options{}, nil)
	st := p.Stats()
	if st.PassedPages < 128 || st.Evictions > 256 {
		t.Errorf("%d of 512 pages were scanned, %d evicted", st.PassedPages, st.Evictions)
	}
	readInOrder(t, m, want, len(want)/2, len(want))
	if after := p.Stats(); after.Evictions > st.Evictions+32 || after.PassedPages < st.PassedPages+192 {
		t.Errorf("the other half: %d were scanned, %d evicted", after.PassedPages-st.PassedPages, after.Evictions-st.Evictions)
	}
	if m.scan.Load() != nil || p.pieces.inUse() != 0 {
		t.Error("the scan has come to the end and goes on")
	}
}

// Where nothing is to be spared, everything becomes resident.
func TestNoScan(t *testing.T) {
	for name, c := range map[string]struct {
		pages, frames int
		scanBytes     int64
		o             Options
	}{
		"a mapping within the budget": {pages: 128, frames: 256},
		"turned off":                  {pages: 512, frames: 128, scanBytes: -1},
		"no readahead":                {pages: 512, frames: 128, o: Options{NoReadahead: true}},
		"a budget of few pages":       {pages: 64, frames: 8},
	} {
		p := newPager(t, c.frames, func(k *Config) { k.ScanBytes, k.AdmitAll = c.scanBytes, true })
		want := patterned(c.pages)
		m := mapStore(t, p, (&device{}).file("store", want), c.o)
		readInOrder(t, m, want, 0, len(want))
		if n := p.Stats().PassedPages; n != 0 {
			t.Errorf("%s: %d pages were scanned", name, n)
		}
	}
}

// What was stored to a page since a scan has read it is seen: in memory, when it
// was written back and evicted, in swap, and committed.
func TestScanIsNotStale(t *testing.T) {
	for _, mode := range []Mode{Shared, Private, Transactional} {
		for _, leaves := range []bool{false, true} {
			p, m, _, want := scanOf(t, Options{Mode: mode}, withSwap)
			s := m.scan.Load()
			change := func(page uint64) {
				b := bytes.Repeat([]byte{0xaa}, sys.PageSize)
				if _, err := m.WriteAt(b, int64(page)*int64(sys.PageSize)); err != nil {
					t.Fatal(mode, err)
				}
				copy(want[page<<m.shift:], b)
			}
			for _, one := range s.pieces {
				<-one.done
				change(one.first + uint64(one.count)/2)
			}
			if mode == Transactional {
				if err := m.Commit(ctx); err != nil {
					t.Fatal(err)
				}
			}
			if leaves {
				for range 8 {
					if _, err := p.reclaim(64); err != nil {
						t.Fatal(mode, err)
					}
				}
			}
			readInOrder(t, m, want, len(want)/2, len(want))
		}
	}
}

// A scan's read that fails is the fault's error, of that page, and can be tried
// again.
func TestScanMeetsErrors(t *testing.T) {
	_, m, d, want := scanOf(t, Options{}, nil)
	bad := int64(800 * sys.PageSize)
	idle(t, m)
	d.fail = func(op string, b *brittle, off int64) error {
		if op == "read" && off <= bad && bad < off+int64(sys.PageSize*maxRun) {
			return errDevice
		}
		return nil
	}
	readInOrder(t, m, want, len(want)/2, int(bad)-maxRun*sys.PageSize)
	var failed *Error
	for at := bad - int64(maxRun*sys.PageSize); at <= bad && failed == nil; at += int64(sys.PageSize) {
		_, err := m.ReadAt(make([]byte, sys.PageSize), at)
		errors.As(err, &failed)
	}
	if failed == nil || !errors.Is(failed, errDevice) {
		t.Fatalf("no error: %v", failed)
	}
	idle(t, m)
	d.fail = nil
	readInOrder(t, m, want, int(bad)-maxRun*sys.PageSize, len(want))
}

// A context ends the wait for a scan's read, and Close ends the scan.
func TestScanIsLeft(t *testing.T) {
	p, m, d, want := scanOf(t, Options{}, nil)
	let := make(chan struct{})
	var once sync.Once
	open := func() { once.Do(func() { close(let) }) }
	t.Cleanup(open)
	idle(t, m)
	d.hold = func(op string, _ *brittle, _ int64) {
		if op == "read" {
			<-let
		}
	}
	short, cancel := context.WithCancel(ctx)
	ended := make(chan error)
	go func() {
		b := make([]byte, sys.PageSize)
		for at := len(want) / 2; ; at += len(b) {
			if _, err := m.ReadAtContext(short, b, int64(at)); err != nil {
				ended <- err
				return
			}
		}
	}()
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	open()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	until(t, "buffers to come back", func() bool { return p.pieces.inUse() == 0 })
}

// Several read one stream, others another, and each gets what is there.
func TestScansOfMany(t *testing.T) {
	p, m, _, want := scanOf(t, Options{}, nil)
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			from := i % 3 * 340 * sys.PageSize
			got := make([]byte, sys.PageSize)
			for at := from; at < len(want); at += len(got) {
				if _, err := m.ReadAt(got, int64(at)); err != nil || !bytes.Equal(got, want[at:at+len(got)]) {
					t.Error(at/sys.PageSize, err)
					return
				}
			}
		})
	}
	all.Wait()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	until(t, "buffers to come back", func() bool { return p.pieces.inUse() == 0 })
}

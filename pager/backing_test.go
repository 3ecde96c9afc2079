package pager

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/store"
)

// odd is a store whose calls can be replaced.
type odd struct {
	*store.Memory
	read  func(p []byte, off int64) (int, error)
	write func(p []byte, off int64) (int, error)
	sync  func() error
	size  func() (int64, error)
}

func (o *odd) ReadAt(p []byte, off int64) (int, error) {
	if o.read != nil {
		return o.read(p, off)
	}
	return o.Memory.ReadAt(p, off)
}

func (o *odd) WriteAt(p []byte, off int64) (int, error) {
	if o.write != nil {
		return o.write(p, off)
	}
	return o.Memory.WriteAt(p, off)
}

func (o *odd) Sync() error {
	if o.sync != nil {
		return o.sync()
	}
	return nil
}

func (o *odd) Size() (int64, error) {
	if o.size != nil {
		return o.size()
	}
	return o.Memory.Size()
}

// transfers are what a ReadAt or WriteAt of n bytes may return, and must not be
// taken for a success.
var transfers = map[string]struct {
	result func(n int) (int, error)
	is     error
}{
	"all, and an error":  {func(n int) (int, error) { return n, errDevice }, errDevice},
	"part, and no error": {func(n int) (int, error) { return n / 2, nil }, nil},
	"none, and no error": {func(int) (int, error) { return 0, nil }, nil},
	"too much":           {func(n int) (int, error) { return n + 1, nil }, ErrStore},
	"less than none":     {func(int) (int, error) { return -1, nil }, ErrStore},
	"panics":             {func(int) (int, error) { panic(errDevice) }, errDevice},
	"panics otherwise":   {func(int) (int, error) { panic("no error") }, nil},
	"out of range":       {func(n int) (int, error) { return []int{}[n], nil }, nil},
}

// A store that says that it has read, and has not, is an error for the access; the
// page can be had when the store is well again.
func TestMisbehavingReads(t *testing.T) {
	accesses := map[string]func(m *Mapping) error{
		"pin":     func(m *Mapping) error { pin, err := m.Pin(ctx, 0, 8); pin.Unpin(); return err },
		"word":    func(m *Mapping) error { _, err := m.Uint64(ctx, 0); return err },
		"range":   func(m *Mapping) error { pin, err := m.Pin(ctx, 0, 3*sys.PageSize); pin.Unpin(); return err },
		"context": func(m *Mapping) error { pin, err := m.Pin(t.Context(), 0, 8); pin.Unpin(); return err },
		"passing": func(m *Mapping) error { _, err := m.ReadAt(make([]byte, sys.PageSize), 0); return err },
	}
	for name, transfer := range transfers {
		for access, do := range accesses {
			t.Run(name+"/"+access, func(t *testing.T) {
				s := &odd{Memory: store.NewMemoryOf(patterned(8))}
				p := newPager(t, 4, func(c *Config) { c.DirectOnly = true })
				m := mapStore(t, p, s, Options{})
				if access == "passing" { // only when memory is full
					for page := 4; page < 8; page++ {
						if _, err := m.Uint64(ctx, int64(page*sys.PageSize)); err != nil {
							t.Fatal(err)
						}
					}
				}
				s.read = func(p []byte, _ int64) (int, error) { return transfer.result(len(p)) }
				for range 2 {
					if err := do(m); err == nil || transfer.is != nil && !errors.Is(err, transfer.is) {
						t.Errorf("%v, expected %v", err, transfer.is)
					}
				}
				s.read = nil
				if err := do(m); err != nil {
					t.Error("afterwards: ", err)
				}
				if v, err := m.Uint64(ctx, 8); v != 8 || err != nil {
					t.Error("afterwards: ", v, err)
				}
			})
		}
	}
}

// A full count with io.EOF is a success, as of every io.ReaderAt.
func TestReadWithEOF(t *testing.T) {
	s := &odd{Memory: store.NewMemoryOf(patterned(2))}
	s.read = func(p []byte, off int64) (int, error) {
		n, _ := s.Memory.ReadAt(p, off)
		return n, io.EOF
	}
	m := mapStore(t, newPager(t, 4, nil), s, Options{})
	if v, err := m.Uint64(ctx, int64(sys.PageSize)); v != uint64(sys.PageSize) || err != nil {
		t.Error(v, err)
	}
}

// A store that says that it has written, and has not, leaves the pages dirty, be it
// at Sync, at an eviction or at Close; nothing is lost when it is well again.
func TestMisbehavingWrites(t *testing.T) {
	writes := map[string]func(p *Pager, m *Mapping) error{
		"sync":  func(_ *Pager, m *Mapping) error { return m.Sync(ctx) },
		"evict": func(p *Pager, _ *Mapping) error { _, err := p.reclaim(4); return err },
		"close": func(_ *Pager, m *Mapping) error { return m.Close() },
	}
	for name, transfer := range transfers {
		for write, do := range writes {
			t.Run(name+"/"+write, func(t *testing.T) {
				want := patterned(8)
				s := &odd{Memory: store.NewMemory(int64(len(want)))}
				p := newPager(t, 8, func(c *Config) { c.DirectOnly = true })
				m := mapStore(t, p, s, Options{Mode: Shared})
				if _, err := m.WriteAt(want, 0); err != nil {
					t.Fatal(err)
				}
				s.write = func(p []byte, _ int64) (int, error) { return transfer.result(len(p)) }
				for range 2 {
					if err := do(p, m); err == nil || transfer.is != nil && !errors.Is(err, transfer.is) {
						t.Errorf("%v, expected %v", err, transfer.is)
					}
				}
				s.write = nil
				if err := errors.Join(m.Sync(ctx), m.Close()); err != nil {
					t.Error("afterwards: ", err)
				}
				got := make([]byte, len(want))
				if _, err := s.Memory.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
					t.Error("the store has not what was stored: ", err)
				}
			})
		}
	}
}

// Swap that misbehaves loses nothing either.
func TestMisbehavingSwap(t *testing.T) {
	for name, transfer := range transfers {
		t.Run(name, func(t *testing.T) {
			swap := &odd{Memory: store.NewMemory(int64(8 * sys.PageSize))}
			p := newPager(t, 4, func(c *Config) {
				c.DirectOnly = true
				c.Swap = Swap{Bytes: int64(8 * sys.PageSize), Store: swap}
			})
			m := mapStore(t, p, store.NewMemory(int64(8*sys.PageSize)), Options{Mode: Private})
			want := patterned(4)
			if _, err := m.WriteAt(want, 0); err != nil {
				t.Fatal(err)
			}
			swap.write = func(p []byte, _ int64) (int, error) { return transfer.result(len(p)) }
			if _, err := m.Uint64(ctx, int64(6*sys.PageSize)); err == nil || transfer.is != nil && !errors.Is(err, transfer.is) {
				t.Errorf("swapping out: %v, expected %v", err, transfer.is)
			}
			swap.write = nil
			if n, err := p.reclaim(4); n != 4 || err != nil {
				t.Fatal(n, err)
			}
			swap.read = func(p []byte, off int64) (int, error) {
				_, _ = swap.Memory.ReadAt(p, off)
				return transfer.result(len(p))
			}
			if _, err := m.Uint64(ctx, 0); err == nil || transfer.is != nil && !errors.Is(err, transfer.is) {
				t.Errorf("swapping in: %v, expected %v", err, transfer.is)
			}
			swap.read = nil
			got := make([]byte, len(want))
			if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
				t.Error("afterwards: ", err)
			}
		})
	}
}

// The journal writes the store through the same checks.
func TestMisbehavingCommit(t *testing.T) {
	for name, transfer := range transfers {
		t.Run(name, func(t *testing.T) {
			d := &device{}
			s := &odd{Memory: store.NewMemory(int64(4 * sys.PageSize))}
			m := mapStore(t, newPager(t, 4, nil), s, Options{Mode: Transactional, journalFile: d.file("journal", nil)})
			if _, err := m.WriteAt([]byte("whole"), 5000); err != nil {
				t.Fatal(err)
			}
			s.write = func(p []byte, _ int64) (int, error) { return transfer.result(len(p)) }
			if err := m.Commit(ctx); !errors.Is(err, ErrPending) {
				t.Errorf("%v, expected %v", err, ErrPending)
			}
			s.write = nil
			if err := m.Commit(ctx); err != nil {
				t.Fatal("afterwards: ", err)
			}
			b := make([]byte, 5)
			if _, err := s.Memory.ReadAt(b, 5000); err != nil || string(b) != "whole" {
				t.Errorf("the store has %q, %v", b, err)
			}
		})
	}
}

func TestMisbehavingSize(t *testing.T) {
	p := newPager(t, 4, nil)
	s := &odd{Memory: store.NewMemory(100)}
	for name, size := range map[string]func() (int64, error){
		"negative": func() (int64, error) { return -5, nil },
		"error":    func() (int64, error) { return 100, errDevice },
		"panic":    func() (int64, error) { panic("size") },
	} {
		s.size = size
		if _, err := p.Map(s, Options{}); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := ChecksumsOf(s, sys.PageSize); err == nil {
			t.Errorf("%s: no error of ChecksumsOf", name)
		}
	}
	s.size = nil
	for name, transfer := range transfers {
		s.read = func(p []byte, _ int64) (int, error) { return transfer.result(len(p)) }
		if _, err := ChecksumsOf(s, sys.PageSize); err == nil || transfer.is != nil && !errors.Is(err, transfer.is) {
			t.Errorf("ChecksumsOf, %s: %v, expected %v", name, err, transfer.is)
		}
	}
}

// A panic is told with its stack.
func TestPanicError(t *testing.T) {
	s := &odd{Memory: store.NewMemory(100), read: func([]byte, int64) (int, error) { panic("in the store") }}
	m := mapStore(t, newPager(t, 4, nil), s, Options{})
	_, err := m.Uint64(ctx, 0)
	var panicked *PanicError
	if !errors.As(err, &panicked) || panicked.Value != "in the store" || !strings.Contains(string(panicked.Stack), "TestPanicError") {
		t.Errorf("%v, %+v", err, panicked)
	}
}

// The store's fsync fails once, and what was written before is gone, as the kernel
// has it: no Sync of any mapping of the store succeeds from then on, and Close says
// so. The store opened again is a new one.
func TestSyncFailsForGood(t *testing.T) {
	const pages = 64
	d := &device{}
	b := d.file("store", make([]byte, pages*sys.PageSize))
	directly := func(c *Config) { c.DirectOnly = true }
	p, other := newPager(t, pages/2, directly), newPager(t, 4, directly)
	m := mapStore(t, p, b, Options{Mode: Shared})
	beside := mapStore(t, other, b, Options{Mode: Shared})
	if _, err := m.WriteAt(patterned(pages), 0); err != nil {
		t.Fatal(err)
	}
	d.failing("sync", "store", -1)
	if err := m.Sync(ctx); !errors.Is(err, ErrSyncFailed) || !errors.Is(err, errDevice) {
		t.Fatal(err)
	}
	d.fail = nil
	d.mu.Lock()
	b.pending = nil // the kernel calls the pages clean
	d.mu.Unlock()
	late := mapStore(t, other, b, Options{Mode: Shared})
	for name, m := range map[string]*Mapping{"the same": m, "one beside": beside, "a later one": late} {
		if _, err := m.WriteAt([]byte("again"), 0); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := m.Sync(ctx); !errors.Is(err, ErrSyncFailed) {
				t.Errorf("Sync of %s mapping: %v", name, err)
			}
		}
	}
	for name, m := range map[string]*Mapping{"the same": m, "one beside": beside} {
		if err := m.Close(); !errors.Is(err, ErrSyncFailed) {
			t.Errorf("Close of %s mapping: %v", name, err)
		}
		if err := m.Close(); !errors.Is(err, ErrClosed) {
			t.Errorf("the second Close of %s mapping: %v", name, err)
		}
	}
	if err := other.Close(); !errors.Is(err, ErrSyncFailed) {
		t.Errorf("Close of a pager with a mapping whose sync failed: %v", err)
	}
	if err := other.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("its second Close: %v", err)
	}
	again := mapStore(t, p, b, Options{Mode: Shared})
	if err := errors.Join(again.Sync(ctx), again.Close()); err != nil {
		t.Errorf("all mappings closed, and mapped again: %v", err)
	}
	if len(backings.all) != 0 {
		t.Errorf("%d stores are remembered", len(backings.all))
	}
}

// Two mappings sync at once, and the system tells one of them: both fail.
func TestSyncsAtOnce(t *testing.T) {
	begun, through := make(chan struct{}), make(chan struct{})
	calls := 0
	s := &odd{Memory: store.NewMemory(100)}
	s.sync = func() error {
		if calls++; calls == 1 {
			close(begun)
			<-through
			return errDevice
		}
		return nil
	}
	p := newPager(t, 4, nil)
	first, second := mapStore(t, p, s, Options{Mode: Shared}), mapStore(t, p, s, Options{Mode: Shared})
	results := make(chan error, 2)
	go func() { results <- first.Sync(ctx) }()
	<-begun
	go func() { results <- second.Sync(ctx) }()
	until(t, "the second sync", func() bool { return len(second.syncTurn) == 1 })
	close(through)
	for range 2 {
		if err := <-results; !errors.Is(err, ErrSyncFailed) {
			t.Error(err)
		}
	}
	for _, m := range []*Mapping{first, second} {
		if err := m.Close(); !errors.Is(err, ErrSyncFailed) {
			t.Error(err)
		}
	}
}

// What a commit's journal has met is said by Commit, and again by Close.
func TestCloseAfterFailedCommit(t *testing.T) {
	for _, test := range []struct {
		op, file  string
		commit    error
		andAtLast error
	}{
		{"sync", "journal", ErrSyncFailed, ErrSyncFailed},
		{"write", "store", ErrPending, ErrPending},
	} {
		t.Run(test.op+" "+test.file, func(t *testing.T) {
			d := commitDevice()
			p := newPager(t, 4, nil)
			m := mapStore(t, p, d.named("store"), Options{Mode: Transactional, journalFile: d.named("journal")})
			if _, err := m.WriteAt([]byte("changed"), 0); err != nil {
				t.Fatal(err)
			}
			d.failing(test.op, test.file, -1)
			if err := m.Commit(ctx); !errors.Is(err, test.commit) {
				t.Errorf("Commit: %v", err)
			}
			if err := m.Commit(ctx); !errors.Is(err, test.commit) {
				t.Errorf("the next Commit: %v", err)
			}
			if err := m.Close(); !errors.Is(err, test.andAtLast) {
				t.Errorf("Close: %v", err)
			}
			if err := m.Close(); !errors.Is(err, ErrClosed) {
				t.Errorf("a second Close: %v", err)
			}
			if err := p.Close(); err != nil {
				t.Errorf("the pager: %v", err)
			}
		})
	}
}

package pager

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

// mishaps are how a call of a store, of swap or of a journal can go wrong.
var mishaps = map[string]func() error{
	"error":  func() error { return errDevice },
	"panic":  func() error { panic(errDevice) },
	"goexit": func() error { runtime.Goexit(); return nil },
}

// A call that a store or swap gets goes wrong once, in each way, at places all over: never a wrong byte, a lost store, a frame, a slot, a pin or a
// turn too many, or a page that nobody can come at any more.
func TestMishapAtEveryCall(t *testing.T) {
	for _, mode := range []Mode{Shared, Private, Transactional} {
		for name, mishap := range mishaps {
			t.Run(mode.String()+"/"+name, func(t *testing.T) {
				calls := mishapAt(t, mode, -1, mishap)
				for i := 0; i < calls; i += 1 + rand.IntN(5) { // each call in some run of the tests
					mishapAt(t, mode, i, mishap)
				}
				if calls < 20 {
					t.Errorf("only %d calls", calls)
				}
			})
		}
	}
}

var errExited = errors.New("the goroutine ended")

// apart runs f in a goroutine of its own, which f may end.
func apart(f func() error) error {
	result := make(chan error, 1)
	go func() {
		err := errExited
		defer func() {
			if v := recover(); v != nil && v != errDevice { // of a journal, which is no store
				panic(v)
			}
			result <- err
		}()
		err = f()
	}()
	return <-result
}

// everyCall is a bit of everything, during which one call goes wrong.
type everyCall struct {
	m          *Mapping
	want       []byte
	failed     atomic.Bool
	syncFailed bool
}

// attempt does something, and once more if it failed.
func (e *everyCall) attempt(do func() error) error {
	err := apart(do)
	if err != nil && (errors.Is(err, errDevice) || errors.Is(err, errExited)) {
		err = apart(do) // the call goes wrong once
	}
	if errors.Is(err, ErrSyncFailed) && e.failed.Load() {
		e.syncFailed = true
		return nil
	}
	return err
}

func (e *everyCall) round(number, pages int) error {
	var errs []error
	attempt := func(do func() error) { errs = append(errs, e.attempt(do)) }
	for page := range pages {
		at := page*sys.PageSize + 16
		binary.LittleEndian.PutUint64(e.want[at:], uint64(1000*number+page))
		attempt(func() error { _, err := e.m.WriteAt(e.want[at:at+8], int64(at)); return err })
		look := (page*5%pages)*sys.PageSize + 16
		attempt(func() error {
			v, err := e.m.Uint64(ctx, int64(look))
			if err == nil && v != binary.LittleEndian.Uint64(e.want[look:]) {
				return fmt.Errorf("%d is wrong at %d", v, look)
			}
			return err
		})
		attempt(func() error {
			pin, err := e.m.PinWrite(ctx, int64(page/2*sys.PageSize), 2*sys.PageSize)
			pin.Unpin()
			return err
		})
	}
	at := (2 + 4*number) * sys.PageSize
	copy(e.want[at:at+3*sys.PageSize], bytes.Repeat([]byte{byte(number)}, 3*sys.PageSize))
	attempt(func() error { _, err := e.m.WriteAt(e.want[at:at+3*sys.PageSize], int64(at)); return err })
	switch e.m.mode {
	case Shared:
		attempt(func() error { return e.m.Sync(ctx) })
	case Transactional:
		attempt(func() error { return e.m.Commit(ctx) })
	case Private, ReadOnly:
	}
	return errors.Join(errs...)
}

// mishapAt does a bit of everything while the nth call goes wrong, and returns how
// many calls there were.
func mishapAt(t *testing.T, mode Mode, nth int, mishap func() error) int {
	const pages = 12
	d := &device{}
	content := d.file("store", patterned(pages))
	o := Options{Mode: mode}
	if mode == Transactional {
		o.journalFile = d.file("journal", nil)
	}
	p := newPager(t, 3, func(c *Config) {
		c.DirectOnly = true
		c.Swap = Swap{Bytes: int64(pages * sys.PageSize), Store: d.file("swap", make([]byte, pages*sys.PageSize))}
	})
	e := &everyCall{m: mapStore(t, p, content, o), want: patterned(pages)}
	var calls atomic.Int64
	d.fail = func(op string, _ *brittle, _ int64) error {
		if op != "size" && calls.Add(1)-1 == int64(nth) {
			e.failed.Store(true)
			return mishap()
		}
		return nil
	}
	for number := range 2 {
		if err := e.round(number, pages); err != nil {
			t.Fatalf("call %d: %v", nth, err)
		}
	}
	d.fail = nil
	got := make([]byte, len(e.want))
	if _, err := e.m.ReadAt(got, 0); err != nil || !bytes.Equal(got, e.want) {
		t.Fatalf("call %d: wrong bytes, %v", nth, err)
	}
	if err := e.m.Close(); errors.Is(err, ErrSyncFailed) != e.syncFailed || !e.syncFailed && err != nil {
		t.Fatalf("call %d: closing: %v", nth, err)
	}
	if mode != Private && !e.syncFailed && !bytes.Equal(content.now, e.want) {
		t.Fatalf("call %d: the store has not what was stored", nth)
	}
	if mode == Private && !bytes.Equal(content.now, patterned(pages)) {
		t.Fatalf("call %d: the store was changed", nth)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if used := p.frames.used.Load(); used != 0 || p.swap.free != p.swap.slots || len(p.swap.kept) != 0 {
		t.Fatalf("call %d: %d frames and %d slots in use, %d kept", nth, used, p.swap.slots-p.swap.free, len(p.swap.kept))
	}
	return int(calls.Load())
}

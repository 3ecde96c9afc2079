package pager

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/policy"
	"github.com/filemap-go/filemap/pager/store"
)

// load is many goroutines at one mapping, each of which knows what must stand in
// the words that are its own: those whose number is the goroutine's, modulo how
// many there are. Every word's upper half is its number, so that a word in the
// wrong place is noticed by everyone.
type load struct {
	pages, frames, swapPages, goroutines, steps int
	mode                                        Mode
	policy                                      string
	failing                                     float64 // share of the calls of stores and swap that fail
	seed                                        uint64
	until                                       time.Time // instead of steps

	p       *Pager
	m       *Mapping
	store   store.Store
	healed  atomic.Bool
	refused atomic.Int64 // operations that returned an error that they may
	undone  atomic.Bool  // a sync has failed: no other can succeed
}

func word(index, count uint64) uint64 { return index<<32 | count&0xffffffff }

func (l *load) content() []byte {
	b := make([]byte, l.pages*sys.PageSize)
	for i := range len(b) / 8 {
		binary.LittleEndian.PutUint64(b[i*8:], word(uint64(i), 0))
	}
	return b
}

// allowed tells whether an operation may have failed so.
func (l *load) allowed(err error) bool {
	if err == nil {
		return true
	}
	l.refused.Add(1)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, ErrPinned):
		return true
	case errors.Is(err, ErrSyncFailed):
		l.undone.Store(true)
		return l.failing > 0
	case errors.Is(err, errDevice):
		return !l.healed.Load() && l.failing > 0
	case errors.Is(err, ErrSwapFull):
		return l.swapPages < l.pages
	}
	return false
}

// worker is one of the goroutines.
type worker struct {
	*load
	number uint64
	r      *rand.Rand
	counts map[uint64]uint64 // of its words, what was stored last
	held   []Pinned
	next   int // the word that readOn goes on at
}

func (w *worker) own() uint64 {
	words := uint64(w.pages) * uint64(sys.PageSize) / 8
	g := uint64(w.goroutines)
	return w.r.Uint64N(words/g)*g + w.number
}

func (w *worker) run() error {
	defer func() {
		for _, pin := range w.held {
			pin.Unpin()
		}
	}()
	for i := 0; i < w.steps || !w.until.IsZero(); i++ {
		if i%64 == 0 && !w.until.IsZero() && time.Now().After(w.until) {
			return nil
		}
		if err := w.step(); err != nil {
			return fmt.Errorf("goroutine %d, step %d: %w", w.number, i, err)
		}
		if used := w.p.frames.used.Load(); used > w.p.frames.limit {
			return fmt.Errorf("%d frames of %d in use", used, w.p.frames.limit)
		}
	}
	return nil
}

func (w *worker) step() error {
	switch n := w.r.IntN(100); {
	case n < 35:
		return w.readWord()
	case n < 46:
		return w.readSpan()
	case n < 50:
		return w.readOn()
	case n < 60:
		return w.holdPin()
	case n < 80:
		return w.storePinned()
	case n < 92:
		return w.storeAt()
	case n < 95:
		_, err := w.p.reclaim(1 + w.r.IntN(8))
		return w.checked(err)
	case n < 97:
		_, err := w.m.Prefetch(int64(w.r.IntN(w.pages))*int64(sys.PageSize), int64(sys.PageSize))
		return err
	case n < 99:
		return w.readCancelled()
	}
	return w.makeDurable()
}

func (w *worker) checked(err error) error {
	if w.allowed(err) {
		return nil
	}
	return err
}

func (w *worker) expect(index, got uint64) error {
	if got>>32 != index {
		return fmt.Errorf("word %d: %#x, which is no word of that number", index, got)
	}
	if index%uint64(w.goroutines) == w.number && got != word(index, w.counts[index]) {
		return fmt.Errorf("word %d: %#x, stored was %#x", index, got, word(index, w.counts[index]))
	}
	return nil
}

func (w *worker) readWord() error {
	index := w.own()
	got, err := w.m.Uint64(ctx, int64(index*8))
	if err != nil {
		return w.checked(err)
	}
	return w.expect(index, got)
}

func (w *worker) readSpan() error {
	return w.readWords(w.r.IntN(w.pages * sys.PageSize / 8))
}

// readOn reads in order, further than it takes to be a scan.
func (w *worker) readOn() error {
	for range 16 {
		if err := w.readWords(w.next); err != nil {
			return err
		}
	}
	return nil
}

func (w *worker) readWords(first int) error {
	words := w.pages * sys.PageSize / 8
	b := make([]byte, 8*(1+w.r.IntN(min(3*sys.PageSize/8, words))))
	if w.r.IntN(4) == 0 { // a whole page
		first = first * 8 / sys.PageSize * sys.PageSize / 8
		b = make([]byte, sys.PageSize)
	}
	n, err := w.m.ReadAt(b, int64(first*8))
	if err != nil && !errors.Is(err, io.EOF) {
		return w.checked(err)
	}
	for i := range n / 8 {
		if err := w.expect(uint64(first+i), binary.LittleEndian.Uint64(b[i*8:])); err != nil {
			return err
		}
	}
	w.next = (first + n/8) % words
	return nil
}

// holdPin takes a pin, or looks once more at one that is held and lets it go.
func (w *worker) holdPin() error {
	if len(w.held) > 0 {
		pin := w.held[0]
		w.held = w.held[1:]
		defer pin.Unpin()
		return w.expect((pin.at&^forWriting)/8, binary.LittleEndian.Uint64(pin.Bytes()))
	}
	pin, err := w.m.Pin(ctx, int64(w.own()*8), 8)
	if err != nil {
		return w.checked(err)
	}
	w.held = append(w.held, pin)
	return nil
}

func (w *worker) storePinned() error {
	if w.mode == ReadOnly {
		return nil
	}
	index := w.own()
	pin, err := w.m.PinWrite(ctx, int64(index*8), 8)
	if err != nil {
		return w.checked(err)
	}
	defer pin.Unpin()
	if err := w.expect(index, binary.LittleEndian.Uint64(pin.Bytes())); err != nil {
		return err
	}
	w.counts[index]++
	binary.LittleEndian.PutUint64(pin.Bytes(), word(index, w.counts[index]))
	return nil
}

func (w *worker) storeAt() error {
	if w.mode == ReadOnly {
		return nil
	}
	if w.goroutines == 1 && w.r.IntN(2) == 0 {
		return w.storePage()
	}
	index := w.own()
	b := binary.LittleEndian.AppendUint64(nil, word(index, w.counts[index]+1))
	if _, err := w.m.WriteAt(b, int64(index*8)); err != nil {
		return w.checked(err)
	}
	w.counts[index]++
	return nil
}

// storePage stores a page, all of whose words are this goroutine's: it is alone.
func (w *worker) storePage() error {
	words := uint64(sys.PageSize / 8)
	first := uint64(w.r.IntN(w.pages)) * words
	b := make([]byte, 0, sys.PageSize)
	for i := range words {
		b = binary.LittleEndian.AppendUint64(b, word(first+i, w.counts[first+i]+1))
	}
	if _, err := w.m.WriteAt(b, int64(first*8)); err != nil {
		return w.checked(err)
	}
	for i := range words {
		w.counts[first+i]++
	}
	return nil
}

func (w *worker) readCancelled() error {
	short, cancel := context.WithCancel(ctx)
	timer := time.AfterFunc(time.Duration(w.r.IntN(50))*time.Microsecond, cancel)
	defer func() { timer.Stop(); cancel() }()
	b := make([]byte, 8)
	index := w.own()
	if _, err := w.m.ReadAtContext(short, b, int64(index*8)); err != nil {
		return w.checked(err)
	}
	return w.expect(index, binary.LittleEndian.Uint64(b))
}

func (w *worker) makeDurable() error {
	switch w.mode {
	case Shared:
		return w.checked(w.m.Sync(ctx))
	case Transactional:
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		err := w.m.Commit(short)
		if errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		return w.checked(err)
	case ReadOnly, Private:
	}
	return nil
}

// run drives the load on this store and returns what was wrong. The journal is a
// file of the device, or of the given path.
func (l *load) run(c Config, o Options) (err error) {
	c.Budget, c.Policy = int64(l.frames*sys.PageSize), l.policy
	c.PinWait = time.Millisecond
	if l.p, err = New(c); err != nil {
		return err
	}
	o.Mode = l.mode
	if l.m, err = l.p.Map(l.store, o); err != nil {
		return errors.Join(err, l.p.Close())
	}
	workers := make([]*worker, l.goroutines)
	errs := make([]error, l.goroutines)
	var g sync.WaitGroup
	for i := range workers {
		workers[i] = &worker{load: l, number: uint64(i), r: rand.New(rand.NewPCG(l.seed, uint64(i))), counts: map[uint64]uint64{}}
		g.Go(func() { errs[i] = workers[i].run() })
	}
	g.Wait()
	l.healed.Store(true)
	err = errors.Join(errs...)
	if err == nil {
		err = l.verify(workers)
	}
	if err != nil {
		return errors.Join(err, l.m.Abandon(), l.p.Close())
	}
	err = l.m.Close()
	if l.undone.Load() && errors.Is(err, ErrSyncFailed) {
		err = nil
	}
	err = errors.Join(err, l.p.Close())
	if used := l.p.frames.used.Load(); used != 0 && err == nil {
		err = fmt.Errorf("%d frames in use after Close", used)
	}
	if l.p.swap != nil && l.p.swap.free != l.p.swap.slots && err == nil {
		err = fmt.Errorf("%d slots taken after Close", l.p.swap.slots-l.p.swap.free)
	}
	return err
}

// verify reads everything, makes it durable, and looks at the store.
func (l *load) verify(workers []*worker) error {
	want := l.content()
	for _, w := range workers {
		for index, count := range w.counts {
			binary.LittleEndian.PutUint64(want[index*8:], word(index, count))
		}
	}
	got := make([]byte, len(want))
	if _, err := l.m.ReadAt(got, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading all: %w", err)
	}
	if !bytes.Equal(got, want) {
		return errors.New("the mapping holds something else than was stored")
	}
	var err error
	switch l.mode {
	case Shared:
		err = l.m.Sync(ctx)
	case Transactional:
		err = l.m.Commit(ctx)
	case Private, ReadOnly:
		want = l.content()
	}
	if l.undone.Load() && errors.Is(err, ErrSyncFailed) {
		return nil
	}
	if err != nil {
		return err
	}
	for at := 0; at < len(got); at += sys.PageSize {
		if n, err := l.store.ReadAt(got[at:at+sys.PageSize], int64(at)); n < sys.PageSize {
			return err
		}
	}
	if !bytes.Equal(got, want) {
		return errors.New("the store holds something else than was stored")
	}
	return nil
}

// seconds is how long a test that can go on works, by an environment variable.
func seconds(name string) time.Duration {
	n, _ := strconv.Atoi(os.Getenv(name))
	return time.Duration(n) * time.Second
}

// Random loads, on stores and swap that fail now and then, keep every promise.
func TestLoad(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := &load{
			pages:      rapid.IntRange(1, 160).Draw(t, "pages"),
			frames:     rapid.IntRange(1, 64).Draw(t, "frames"),
			goroutines: rapid.IntRange(1, 8).Draw(t, "goroutines"),
			steps:      rapid.IntRange(50, 200).Draw(t, "steps"),
			mode:       rapid.SampledFrom([]Mode{ReadOnly, Shared, Private, Transactional}).Draw(t, "mode"),
			policy:     rapid.SampledFrom(policy.Names()).Draw(t, "policy"),
			failing:    rapid.SampledFrom([]float64{0, 0, 0.01, 0.1}).Draw(t, "failing"),
			seed:       rapid.Uint64().Draw(t, "seed"),
		}
		d := &device{}
		content := d.file("store", l.content())
		l.store = content
		c := Config{DirectOnly: rapid.Bool().Draw(t, "direct"), CountHits: rapid.Bool().Draw(t, "count hits")}
		c.AdmitAll = rapid.Bool().Draw(t, "admit all")
		c.ScanBytes = rapid.SampledFrom([]int64{0, 1, -1}).Draw(t, "scans begin after")
		if l.mode == Private || l.mode == Transactional {
			// Everything must fit somewhere for the check at the end.
			l.swapPages = rapid.IntRange(max(1, l.pages-l.frames/2), l.pages+1).Draw(t, "swap")
			c.Swap = Swap{Bytes: int64(l.swapPages * sys.PageSize), Store: d.file("swap", make([]byte, l.swapPages*sys.PageSize))}
		}
		var o Options
		if l.mode == Transactional {
			o.journalFile = d.file("journal", nil)
		} else if rapid.Bool().Draw(t, "check") {
			sums, err := ChecksumsOf(content, sys.PageSize)
			if err != nil {
				t.Fatal(err)
			}
			o.Check = sums
		}
		d.fail = func(op string, b *brittle, _ int64) error {
			// A sync that failed leaves a journal that nobody can go on with.
			if l.healed.Load() || b.name == "journal" || op == "size" || l.mode == Transactional && op == "sync" {
				return nil
			}
			if rand.Float64() < l.failing && l.p != nil && l.m != nil {
				return errDevice
			}
			return nil
		}
		if err := l.run(c, o); err != nil && !l.fullAtTheEnd(err) {
			t.Fatal(err)
		}
	})
}

// fullAtTheEnd: all is changed, and neither swap nor the budget has room for it.
func (l *load) fullAtTheEnd(err error) bool {
	return errors.Is(err, ErrSwapFull) && l.swapPages < l.pages
}

// TestSoak works on a real file, 16 times as large as the budget, with 64
// goroutines, all reads verified: some seconds, or FILEMAP_SOAK_SECONDS.
func TestSoak(t *testing.T) {
	total := max(seconds("FILEMAP_SOAK_SECONDS"), 2*time.Second)
	if testing.Short() {
		total = 500 * time.Millisecond
	}
	modes := []Mode{Shared, Private, Transactional}
	for i, mode := range modes {
		t.Run(mode.String(), func(t *testing.T) {
			names := policy.Names()
			dir := t.TempDir()
			frames := max(2<<20/sys.PageSize, 96)
			l := &load{
				frames: frames, pages: 16 * frames, goroutines: 64, mode: mode,
				policy: names[int(time.Now().Unix()+int64(i))%len(names)], seed: rand.Uint64(),
				until: time.Now().Add(total / time.Duration(len(modes))),
			}
			path := filepath.Join(dir, "store")
			if err := os.WriteFile(path, l.content(), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := store.Open(path, store.Options{Write: true})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			l.store = s
			var c Config
			var o Options
			if mode != Shared {
				l.swapPages = l.pages
				c.Swap = Swap{Bytes: int64(l.pages * sys.PageSize), Path: filepath.Join(dir, "swap")}
			}
			if mode == Transactional {
				o.Journal = filepath.Join(dir, "journal")
			}
			err = l.run(c, o)
			supported(t, err)
			if err != nil {
				t.Fatal(err)
			}
			st := l.p.Stats()
			t.Logf("%s: %d faults, %d evictions, %d direct reclaims, %d swapped out, %d in, %d commits, %d refused",
				l.policy, st.Faults, st.Evictions, st.DirectReclaims, st.SwapOutPages, st.SwapInPages, st.Commits, l.refused.Load())
		})
	}
}

package comparison

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// stall is what a page that is slow to come does to the rest of the program. One
// operation is one access to a page that takes 500 ms to load; the disk behind it
// is a FUSE file system that waits as long, served by another process. What is
// measured is others:
//
//	gc_ms        the longest runtime.GC() while the access is under way, with
//	             GOMAXPROCS 2: one for the access, one for the collector. A
//	             goroutine in a fault cannot be stopped, and the collector waits
//	             for it: then there is one collection, where others have twenty,
//	             of which the longest may have waited for the system's own
//	             scheduler, as that of "no access" does.
//	gc_first_ms  the first of them alone, so that all have one
//	ticks        how often a goroutine that sleeps for 1 ms at a time gets to run
//	             while the access is under way, with GOMAXPROCS 1.
//
// The page's bytes are checked, and that the access did take as long. Every
// contender has a process, and every run a file system, of its own.
func stall() *harness.Comparison {
	gc := stallCase{"gc_ms", "ms", harness.Lower, 2, worstCollection}
	first := stallCase{"gc_first_ms", "ms", harness.Lower, 2, firstCollection}
	ticks := stallCase{"ticks", "ticks", harness.Higher, 1, ticksMeanwhile}
	return &harness.Comparison{
		Name:  "stall",
		About: "what a page that takes 500 ms to load does to the garbage collector and to other goroutines",
		Cases: []harness.Case{gc.newCase(), first.newCase(), ticks.newCase()},
	}
}

// How long the slow page takes, and which it is.
const (
	stallTime = 500 * time.Millisecond
	slowPage  = 5
)

// stallCase is a thing to measure while access is under way; the function
// returns when access has, with its error.
type stallCase struct {
	name, unit string
	better     harness.Better
	procs      int // GOMAXPROCS
	meanwhile  func(access func() error) (float64, error)
}

// accessor copies a page of a file that it has opened.
type accessor struct {
	name   string
	role   harness.Role
	access func(path string) (load func(p []byte, off int64) error, shut func() error, err error)
}

func (s stallCase) newCase() harness.Case {
	k := harness.Case{Name: s.name, Unit: s.unit, Better: s.better, Ops: 1, Timeout: time.Minute}
	for _, a := range accessors() {
		k.Contenders = append(k.Contenders, harness.Contender{
			Name: a.name, Role: a.role, Isolated: true,
			New: func(dir string) (*harness.Task, error) {
				runtime.GOMAXPROCS(s.procs)
				return s.newTask(a, dir), nil
			},
		})
	}
	return k
}

func accessors() []accessor {
	all := []accessor{
		{"filemap ReadAt", harness.Ours, ofFilemap(func(m *filemap.Map, p []byte, off int64) error {
			_, err := m.ReadAt(p, off)
			return err
		})},
		{"filemap View", harness.Ours, ofFilemap(func(m *filemap.Map, p []byte, off int64) error {
			return m.View(off, int64(len(p)), func(b []byte) error { copy(p, b); return nil })
		})},
		{"filemap Populate, Bytes", harness.Ours, ofFilemap(func(m *filemap.Map, p []byte, off int64) error {
			if err := m.Populate(context.Background(), off, int64(len(p)), nil); err != nil {
				return err
			}
			copy(p, m.Bytes()[off:])
			return nil
		})},
		{"filemap Bytes alone", harness.Ours, ofFilemap(func(m *filemap.Map, p []byte, off int64) error {
			copy(p, m.Bytes()[off:])
			return nil
		})},
	}
	for _, l := range append(contender.Peers(), &contender.OSFile) {
		name := l.Name
		if l != &contender.OSFile && l != &contender.ExpMmap {
			name += " bytes"
		} else {
			name += " ReadAt"
		}
		all = append(all, accessor{name, l.Role, ofLibrary(l)})
	}
	return append(all, accessor{"no access", harness.Limit, sleeping})
}

// sleeping is what the collector and other goroutines get on this machine, busy
// as it is, when nothing is under way.
func sleeping(string) (func([]byte, int64) error, func() error, error) {
	load := func(p []byte, off int64) error {
		time.Sleep(stallTime)
		pattern(1)(p, off)
		return nil
	}
	return load, func() error { return nil }, nil
}

func ofFilemap(load func(m *filemap.Map, p []byte, off int64) error) func(string) (func([]byte, int64) error, func() error, error) {
	return func(path string) (func([]byte, int64) error, func() error, error) {
		m, err := filemap.Open(path)
		if err != nil {
			return nil, nil, err
		}
		return func(p []byte, off int64) error { return load(m, p, off) }, m.Close, nil
	}
}

func ofLibrary(l *contender.Library) func(string) (func([]byte, int64) error, func() error, error) {
	return func(path string) (func([]byte, int64) error, func() error, error) {
		m, err := l.Read(path)
		if err != nil {
			return nil, nil, err
		}
		if m.ReadAt == nil {
			return func(p []byte, off int64) error { copy(p, m.Bytes[off:]); return nil }, m.Close, nil
		}
		return func(p []byte, off int64) error { _, err := m.ReadAt(p, off); return err }, m.Close, nil
	}
}

// stalled is one contender's file system, and its file of which a page is slow.
type stalled struct {
	disk *faulty
	load func(p []byte, off int64) error
	shut func() error
	page []byte
	took time.Duration
}

func (s stallCase) newTask(a accessor, dir string) *harness.Task {
	var t *stalled
	return &harness.Task{
		Before: func(int) (err error) { t, err = newStalled(a, dir); return err },
		Measure: func(int) (float64, error) {
			return s.meanwhile(func() error {
				begin := time.Now()
				err := t.load(t.page, slowPage*pageBytes)
				t.took = time.Since(begin)
				return err
			})
		},
		Check: func(int) error { return errors.Join(t.check(), t.end()) },
	}
}

func newStalled(a accessor, dir string) (*stalled, error) {
	own, err := os.MkdirTemp(dir, "stall-")
	if err != nil {
		return nil, err
	}
	disk, err := mountFaulty(own)
	if err != nil {
		return nil, err
	}
	t := &stalled{disk: disk, page: make([]byte, pageBytes)}
	script := fmt.Sprintf("read data[%d,%d) delay %v", slowPage*pageBytes, (slowPage+1)*pageBytes, stallTime)
	err = errors.Join(patternFile(disk.backing("data"), 1, cellPages), disk.script(script))
	if err == nil {
		t.load, t.shut, err = a.access(disk.path("data"))
	}
	if err != nil {
		disk.end()
		return nil, err
	}
	return t, nil
}

func (t *stalled) check() error {
	if t.took < stallTime*9/10 {
		return harness.Wrong("the slow page came within %v", t.took)
	}
	return checkPattern(t.page, 1, slowPage*pageBytes)
}

func (t *stalled) end() error {
	err := t.shut()
	t.disk.end()
	return err
}

// worstCollection returns the longest garbage collection in ms.
func worstCollection(access func() error) (float64, error) {
	return collections(access, math.MaxInt)
}

// firstCollection returns how long the first garbage collection takes in ms.
func firstCollection(access func() error) (float64, error) {
	return collections(access, 1)
}

// collections returns the longest of the first n garbage collections in ms.
func collections(access func() error, n int) (float64, error) {
	done := make(chan error, 1)
	go func() { done <- access() }()
	time.Sleep(5 * time.Millisecond) // until it is under way
	worst := time.Duration(0)
	for ; ; n-- {
		if n > 0 {
			begin := time.Now()
			runtime.GC()
			worst = max(worst, time.Since(begin))
		}
		select {
		case err := <-done:
			return float64(worst) / float64(time.Millisecond), err
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// ticksMeanwhile counts how often another goroutine runs.
func ticksMeanwhile(access func() error) (float64, error) {
	stop, ticks := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				ticks <- n
				return
			default:
				time.Sleep(time.Millisecond)
			}
		}
	}()
	err := access()
	close(stop)
	return float64(<-ticks), err
}

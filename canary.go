package filemap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// When a file becomes shorter, the kernel drops the pages beyond its new end from
// every mapping, the private copies that hold the stores of a Staged Map included.
// It tells nobody, and when the file has become longer again nothing is left to
// see. So one page more is kept that is lost with them: the canary, a private copy
// too, in a mapping of its own, of the last page that was stored to or one behind
// it. It holds a random mark. As long as the mark is there, no store before it was
// dropped:
//
//	stored to:      ■   ■ ■         ■
//	file:       ├───────────────────────────────┤
//	canary:                         ■
//
// A canary behind the last page stored to would also be lost to a cut that harms
// no store. It is at most a sixteenth of the pages stored to behind, so that stores
// in order move it rarely. Once slices were handed out stores may be anywhere, and
// the canary is in the Map's last page.
//
// Lock order: Map.mu, stage.mu, canary.mu; no other lock is taken under it.
type canary struct {
	page atomic.Int64 // the last page of the Map's region that it answers for; -1: none

	mu   sync.Mutex
	kept sys.Region // one page, with the mark; empty: there is none
	at   int        // which page of the Map's region that is
	mark [2]uint64
	dead bool // until Discard
}

// canarySlack is how many pages stored to let the canary be one page behind the
// last of them.
const canarySlack = 16

// losesStores tells whether a file can become shorter while it is mapped.
const losesStores = sys.MapsBeyondEnd

// watch has the canary answer for all pages up to last, of count that were stored to.
// A page that the file does not have now is [ErrTruncated].
func (m *Map) watch(op string, last int, count int64) error {
	if _, err := m.enter(op, 0, 0); err != nil {
		return err
	}
	defer m.leave()
	return m.watchLocked(op, last, count)
}

// watchLocked is watch while m.mu is held.
func (m *Map) watchLocked(op string, last int, count int64) error {
	c := &m.stage.canary
	if !losesStores || int64(last) <= c.page.Load() {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if int64(last) <= c.page.Load() {
		return nil
	}
	end := m.region.Len()/sys.PageSize - 1
	ahead := min(last+int(count/canarySlack), end)
	err := m.moveCanaryLocked(ahead)
	if err != nil && ahead > last {
		err = m.moveCanaryLocked(last)
	}
	if err == nil {
		return nil
	}
	off := max(int64(last*sys.PageSize-m.begin), 0)
	if sys.NoMemory(err) {
		as := config{mode: m.mode, flags: m.flags}
		return m.fail(op, off, 0, as.explainMap(m.file, err, sys.PageSize))
	}
	if err := m.cutBefore(last); err != nil {
		return m.fail(op, off, 1, err)
	}
	return nil // the page cannot be read: the store finds out
}

// watchAllLocked has the canary answer for all of the Map's pages: slices were
// handed out. m.mu is held.
func (m *Map) watchAllLocked() {
	size := m.size.Load()
	if size == 0 {
		return
	}
	if err := m.watchLocked("slice", m.pageOf(size-1), 0); errors.Is(err, ErrTruncated) {
		m.stage.canary.kill() // what was stored through slices before may be gone
	}
}

// cutBefore returns an [ErrTruncated] if the file ends before a page of the region.
func (m *Map) cutBefore(page int) error {
	st, err := m.file.Stat()
	if err != nil {
		return err
	}
	if st.Size <= m.alignedOffset()+int64(page)*int64(sys.PageSize) {
		return fmt.Errorf("%w: it has %d bytes now", ErrTruncated, st.Size)
	}
	return nil
}

// moveCanaryLocked keeps the canary in a page of the region. The one before it is
// looked at when the new one is in its place, so that no moment is missed.
func (m *Map) moveCanaryLocked(page int) error {
	c := &m.stage.canary
	if c.kept.Len() > 0 && c.at == page && c.livesLocked() {
		c.page.Store(int64(page))
		return nil
	}
	r, err := sys.MapFile(m.file, m.alignedOffset()+int64(page)*int64(sys.PageSize), sys.PageSize, sys.ProtRead|sys.ProtWrite, sys.Staged)
	if err != nil {
		return err
	}
	mark := [2]uint64{rand.Uint64(), rand.Uint64()}
	// By a system call where there is one: a fault that reads the page would hold
	// up the scheduler.
	if err = r.Advise(sys.PopulateWrite, 0, sys.PageSize); errors.Is(err, errors.ErrUnsupported) || sys.UnknownAdvice(err) {
		err = nil
	}
	if err == nil {
		err = caught(func() {
			binary.NativeEndian.PutUint64(r.Bytes(), mark[0])
			binary.NativeEndian.PutUint64(r.Bytes()[8:], mark[1])
		})
	}
	if err != nil {
		return errors.Join(err, r.Release())
	}
	c.dead = c.dead || c.page.Load() >= 0 && !c.livesLocked()
	err = c.releaseLocked()
	c.kept, c.at, c.mark = r, page, mark
	c.page.Store(int64(page))
	return err
}

// livesLocked tells whether the mark is still there.
func (c *canary) livesLocked() bool {
	if c.kept.Len() == 0 {
		return false
	}
	var mark [2]uint64
	err := caught(func() {
		mark[0] = binary.NativeEndian.Uint64(c.kept.Bytes())
		mark[1] = binary.NativeEndian.Uint64(c.kept.Bytes()[8:])
	})
	return err == nil && mark == c.mark
}

// caught runs f, which touches mapped memory of our own, and turns a fault into an
// error.
func caught(f func()) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			fault, ok := r.(interface {
				error
				Addr() uintptr
			})
			if !ok {
				panic(r)
			}
			err = fault
		}
	}()
	f()
	return nil
}

// check returns an [ErrTruncated] when stores may have been dropped since the last
// Sync or Discard.
func (c *canary) check() error {
	if c.page.Load() < 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dead = c.dead || !c.livesLocked()
	if c.dead {
		return fmt.Errorf("%w, or was: the system has dropped what was stored beyond its end (nothing was written; Discard, and store again)", ErrTruncated)
	}
	return nil
}

// kill notes that stores may have been dropped.
func (c *canary) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.page.Store(max(c.page.Load(), 0))
	c.dead = true
}

// dismiss has the canary answer for nothing: nothing is stored. It stays where it
// is, for the next store may be to the same page.
func (c *canary) dismiss() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.page.Store(-1)
	c.dead = false
}

// release gives the canary's page back.
func (c *canary) release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.page.Store(-1)
	return c.releaseLocked()
}

func (c *canary) releaseLocked() error {
	if c.kept.Len() == 0 {
		return nil
	}
	r := c.kept
	c.kept = sys.Region{}
	return r.Release()
}

package filemap

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// A Staged Map is a private mapping of its file. A store makes a copy of its page
// that belongs to this process; Sync finds these pages, writes them to the file
// and lets the copies go:
//
//	        store                 Sync: find, write, make durable, drop
//	file's page ──► page of our own ──────────────────────────────► file's page
//	                     │
//	                     └── Discard: drop ──► file's page
//
// Nothing between a store and its drop may get lost. The methods that store wait
// at the gate. A store through a slice does not, so if slices were handed out the
// pages are read-only from before they are written until they are dropped: such a
// store faults. A page that was changed but not found, since the store came after
// the look, is not dropped and found by the next Sync.
type stage struct {
	gate   gate
	finder sys.Finder
	bare   atomic.Bool  // a slice that can be stored through was handed out
	frozen bool         // pages have stayed read-only; on syncState.mu
	limit  atomic.Int64 // bytes; of whole pages
	read   known        // pages that ReadAt has read from the file since they were let go
	canary canary

	target   *target    // the file; the journal's, where there is one
	journal  *committed // of an Atomic Map
	recovery Recovery

	uncommitted bool // tests set it: Commit leaves the journal out

	mu      sync.Mutex // of what is below; canary.mu alone is taken under it
	touched pageSet    // pages that a method was about to store to
	count   int64      // of these
}

// defaultDirtyLimit is what [DirtyLimit] is without that option.
const defaultDirtyLimit = 1 << (28 + 2*(bits.UintSize/64)) // 256 MiB; 1 GiB

func newStage(c *config, f sys.File) *stage {
	s := &stage{finder: sys.BestFinder(), target: c.target, journal: c.journal, recovery: c.recovery}
	if s.target == nil {
		s.target = newTarget(f)
	}
	s.limit.Store(defaultDirtyLimit)
	if c.dirtyLimit > 0 {
		s.limit.Store(c.dirtyLimit)
	}
	s.canary.page.Store(-1)
	return s
}

// private tells whether stores stay in this process, for ever or until Sync.
func (m *Map) private() bool { return m.mode == Private || m.stage != nil }

// DirtyLimit bounds the memory that stores to a [Staged] or [Atomic] Map take
// until they are synced, in bytes, counted in whole pages: see [ErrDirtyLimit].
// The default is 1 GiB; 256 MiB where addresses have 32 bits.
func DirtyLimit(n int64) Option { return dirtyLimitOption(n) }

type dirtyLimitOption int64

func (d dirtyLimitOption) apply(c *config) { c.dirtyLimit, c.limited = int64(d), true }

// SetDirtyLimit changes the [DirtyLimit] of a Staged or Atomic Map.
func (m *Map) SetDirtyLimit(n int64) error {
	switch {
	case m.stage == nil:
		return m.fail("set limit", 0, 0, fmt.Errorf("%w: only Staged and Atomic Maps have a limit", ErrOption))
	case n <= 0:
		return m.fail("set limit", 0, 0, fmt.Errorf("%w: a limit of %d bytes", ErrOption, n))
	}
	m.stage.limit.Store(n)
	return nil
}

// beginStore lets a method store to [off, off+n), which lies inside the mapping;
// unless there is an error, endStore must follow. update: it calls the user, who
// may store too.
func (m *Map) beginStore(op string, off, n int64, update bool) error {
	if m.stage == nil {
		return nil
	}
	return m.enterStage(op, off, n, update)
}

func (m *Map) enterStage(op string, off, n int64, update bool) error {
	s := m.stage
	s.gate.enter(update)
	if n == 0 {
		return nil
	}
	first, last := m.pageOf(off), m.pageOf(off+n-1)
	count, ok := s.touch(first, last, m.region.Len()/sys.PageSize)
	var err error
	if !ok {
		err = m.fail(op, off, n, fmt.Errorf("%w: %d bytes", ErrDirtyLimit, s.limit.Load()))
	} else if int64(last) > s.canary.page.Load() {
		err = m.watch(op, last, count)
	}
	if err != nil {
		s.gate.leave(update)
	}
	return err
}

func (m *Map) endStore(update bool) {
	if m.stage != nil {
		m.stage.gate.leave(update)
	}
}

// pageOf is the number of the page of the region that holds the byte at off.
func (m *Map) pageOf(off int64) int { return (m.begin + int(off)) / sys.PageSize }

// touch counts the pages from first to last, unless that would be more than the
// limit allows. It returns how many are counted.
func (s *stage) touch(first, last, pages int) (count int64, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fresh := s.touched.missing(first, last)
	if fresh == 0 {
		return s.count, true
	}
	if (s.count+fresh)*int64(sys.PageSize) > s.limit.Load() {
		return s.count, false
	}
	s.count += fresh
	s.touched.pages = pages
	s.touched.add(first, last)
	return s.count, true
}

// untouched tells whether nobody can have stored to any page from first to last.
func (s *stage) untouched(first, last int) bool {
	if s.bare.Load() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.touched.has(first, last)
}

// fewTouched returns the pages that methods were about to store to, if they are in
// so few places that looking at each is quicker than looking at all pages of the
// region: a look costs about as much as going over 200 pages.
func (s *stage) fewTouched(pages int) ([]sys.Span, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var spans []sys.Span
	for page := range s.touched.all() {
		spans = joinSpan(spans, sys.Span{Off: page * sys.PageSize, Len: sys.PageSize})
		if len(spans)*200 > pages {
			return nil, false
		}
	}
	return spans, true
}

// onlyTouched takes pages that no method was about to store to out of spans.
func (s *stage) onlyTouched(spans []sys.Span) []sys.Span {
	s.mu.Lock()
	defer s.mu.Unlock()
	var only []sys.Span
	for _, span := range spans {
		for page := span.Off / sys.PageSize; page < (span.Off+span.Len)/sys.PageSize; page++ {
			if s.touched.has(page, page) {
				only = joinSpan(only, sys.Span{Off: page * sys.PageSize, Len: sys.PageSize})
			}
		}
	}
	return only
}

// forget takes pages out of the count, which are not changed any more. The gate is
// shut.
func (s *stage) forget(spans []sys.Span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, span := range spans {
		first, last := span.Off/sys.PageSize, (span.Off+span.Len)/sys.PageSize-1
		s.count -= s.touched.remove(first, last)
	}
	if s.count == 0 && !s.bare.Load() {
		s.canary.dismiss()
	}
}

// handOut notes that a slice of the Map leaves it.
func (m *Map) handOut() {
	if m.stage != nil && !m.stage.bare.Load() {
		m.firstSlice()
	}
}

func (m *Map) firstSlice() {
	m.mu.RLock()
	defer m.mu.RUnlock()
	if !m.closed.Load() {
		m.watchAllLocked()
	}
	m.stage.bare.Store(true)
}

// syncStaged is SyncRange of a Staged Map.
func (m *Map) syncStaged(op string, off, n int64) error {
	m.stage.gate.close()
	defer m.stage.gate.open()
	if _, err := m.enter(op, off, n); err != nil {
		return err
	}
	defer m.leave()
	m.sync.mu.Lock()
	defer m.sync.mu.Unlock()
	n, err := m.span(op, off, n) // the size is the same until the end: Refresh waits
	if err != nil {
		return err
	}
	if m.sync.failed != nil {
		return m.fail(op, off, n, m.sync.failed)
	}
	write := m.writeDurably
	if m.stage.journal != nil {
		write = m.commitSpans
	}
	if err := m.writeChanged(off, n, write); err != nil {
		if typed, whole := err.(*Error); whole { //nolint:errorlint // one inside of another error is about a part
			return typed
		}
		return m.fail(op, off, n, m.refused(sys.Stores, err))
	}
	return nil
}

// writeChanged hands what was stored to [off, off+n) to write, and lets the pages
// go when that has made it durable. The gate is shut and m.mu and m.sync.mu are held.
func (m *Map) writeChanged(off, n int64, write func([]sys.Span) error) error {
	if err := m.stage.canary.check(); err != nil {
		return err
	}
	spans, err := m.changedLocked(off, n)
	if err != nil {
		return err
	}
	if len(spans) == 0 && !m.sync.entry.Valid() {
		return m.finishCommit()
	}
	if _, err := m.stillAsLong(); err != nil {
		return err
	}
	thaw, err := m.freeze(spans)
	if err != nil {
		return err
	}
	defer thaw()
	if err := write(spans); err != nil {
		return err
	}
	m.drop(spans)
	return nil
}

// stillAsLong returns the file's size, which is an error unless the file has all of
// the mapping's bytes: writing would make it longer, with zeros for what was cut off.
func (m *Map) stillAsLong() (size int64, err error) {
	st, err := m.file.Stat()
	if err == nil && st.Size < m.offset+m.Len() {
		err = fmt.Errorf("%w: it has %d bytes now", ErrTruncated, st.Size)
	}
	return st.Size, err
}

// freeze makes the spans read-only, if anybody could store to them without coming
// through the gate, and if they will be dropped. thaw undoes it.
func (m *Map) freeze(spans []sys.Span) (thaw func(), err error) {
	if !sys.DropsPrivate || !m.stage.bare.Load() || len(spans) == 0 {
		return func() {}, nil
	}
	c := config{mode: ReadWrite, flags: m.flags}
	loose := c.prot()
	// Many calls, each of which makes two mappings of one, or one for all between.
	if len(spans) > 64 {
		last := spans[len(spans)-1]
		spans = []sys.Span{{Off: spans[0].Off, Len: last.Off + last.Len - spans[0].Off}}
	}
	thaw = func() {
		for _, span := range spans {
			if m.region.Protect(loose, span.Off, span.Len) != nil {
				m.stage.frozen = true // the next Sync tries again
			}
		}
	}
	if m.stage.frozen {
		if err := m.region.Protect(loose, 0, m.region.Len()); err != nil {
			return nil, err
		}
		m.stage.frozen = false
	}
	for _, span := range spans {
		if err := m.region.Protect(loose&^sys.ProtWrite, span.Off, span.Len); err != nil {
			thaw()
			return nil, err
		}
	}
	return thaw, nil
}

// drop lets go of pages that the file has by now. Where that cannot be they stay,
// and the next Sync finds them and writes the same once more: what they hold is
// durable, so that it is no error.
func (m *Map) drop(spans []sys.Span) {
	if sys.DropsPrivate && m.dropPrivate(spans) != nil {
		return
	}
	m.stage.forget(spans)
	for _, span := range spans {
		first, last := span.Off/sys.PageSize, (span.Off+span.Len)/sys.PageSize-1
		m.known.unlearn(first, last)
		m.stage.read.unlearn(first, last)
	}
}

func (m *Map) dropPrivate(spans []sys.Span) error {
	ranges := make([]sys.Range, len(spans))
	for i, span := range spans {
		ranges[i] = sys.Range{Region: m.region, Off: span.Off, N: span.Len}
	}
	return sys.DropPrivate(ranges)
}

// Discard throws away what was stored to a [Staged] or [Atomic] Map since the last
// Sync or Commit: loads see the file again. Methods that store wait meanwhile; a
// store through a slice at the same time is thrown away or not.
//
// madvise(2) with MADV_DONTNEED on Linux, elsewhere the bytes are read again.
func (m *Map) Discard() error {
	if m.stage == nil {
		return m.fail("discard", 0, 0, fmt.Errorf("%w: only a Staged or Atomic Map has stores to discard", ErrOption))
	}
	m.stage.gate.close()
	defer m.stage.gate.open()
	if _, err := m.enter("discard", 0, ToEnd); err != nil {
		return err
	}
	defer m.leave()
	m.sync.mu.Lock()
	defer m.sync.mu.Unlock()
	n := m.size.Load() // until the end: Refresh waits
	if err := m.finishCommit(); err != nil {
		return m.fail("discard", 0, n, err) // what is committed is not to be discarded
	}
	if m.region.Len() == 0 {
		return nil
	}
	all := []sys.Span{{Len: m.region.Len()}}
	var err error
	if sys.DropsPrivate {
		err = m.dropPrivate(all)
	} else {
		err = m.readAgain(0, n)
	}
	if err != nil {
		return m.fail("discard", 0, n, err)
	}
	m.stage.forget(all)
	m.known.forget()
	m.stage.canary.dismiss()
	if m.stage.bare.Load() {
		m.watchAllLocked()
	}
	return nil
}

// readAgain puts the file's bytes into the pages of [off, off+n) that differ.
func (m *Map) readAgain(off, n int64) error {
	spans, err := m.changedLocked(off, n)
	for _, span := range spans {
		at, b := m.clip(span, off+n)
		if _, readErr := m.file.ReadAt(b, m.offset+at); readErr != nil && !errors.Is(readErr, io.EOF) {
			return readErr
		}
	}
	return err
}

// close gives back what a closed Map does not need.
func (s *stage) close() error {
	err := s.canary.release()
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close())
	}
	return err
}

package pager

import (
	"context"
	"fmt"
	"io"
	"math"
	"runtime"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/halfopen"
	"github.com/filemap-go/filemap/internal/journal"
	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/pager/policy"
	"github.com/filemap-go/filemap/pager/store"
)

// Mode says what may be done with the mapped bytes, and where changes go.
type Mode uint8

const (
	// ReadOnly mappings: the bytes can be read.
	ReadOnly Mode = iota

	// Shared mappings: changes go to the store, when memory is short or when Sync or Close
	// asks.
	Shared

	// Private mappings: changes stay in this mapping, in memory and in swap, and are gone
	// when it is closed. The store is only read.
	Private

	// Transactional mappings: changes go to the store only when Commit asks, then all of
	// them or none; until then they are in memory and in swap. Close discards
	// what was not committed.
	Transactional
)

// String names the mode: "read-only".
func (m Mode) String() string {
	switch m {
	case ReadOnly:
		return "read-only"
	case Shared:
		return "shared"
	case Private:
		return "private"
	case Transactional:
		return "transactional"
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

// Options are how [Pager.Map] maps. The zero Options map all of the store for
// reading.
type Options struct {
	Mode Mode

	// Offset and Length are the store's range: Offset a multiple of the page
	// size, Length 0 for everything behind it.
	Offset, Length int64

	// Name is what errors and events call the mapping; for stores that have a
	// Path method it is that by default.
	Name string

	// Check, unless nil, verifies every page that is read from the store.
	Check Checker

	// Journal is the path of the file through which a Transactional mapping
	// commits; with that Mode only, and needed there. It is made if it is missing;
	// a file that is there and is no journal, an empty one or the store itself too,
	// is refused and left alone. One mapping at a time has it: to change one range
	// of a store through two journals is up to the caller not to do. See
	// [Mapping.Commit].
	Journal string

	// NoReadahead leaves out the reading ahead of sequential access.
	NoReadahead bool

	journalFile journal.File // instead of Journal, in tests
}

// Mapping is a range of a store as memory: page i of it, when it is there, at the
// i-th page of one contiguous range of addresses. It is safe for concurrent use.
type Mapping struct {
	// What a hit needs comes first.
	hot      []cell // table; empty when hits are counted or told
	data     []byte // the region, whole pages
	size     uint64 // bytes
	inPage   uint64 // pageBytes - 1
	shift    uint
	writable bool
	pager    *Pager

	table  []cell
	blocks []block
	chunks chunks
	mode   Mode
	id     uint64
	name   string
	base   int64 // offset in the store
	store  *backing
	check  Checker
	region sys.Region
	at     layout // of the region

	tablesGone bool // guarded by Pager.idle.mu
	ahead      readahead
	scan       atomic.Pointer[scan] // the one that is under way
	scanMin    uint64               // pages that a stream must have gone on for; 0: no scans
	writes     atomic.Uint64        // of the store, that have ended
	syncTurn   chan struct{}        // held by the one Sync, Commit, Discard or Close
	gate       *gate                // Transactional: keeps writers out of a commit
	commits    *committer           // Transactional

	tasks tasks
}

// Map maps a range of a store: it reserves as many addresses, and those of a page
// table of 8 bytes a page, and reads nothing. Memory for the table is taken, and
// given back, as pages come and go: [Pager.Overhead]. The store must stay open until the mapping
// is closed, and others must not change it, unless it is only read and they
// append. Another mapping of the same range counts among them, if one of the two is
// Shared or Transactional: each has pages of its own and writes them whole, so that what
// is stored through the one is not seen in the other, and overwritten by it.
//
// Its errors: ErrConfig, ErrBounds, ErrTooLarge, and what the store says about
// its size.
func (p *Pager) Map(s store.Store, o Options) (*Mapping, error) {
	begun := p.now()
	m := &Mapping{pager: p, store: backingOf(s), mode: o.Mode, name: o.Name, base: o.Offset, check: o.Check}
	listed := false
	defer func() {
		if !listed {
			m.store.release()
		}
	}()
	if m.name == "" {
		m.name = m.store.path()
	}
	length, err := m.rangeOf(o)
	if err != nil {
		return nil, m.fail("map", 0, 0, err)
	}
	if err := m.reserve(length); err != nil {
		return nil, m.fail("map", 0, length, err)
	}
	if o.Mode == Transactional {
		m.gate = newGate()
		if m.commits, err = openCommitter(m, o); err != nil {
			return nil, m.fail("map", 0, length, err)
		}
	}
	if !o.NoReadahead {
		m.ahead.init(int(p.config.ReadaheadBytes >> p.shift))
		m.scanMin = p.scanMin(length)
	}
	if err := p.enlist(m); err != nil {
		if m.commits != nil {
			_ = m.commits.close()
		}
		return nil, m.fail("map", 0, length, err)
	}
	listed = true
	p.tell(event.Map, m, begun, 0, uint64(len(m.table)), false)
	return m, nil
}

// rangeOf checks the options and returns the length of the mapping.
func (m *Mapping) rangeOf(o Options) (int64, error) {
	page := int64(m.pager.pageBytes)
	switch {
	case o.Mode > Transactional:
		return 0, fmt.Errorf("%w: there is no %v", ErrConfig, o.Mode)
	case o.Offset%page != 0:
		return 0, fmt.Errorf("%w: Offset is %d, no multiple of the page size of %d bytes", ErrConfig, o.Offset, page)
	case (o.Mode == Transactional) != (o.Journal != "" || o.journalFile != nil):
		return 0, fmt.Errorf("%w: Journal belongs to Mode Transactional, and that needs one", ErrConfig)
	case o.Mode == Transactional && o.Check != nil:
		return 0, fmt.Errorf("%w: Check does not go with Mode Transactional, whose journal writes the store", ErrConfig)
	}
	size, err := m.store.size()
	if err != nil {
		return 0, err
	}
	if o.Offset < 0 || o.Length < 0 || o.Offset > size || o.Length > size-o.Offset {
		return 0, fmt.Errorf("%w of the store, which has %d bytes", ErrBounds, size)
	}
	if o.Length == 0 {
		return size - o.Offset, nil
	}
	return o.Length, nil
}

// reserve takes addresses and a page table.
func (m *Mapping) reserve(length int64) error {
	p := m.pager
	pages := (uint64(length) + uint64(p.pageBytes) - 1) >> p.shift
	if pages >= 1<<pageIDBits || p.layoutOf(pages, uint64(sys.TableSpan)).end > math.MaxInt {
		return ErrTooLarge
	}
	m.size, m.shift, m.inPage = uint64(length), p.shift, uint64(p.pageBytes)-1
	m.writable = m.mode != ReadOnly
	m.syncTurn = make(chan struct{}, 1)
	if pages == 0 {
		return nil
	}
	if err := m.reserveTables(pages); err != nil {
		return err
	}
	if p.config.Events == nil && !p.config.CountHits {
		m.hot = m.table
	}
	return nil
}

// A page's name for the policy: the mapping's number and the page's.
const pageIDBits = 40

func (m *Mapping) pageID(page uint64) policy.Page { return policy.Page(m.id<<pageIDBits | page) }

func (p *Pager) enlist(m *Mapping) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return ErrClosed
	}
	p.lastID++
	if p.lastID >= 1<<(64-pageIDBits) {
		return fmt.Errorf("%w: this pager has made %d mappings, make another", ErrTooLarge, p.lastID)
	}
	m.id = p.lastID
	p.withPolicy(func() { p.mappings[m.id] = m })
	return nil
}

func (p *Pager) delist(m *Mapping) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.withPolicy(func() { delete(p.mappings, m.id) })
}

// Len is the mapping's length in bytes.
func (m *Mapping) Len() int64 { return int64(m.size) }

// Mode is what the mapping was made with.
func (m *Mapping) Mode() Mode { return m.mode }

// Name is what errors call the mapping.
func (m *Mapping) Name() string { return m.name }

// String names the mapping, its mode and its range of the store.
func (m *Mapping) String() string {
	return fmt.Sprintf("%v %q %s", m.mode, m.name, halfopen.String(m.base, m.Len()))
}

// Format prints [Mapping.String], whatever the verb. By itself package fmt would print
// the page table, which may be gone.
func (m *Mapping) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

// Close ends the mapping. What is dirty in a Shared mapping is written to the
// store first (it is durable only after Sync); what is changed in a Private one,
// or not committed in a Transactional one, is gone.
//
// It waits for faults that are under way, and those that begin meanwhile wait for
// it. While a page is pinned it is [ErrPinned], and if the store cannot be written
// it is what the store says: in both cases the mapping stays as it was and Close
// can be called again; [Mapping.Abandon] does without writing. A second Close is
// [ErrClosed].
//
// A failure that is known from before is said again, and the mapping is closed all
// the same: [ErrSyncFailed] after a sync that failed, and [ErrPending] while a
// commit is in the journal and not yet in the store.
func (m *Mapping) Close() error { return m.close("close", m.mode == Shared) }

// Abandon is Close without writing anything: what the store has not, is lost.
func (m *Mapping) Abandon() error { return m.close("abandon", false) }

func (m *Mapping) close(op string, write bool) error {
	begun := m.pager.now()
	m.syncTurn <- struct{}{}
	defer func() { <-m.syncTurn }()
	if !m.tasks.close() {
		return m.fail(op, 0, 0, ErrClosed)
	}
	ended := false
	defer func() { m.tasks.decide(ended) }()
	m.endScan()
	if err := m.empty(op, write); err != nil {
		return err
	}
	ended = true
	m.pager.delist(m)
	m.vacateTables()
	defer m.store.release()
	m.pager.tell(event.Unmap, m, begun, 0, uint64(len(m.table)), false)
	var err error
	if m.commits != nil {
		err = m.commits.close()
	}
	if m.mode == Shared && err == nil {
		err = m.store.syncFailed()
	}
	if err != nil {
		return m.fail(op, 0, 0, err) // closed all the same
	}
	return nil
}

// empty takes all pages out of memory and out of swap. The first pass claims
// every page or none, so that nothing is lost when one is pinned.
func (m *Mapping) empty(op string, write bool) error {
	claimed, err := m.claimAll(op)
	if err != nil {
		return err
	}
	if write {
		if err := m.writeAll(claimed); err != nil {
			return err
		}
	}
	m.dropSwapped()
	m.vacate(claimed)
	return nil
}

// writeAll writes pages that are evicting to the store. If it cannot they are
// resident again.
func (m *Mapping) writeAll(claimed []victim) error {
	err := errUnfinished
	defer func() {
		if err != nil {
			m.pager.unclaim(claimed)
		}
	}()
	err = m.pager.writeOut(claimed)
	return err
}

// vacate takes pages that are evicting out of memory, whatever is in them, and
// out of swap.
func (m *Mapping) vacate(claimed []victim) {
	for i := range claimed {
		v := &claimed[i]
		if v.word&slotted != 0 {
			m.pager.swap.forget(m.pageID(v.page))
		}
		v.next = 0
	}
	m.pager.withPolicy(func() {
		for _, v := range claimed {
			m.pager.policy.Removed(m.pageID(v.page))
		}
	})
	m.pager.depart(claimed)
}

// claimAll makes every resident page evicting. The caller has closed tasks, so
// that no page can come in.
func (m *Mapping) claimAll(op string) ([]victim, error) {
	var claimed []victim
	for page := range m.occupied() {
		c := &m.table[page]
		for w := c.load(); w.state() == resident || w.state() == evicting; w = c.load() {
			if w.state() == evicting { // by reclaim
				_ = m.pager.waits.wait(background, page, c)
				continue
			}
			if w.pins() > 0 {
				m.pager.unclaim(claimed)
				return nil, m.fail(op, int64(page<<m.shift), 1<<m.shift, ErrPinned)
			}
			if to := w.in(evicting); c.swap(w, to) {
				claimed = append(claimed, victim{m: m, page: page, word: to})
				break
			}
		}
	}
	return claimed, nil
}

// dropSwapped gives the slots of all pages in swap back.
func (m *Mapping) dropSwapped() {
	for page := range m.occupied() {
		if w := m.table[page].load(); w.state() == swapped {
			m.setAbsent(page, w)
			m.pager.swap.release(w.slot())
		}
	}
}

// fail makes the *Error of an operation on [off, off+n) of the mapping.
func (m *Mapping) fail(op string, off, n int64, err error) *Error {
	return &Error{Op: op, Path: m.name, Offset: m.base + off, Length: n, Err: err}
}

// within checks a range of the mapping.
func (m *Mapping) within(op string, off int64, n int) error {
	if off < 0 || n < 0 || uint64(off) > m.size || uint64(n) > m.size-uint64(off) {
		return m.fail(op, off, int64(n), fmt.Errorf("%w of the mapping, which has %d bytes", ErrBounds, m.size))
	}
	return nil
}

// ReadAt copies bytes out of the mapping ([io.ReaderAt]): from resident pages
// without a pin, from others after a fault. A read that ends beyond the mapping
// delivers what there is and io.EOF. What others store at the same time may be
// seen in part, as in memory.
func (m *Mapping) ReadAt(p []byte, off int64) (int, error) {
	return m.ReadAtContext(background, p, off)
}

// ReadAtContext is ReadAt with a context that ends its waits.
func (m *Mapping) ReadAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, m.within("read", off, len(p))
	}
	if uint64(off) >= m.size {
		return 0, m.orClosed("read", io.EOF)
	}
	var end error
	if left := m.size - uint64(off); uint64(len(p)) > left {
		p, end = p[:left], io.EOF
	}
	done := 0
	for done < len(p) {
		at := uint64(off) + uint64(done)
		n := min(len(p)-done, int(m.inPage+1-at&m.inPage))
		if !m.peek(p[done:done+n], at) {
			var err error
			if n, err = m.readMissing(ctx, p[done:], at); err != nil {
				return done, err
			}
		}
		done += n
	}
	runtime.KeepAlive(m)
	return done, end
}

// readMissing copies the beginning of p from a scan, from a page that need not be
// let in, or from pages that it has brought in, and returns how much.
func (m *Mapping) readMissing(ctx context.Context, p []byte, at uint64) (int, error) {
	if n, err := m.scanned(ctx, p, at); n > 0 || err != nil {
		return n, err
	}
	if n, err := m.readThrough(ctx, p, at); n > 0 || err != nil {
		return n, err
	}
	n := min(len(p), m.copyBytes()-int(at&m.inPage))
	pin, err := m.Pin(ctx, int64(at), n)
	if err != nil {
		return 0, err
	}
	defer pin.Unpin()
	return copy(p, pin.Bytes()), nil
}

// copyBytes is how much ReadAt and WriteAt pin at a time: enough for one read of
// the store, and little of the budget.
func (m *Mapping) copyBytes() int {
	return int(min(max(m.pager.frames.limit/8, 1), maxRun)) << m.shift
}

func (m *Mapping) orClosed(op string, err error) error {
	if m.tasks.isClosed() {
		return m.fail(op, 0, 0, ErrClosed)
	}
	return err
}

// WriteAt copies bytes into the mapping ([io.WriterAt]). A write that ends beyond
// the mapping writes nothing: [ErrBounds].
func (m *Mapping) WriteAt(p []byte, off int64) (int, error) {
	return m.WriteAtContext(background, p, off)
}

// WriteAtContext is WriteAt with a context that ends its waits.
func (m *Mapping) WriteAtContext(ctx context.Context, p []byte, off int64) (int, error) {
	if err := m.within("write", off, len(p)); err != nil {
		return 0, err
	}
	done := 0
	for done < len(p) {
		at := uint64(off) + uint64(done)
		n, err := m.overwrite(ctx, p[done:], at)
		if n == 0 && err == nil {
			n, err = m.storePinned(ctx, p[done:], at)
		}
		if err != nil {
			return done, err
		}
		done += n
	}
	return done, nil
}

// storePinned stores the beginning of p to pages that it pins, and returns how
// much.
func (m *Mapping) storePinned(ctx context.Context, p []byte, at uint64) (int, error) {
	n := min(len(p), m.copyBytes()-int(at&m.inPage))
	pin, err := m.PinWrite(ctx, int64(at), n)
	if err != nil {
		return 0, err
	}
	defer pin.Unpin()
	return copy(pin.Bytes(), p), nil
}

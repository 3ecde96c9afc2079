package filemap

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// A Map that was opened with [Reserve] maps more addresses than its file has
// bytes. What lies beyond the end of the file faults until the file has become
// longer, and again when it has become shorter; the kernel sees to both. So growth
// is a change of the file's size and of one number here, and nothing moves:
//
//	0                 Len       grow.end               capacity
//	├──────────────────┼───────────┼──────────────────────┤
//	│ the Map's bytes  │ prepared  │ reserved addresses   │
//	                     by Append   beyond the file
//	                     (tail.go)
//
// growth is what Resize, Refresh and Append keep of that. Lock order: Map.mu
// (shared), syncState.mu, growth.mu.
type growth struct {
	mu       sync.Mutex
	end      int64        // of the file, as far as this Map made it or saw it
	prepared int64        // up to where of the mapping Append may store; 0: it has not begun
	tail     tail         // of the file, which is longer than the Map then
	tailPage atomic.Int64 // where in the region its page begins, when it is ours; 0: it is not
	whole    whole        // how it is done where nothing can be mapped beyond the end
}

// Resize makes the file so long that the Map has n bytes, and the Map with it.
// Every slice and pointer into it stays valid, and readers go on meanwhile.
//
// New bytes are zero and have blocks on the device, so that a full disk is an
// [ErrNoSpace] here, which leaves the old size, and not a failing store later;
// with [Sparse] they have none. Bytes that are cut off are gone: a slice of them
// faults, which is an [ErrTruncated] under [Map.Guard], and the methods say
// [ErrBounds], though up to the end of the last page it is zeros, and what is stored
// there is lost.
//
// More than was reserved is [ErrReserved]: see [Reserve] and [Map.Move]. A file
// that another process has made longer or shorter is left alone ([ErrBounds]):
// [Map.Refresh] first. Only for ReadWrite Maps that go to the end of the file
// (else [ErrReadOnly], [ErrPrivate], [ErrOption]). The next [Map.Sync] makes the
// size durable.
//
// fallocate(2) or its like to grow, ftruncate(2) to shrink. On Windows, where a
// mapped file cannot do either, the file is as long as the reserve while it is
// mapped, sparse, and cut to the Map's length by Close; what was cut off is zeros.
func (m *Map) Resize(n int64) error {
	if err := m.beginGrowth("resize"); err != nil {
		return err
	}
	defer m.endGrowth()
	switch {
	case n < 0:
		return m.fail("resize", 0, 0, fmt.Errorf("%w: negative size", ErrBounds))
	case n > m.capacity:
		return m.fail("resize", 0, n, fmt.Errorf("%w: %d bytes are reserved", ErrReserved, m.capacity))
	}
	if err := m.onHugePages(n); err != nil {
		return m.fail("resize", 0, n, err)
	}
	if err := m.trimLocked(); err != nil {
		return m.fail("resize", 0, n, err)
	}
	if err := m.resizeLocked(n); err != nil {
		return m.fail("resize", 0, n, m.refused(sys.Growth|sys.Shrinking, err))
	}
	return nil
}

// beginGrowth checks that the Map may change its file's size, and takes the
// locks that endGrowth gives back.
func (m *Map) beginGrowth(op string) error {
	if _, err := m.enter(op, 0, 0); err != nil {
		return err
	}
	var err error
	switch {
	case m.mode == ReadOnly:
		err = ErrReadOnly
	case m.mode == Private:
		err = ErrPrivate
	case m.stage != nil:
		err = fmt.Errorf("%w: a Staged Map keeps its size", ErrOption)
	case m.fixed:
		err = fmt.Errorf("%w: this Map is a Range with a length, what follows in the file is not its own", ErrOption)
	case !m.file.Valid():
		err = ErrNoFile
	}
	if err != nil {
		m.leave()
		return m.fail(op, 0, 0, err)
	}
	m.grow.mu.Lock()
	return nil
}

func (m *Map) endGrowth() {
	m.grow.mu.Unlock()
	m.leave()
}

func (m *Map) resizeLocked(n int64) error {
	if err := m.unchangedLocked(); err != nil {
		return err
	}
	old := m.size.Load()
	if m.grow.end > m.offset+old && !m.grow.whole.on {
		return fmt.Errorf("%w: the file has %d bytes, more than the Map, and they would be cut off", ErrReserved, m.grow.end)
	}
	if n > old {
		if err := m.lengthenLocked(n); err != nil {
			return err
		}
		m.size.Store(n)
		return nil
	}
	m.size.Store(n) // first, so that nobody is sent to bytes that go
	if err := m.cutLocked(n, old); err != nil {
		m.size.Store(old)
		return err
	}
	return nil
}

// lengthenLocked makes the file long enough for n bytes of the Map, or leaves it as
// it was.
func (m *Map) lengthenLocked(n int64) (err error) {
	if m.grow.whole.on {
		return m.lengthenWhole(n)
	}
	end := m.offset + n
	err = m.clearEdge(end)
	switch {
	case err != nil:
	case m.flags&Sparse != 0:
		err = m.file.Truncate(end)
	default:
		err = m.file.Allocate(m.grow.end, end-m.grow.end)
	}
	if err != nil {
		// Some of it may have been allocated.
		return spaceError(errors.Join(err, m.file.Truncate(m.grow.end)))
	}
	m.resizedLocked(end)
	return nil
}

// clearEdge begins to lengthen the file to end by zeros up to the end of its last page.
// A slice from before the Map was made shorter reaches into that page, beyond the end
// of the file, and what was stored there is still in it, on many file systems.
func (m *Map) clearEdge(end int64) error {
	page := int64(sys.PageSize)
	return m.writeZeros(m.grow.end, min((m.grow.end+page-1)&^(page-1), end))
}

// cutLocked makes the file end with the first n bytes of the old ones of the Map.
func (m *Map) cutLocked(n, old int64) error {
	if m.grow.whole.on {
		return m.cutWhole(n, old)
	}
	end := m.offset + n
	if end == m.grow.end {
		return nil
	}
	if err := m.file.Truncate(end); err != nil {
		return err
	}
	m.known.forget()
	m.resizedLocked(end)
	return nil
}

// resizedLocked notes the file's new end, which the next Sync makes durable.
func (m *Map) resizedLocked(end int64) {
	m.grow.end = end
	m.sync.resized.Store(true)
}

// spaceError says that a device is full, and what to do.
func spaceError(err error) error {
	if sys.NoSpace(err) {
		return fmt.Errorf("%w (free space, or ask for less; filemap.Sparse puts the error off to the store): %w", ErrNoSpace, err)
	}
	return err
}

// Refresh looks how long the file has become by other hands and makes the Map as
// long, as far as addresses are reserved, and never longer than the Range that it
// was opened with. It returns the new length. Where the file has more than that
// there is an [ErrReserved] too. fstat(2).
//
// Of a file that another Map is appending to, it has the bytes for which [Map.Append]
// has returned, and not the zeros that are prepared behind them: what Refresh returns
// may be read at once. That is a pread(2) more.
//
// It changes nothing for slices that were handed out: bytes that the file lost
// fault, whether or not anybody called Refresh.
//
// It is about the file that was opened: one that has taken its name since (by rename,
// as logs are rotated) takes another Open. On overlayfs, a file that was mapped from a
// lower layer is another one as soon as somebody opens it for writing: the Map stays
// as it is, and Refresh returns [ErrReplaced].
func (m *Map) Refresh() (int64, error) {
	if _, err := m.enter("refresh", 0, 0); err != nil {
		return 0, err
	}
	defer m.leave()
	if !m.file.Valid() {
		return m.Len(), m.fail("refresh", 0, 0, ErrNoFile)
	}
	if m.stage != nil { // a Sync has one size from its beginning to its end
		m.sync.mu.Lock()
		defer m.sync.mu.Unlock()
	}
	m.grow.mu.Lock()
	defer m.grow.mu.Unlock()
	if err := m.replaced(); err != nil {
		return m.Len(), m.fail("refresh", 0, 0, err)
	}
	st, err := m.file.Stat()
	if err == nil && (m.grow.tail.ours || m.grow.whole.on) && st.Size == m.grow.end && m.tailIntactLocked() {
		return m.Len(), nil
	}
	tail, length := tail{}, st.Size
	if err == nil && !m.fixed {
		st, tail, length, err = counted(m.file, sys.File.Stat)
	}
	if err != nil {
		return m.Len(), m.fail("refresh", 0, 0, err)
	}
	m.grow.tailCut()
	m.grow.end, m.grow.tail = st.Size, tail
	has := max(length-m.offset, 0)
	n := min(has, m.capacity)
	if n < m.size.Load() {
		m.known.forget()
	}
	m.size.Store(n)
	if m.stage != nil && m.stage.bare.Load() {
		m.watchAllLocked()
	}
	if has > n && !m.fixed {
		return n, m.fail("refresh", 0, has, fmt.Errorf("%w: %d bytes are reserved", ErrReserved, m.capacity))
	}
	return n, nil
}

// Reserved returns how many bytes the Map can have without moving: see [Reserve].
func (m *Map) Reserved() int64 { return m.capacity }

// Move maps the file once more, with addresses for n bytes (what [Reserve]
// reserves), at another place: growth beyond what was reserved. The new Map has
// the same mode and range. This one, and every slice of it, stays as it is, and
// both show the same bytes, until the caller closes it; what its Append has prepared
// is cut off first. Its own advice, locks and protection do not go with it.
//
// The calls behind it: fcntl(2) F_DUPFD_CLOEXEC, mmap(2). Errors: as of [Open],
// and [ErrNoFile], [ErrPrivate].
func (m *Map) Move(n int64) (*Map, error) {
	if _, err := m.enter("move", 0, 0); err != nil {
		return nil, err
	}
	defer m.leave()
	switch {
	case n < 0:
		return nil, m.fail("move", 0, n, fmt.Errorf("%w: negative size", ErrBounds))
	case m.mode == Private:
		return nil, m.fail("move", 0, 0, ErrPrivate)
	case m.stage != nil:
		return nil, m.fail("move", 0, 0, fmt.Errorf("%w: a Staged Map keeps its size", ErrOption))
	case !m.file.Valid():
		return nil, m.fail("move", 0, 0, ErrNoFile)
	}
	m.grow.mu.Lock()
	defer m.grow.mu.Unlock()
	if err := m.trimOwnLocked(); err != nil {
		return nil, m.fail("move", 0, 0, err)
	}
	c := config{mode: m.mode, flags: m.flags &^ (Populated | Locked | NoDescriptor), offset: m.offset, length: ToEnd, reserve: n}
	if m.fixed {
		c.length, c.reserve = m.Len(), 0
	}
	file, err := m.file.Dup()
	if err != nil {
		return nil, m.fail("move", 0, n, err)
	}
	if m.grow.whole.on {
		c.moved, c.size = true, m.Len()
	}
	moved, err := mapOrClose(file, m.path, &c)
	m.grow.whole.moved = err == nil
	return moved, err
}

package filemap

import (
	"errors"
	"fmt"
)

// Close unmaps. Calls that are under way end, by themselves or with
// [ErrClosed]; later ones return it, a second Close too. It waits for system
// calls under way on this Map (a Sync, say), not for loads and stores.
//
// A slice taken from the Map must not be used any more. Its addresses stay
// reserved without access for a while ([SetQuarantine]), so that such a use
// faults, which is an error under [Map.Guard], and does not read or write
// memory that has come to belong to somebody else.
//
// What [Map.Append] has prepared is cut off the file, unless others have changed the
// file's length: it is then left as it is, which is an [ErrBounds] here.
//
// Of a [Staged] or [Atomic] Map it throws away what was not synced or committed. An
// Atomic one's commits it makes durable in the file, after one that is pending has
// been written; when that cannot be, or a sync failed before, Close says so
// ([ErrPending]), and opening the file Atomic again goes on with what is in the journal.
//
// Close does not make stores durable: that is [Map.Sync]. When a Sync has failed,
// Close returns its error once more; its other errors are those of close(2) and
// munmap(2). The Map is closed all the same.
func (m *Map) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed.Swap(true) {
		return m.fail("close", 0, 0, ErrClosed)
	}
	tracker.closed(m)
	m.grow.mu.Lock()
	err := m.trimOwnLocked()
	m.grow.mu.Unlock()
	if m.region.Len() > 0 {
		err = errors.Join(err, retired.add(m))
	}
	if m.stage != nil {
		err = errors.Join(err, m.stage.close())
	}
	if m.file.Valid() {
		err = errors.Join(err, m.endWhole(), m.file.Close())
	}
	err = errors.Join(err, m.sync.entry.Close())
	if m.sync.failed != nil && (m.stage == nil || m.stage.journal == nil) { // a journal says so itself
		err = errors.Join(err, fmt.Errorf("an earlier Sync failed: %w", m.sync.failed))
	}
	if err != nil {
		return m.fail("close", 0, 0, err)
	}
	return nil
}

// enter begins an operation that makes system calls on [off, off+n) of the
// mapping; n may be ToEnd. Unless it returns an error, m.mu is held shared and
// the caller must call leave.
func (m *Map) enter(op string, off, n int64) (int64, error) {
	m.mu.RLock()
	n, err := m.span(op, off, n)
	if err != nil {
		m.mu.RUnlock()
	}
	return n, err
}

func (m *Map) leave() { m.mu.RUnlock() }

// span checks that the Map is open and [off, off+n) is inside it. It returns n,
// which for ToEnd is what there is after off.
func (m *Map) span(op string, off, n int64) (int64, error) {
	if m.closed.Load() {
		return 0, m.fail(op, off, max(n, 0), ErrClosed)
	}
	size := m.size.Load()
	if n == ToEnd && off >= 0 && off <= size {
		return size - off, nil
	}
	if off < 0 || n < 0 || off > size || n > size-off {
		return 0, m.boundsError(op, off, n)
	}
	return n, nil
}

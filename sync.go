package filemap

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// syncState remembers what Sync must know between calls.
type syncState struct {
	mu     sync.Mutex
	failed error   // the first failure; later Syncs return it
	entry  sys.Dir // of the file that Create made, until a Sync has made that durable

	skip, backoff int // Syncs until dirtyFolios looks again

	resized atomic.Bool // the file's size has changed since the last Sync
}

// Sync makes every store to the mapping durable, those of other mappings of the
// same pages included: when it returns nil, the bytes, and what is needed to
// read them back after a power cut (the file's size; for a file that Create
// made, its directory entry), are on the device, as far as the device tells.
//
// A file that has become shorter than the Map is an [ErrTruncated]: what was stored
// behind its end is lost. That is for as long as it is so.
//
// The first failure stays: the kernel marks the pages clean after it, so that a
// later success would prove nothing, and every later Sync returns it again. What
// is in memory is still there: write it elsewhere.
//
// Linux, BSDs: msync(2) with MS_SYNC. Darwin: msync and F_FULLFSYNC. Windows:
// FlushViewOfFile and FlushFileBuffers. On a ReadOnly Map it waits for what
// others stored. On a Private or anonymous one it is [ErrPrivate]. A [Staged] one
// writes this Map's own stores and nothing else: pwrite(2), fdatasync(2) or fsync(2);
// a write that is refused, by a full disk say, changes nothing there and can be
// tried again; if the file was cut by somebody else, before the last page stored to,
// nothing is written ([ErrTruncated]) until [Map.Discard]. Of an [Atomic] one Sync is [Map.Commit].
func (m *Map) Sync() error { return m.SyncRange(0, ToEnd) }

// SyncRange is [Map.Sync] for the pages that hold the n bytes from off; any
// range will do. Whether it costs less is up to the system.
func (m *Map) SyncRange(off, n int64) error {
	if m.stage != nil {
		if m.stage.journal != nil && (off != 0 || (n != ToEnd && n != m.Len())) {
			return m.fail("sync", off, max(n, 0), fmt.Errorf("%w: an Atomic Map commits all stores or none", ErrOption))
		}
		return m.syncStaged("sync", off, n)
	}
	n, err := m.enter("sync", off, n)
	if err != nil {
		return err
	}
	defer m.leave()
	if m.mode == Private {
		return m.fail("sync", off, n, ErrPrivate)
	}
	m.sync.mu.Lock()
	defer m.sync.mu.Unlock()
	if err := m.replaced(); err != nil {
		return m.fail("sync", off, n, err)
	}
	if m.sync.failed == nil {
		m.sync.failed = m.syncPages(off, n)
	}
	if m.sync.failed != nil {
		return m.fail("sync", off, n, m.sync.failed)
	}
	if err := m.stillHas(off + n); err != nil {
		return m.fail("sync", off, n, err)
	}
	return nil
}

// stillHas checks that the file has the first n bytes of a Map that stores to it, or
// as many as the Map has by now: what is stored beyond the end of a file is lost, also
// where its page can be stored to. m.mu is held.
func (m *Map) stillHas(n int64) error {
	if m.mode != ReadWrite || !m.file.Valid() {
		return nil
	}
	st, err := m.file.Stat()
	if err == nil && st.Size < m.offset+min(n, m.Len()) {
		err = fmt.Errorf("%w: it has %d bytes now", ErrTruncated, st.Size)
	}
	return err
}

func (m *Map) syncPages(off, n int64) error {
	if m.backing == Read {
		if err := m.file.Sync(); err != nil {
			return err
		}
	} else if n > 0 {
		begin, length := m.pagesOf(off, n)
		length, err := m.syncTail(begin, length)
		if err != nil {
			return err
		}
		unmap := m.dirtyFolios(begin, length)
		if err := m.region.Sync(m.file, begin, length); err != nil {
			return err
		}
		unmap()
	}
	if resized := m.sync.resized.Swap(false); (resized || m.sync.entry.Valid()) && m.file.Valid() {
		if err := m.file.Sync(); err != nil {
			return err
		}
	}
	return m.syncEntry()
}

// syncEntry makes the directory entry of a file that Create made durable, in the
// directory in which it was made: its path may lead elsewhere by now.
func (m *Map) syncEntry() error {
	if !m.sync.entry.Valid() {
		return nil
	}
	err := m.sync.entry.Sync()
	if err == nil {
		err = m.sync.entry.Close()
		m.sync.entry = sys.Dir{}
	}
	return err
}

// syncTail sees to the page that says how many bytes were appended, which a sync of
// [begin, begin+length) of the region must make durable too: it returns a length with
// which the sync does, or has synced that page.
func (m *Map) syncTail(begin, length int) (int, error) {
	at := int(m.grow.tailPage.Load())
	switch {
	case at == 0 || at < begin+length:
		return length, nil
	case at-begin-length <= prepareMost+tailUnit:
		return at + sys.PageSize - begin, nil
	}
	return length, m.region.Sync(m.file, at, sys.PageSize)
}

// StartWriteback has the kernel begin to write the stores to the n bytes from
// off, and does not wait: nothing is durable when it returns, but a Sync some
// time later has less to wait for. n may be [ToEnd].
//
// Linux: sync_file_range(2) with SYNC_FILE_RANGE_WRITE, since msync's MS_ASYNC
// does nothing there; needs the descriptor ([ErrNoFile]). It may wait for room
// in the device's queue. Darwin, BSDs: msync with MS_ASYNC. Windows:
// FlushViewOfFile. Private: [ErrPrivate]. Staged: [ErrOption].
func (m *Map) StartWriteback(off, n int64) error {
	n, err := m.enter("start writeback", off, n)
	if err != nil {
		return err
	}
	defer m.leave()
	switch {
	case m.mode == Private:
		return m.fail("start writeback", off, n, ErrPrivate)
	case m.stage != nil:
		return m.fail("start writeback", off, n, fmt.Errorf("%w: the stores of a Staged Map reach the file with Sync alone", ErrOption))
	case n == 0:
		return nil
	case !m.file.Valid():
		return m.fail("start writeback", off, n, ErrNoFile)
	}
	if m.backing == Read {
		err = m.file.StartWriteback(m.region, m.offset+off, 0, int(min(n, math.MaxInt32)))
	} else {
		begin, length := m.pagesOf(off, n)
		err = m.file.StartWriteback(m.region, m.alignedOffset(), begin, length)
	}
	if err != nil {
		return m.fail("start writeback", off, n, err)
	}
	return nil
}

// pagesOf widens [off, off+n) of the mapping to whole pages of its region.
func (m *Map) pagesOf(off, n int64) (begin, length int) {
	begin = (m.begin + int(off)) &^ (m.unit() - 1)
	return begin, roundUp(m.begin+int(off+n), m.unit()) - begin
}

// alignedOffset is where the region begins in the file.
func (m *Map) alignedOffset() int64 { return m.offset - int64(m.begin) }

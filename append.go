package filemap

import (
	"errors"
	"io"

	"github.com/filemap-go/filemap/internal/sys"
)

// How Append gets its room. Stores to pages that a file does not have yet make
// them one by one, with a fault each. A write of zeros makes them by the hundred, in
// large folios, and has the device's promise of blocks; the first store to a folio
// then maps it whole. That is several times cheaper, zeros and all.
//
// A piece from writeFrom on is written as it is: one copy into the page cache, which
// the mapping shows, and neither zeros nor faults.
const (
	prepareLeast = 64 << 10
	prepareMost  = 2 << 20
	writeFrom    = 32 << 10
)

var zeros [prepareMost]byte

// Append puts p behind the Map's last byte and makes the Map, and the file, longer
// by it. It returns where in the Map p begins. Slices and pointers stay valid, and
// who sees the new length sees the bytes. Several goroutines may append: each p is
// in one piece.
//
// The file grows ahead of the Map, to twice its length each time, by no less than
// 64 KiB and no more than 2 MiB, so that p costs a copy and rarely a system call; one
// of 32 KiB or more is a pwrite(2). Others who look at the file see that growth, as
// zeros. [Map.Close], [Map.Trim] and [Map.Resize] cut the file to the Map's length;
// after a crash it may end in zeros.
//
// The errors are those of [Map.Resize]; nothing of p counts then.
func (m *Map) Append(p []byte) (off int64, err error) {
	if off, ok := m.appendPrepared(p); ok {
		return off, nil
	}
	if err := m.beginGrowth("append"); err != nil {
		return 0, err
	}
	defer m.endGrowth()
	off = m.size.Load()
	n := int64(len(p))
	if n > m.capacity-off {
		return off, m.fail("append", off, n, ErrReserved)
	}
	if err := m.putLocked(p, off); err != nil {
		return off, m.fail("append", off, n, m.refused(sys.Stores|sys.Growth, err))
	}
	m.size.Store(off + n)
	return off, nil
}

// appendPrepared is Append where there is room for p already and nothing can be
// wrong but the store itself, whose error is then found the long way.
func (m *Map) appendPrepared(p []byte) (off int64, ok bool) {
	m.grow.mu.Lock()
	defer m.grow.mu.Unlock()
	off = m.size.Load()
	n := int64(len(p))
	if n > m.grow.prepared-off || m.writesAppend(n) || m.backing != Mapped || m.closed.Load() || m.copyGuarded("append", m.data[off:], p) != nil {
		return off, false
	}
	m.size.Store(off + n)
	return off, true
}

// putLocked stores p to off, the Map's end, after preparing as much as it takes.
func (m *Map) putLocked(p []byte, off int64) error {
	if m.grow.prepared == 0 {
		if err := m.unchangedLocked(); err != nil {
			return err
		}
		if err := fixed(m.file, sys.Shrinking); err != nil {
			return err // what is prepared must come off again
		}
		m.grow.prepared = off
	}
	if m.writesAppend(int64(len(p))) {
		return m.writeAppendLocked(p, off)
	}
	for len(p) > 0 {
		room := m.grow.prepared - off
		if room == 0 {
			if err := m.prepareLocked(off); err != nil {
				return err
			}
			continue
		}
		n := min(int64(len(p)), room)
		if err := m.storePrepared(p[:n], off); err != nil {
			return err
		}
		p, off = p[n:], off+n
	}
	return nil
}

// writesAppend tells whether a piece of n bytes is written and not stored.
func (m *Map) writesAppend(n int64) bool {
	return n >= writeFrom && sys.CoherentWrites && sys.Mapped && !m.grow.whole.on
}

// writeAppendLocked writes p to off, the Map's end, and behind the file's if need be.
func (m *Map) writeAppendLocked(p []byte, off int64) error {
	end := m.offset + off + int64(len(p))
	if _, err := m.file.WriteAt(p, m.offset+off); err != nil {
		return spaceError(errors.Join(err, m.file.Truncate(m.grow.end)))
	}
	if end >= m.grow.end {
		m.resizedLocked(end)
		m.grow.prepared, m.grow.ahead = off+int64(len(p)), false
	}
	return nil
}

// storePrepared stores p to bytes that the file has and that are not the Map's yet.
func (m *Map) storePrepared(p []byte, off int64) error {
	if m.backing == Read {
		_, err := m.file.WriteAt(p, m.offset+off)
		return spaceError(err)
	}
	err := m.copyGuarded("append", m.data[off:], p)
	var fault *Error
	if errors.As(err, &fault) {
		return fault.Err
	}
	return err
}

// prepareLocked makes the file longer than off, its end, by zeros.
func (m *Map) prepareLocked(off int64) error {
	n := min(max(off&^(prepareLeast-1), prepareLeast), prepareMost)
	n -= (m.offset + off) % int64(sys.PageSize) // so that what follows is whole pages
	n = min(n, m.capacity-off)
	end := m.offset + off
	if m.grow.whole.on {
		if err := m.cutWhole(off, off+n); err != nil { // which writes zeros
			return spaceError(err)
		}
		m.grow.prepared = off + n
		return nil
	}
	if _, err := m.file.WriteAt(zeros[:n], end); err != nil {
		return spaceError(errors.Join(err, m.file.Truncate(end)))
	}
	m.resizedLocked(end + n)
	m.grow.prepared, m.grow.ahead = off+n, true
	return nil
}

// Trim cuts what Append has prepared off the file, which then ends where the Map
// does. ftruncate(2).
func (m *Map) Trim() error {
	if err := m.beginGrowth("trim"); err != nil {
		return err
	}
	defer m.endGrowth()
	if err := m.trimLocked(); err != nil {
		return m.fail("trim", 0, 0, m.refused(sys.Shrinking, err))
	}
	return nil
}

func (m *Map) trimLocked() error {
	m.grow.prepared = 0
	if !m.grow.ahead {
		return nil
	}
	if err := m.unchangedLocked(); err != nil {
		return err
	}
	size := m.size.Load()
	if err := m.cutLocked(size, size); err != nil {
		return err
	}
	m.grow.ahead = false
	return nil
}

// Appender returns m.Append as an [io.Writer]. Pieces of a few hundred bytes that
// need not be in the Map at once cost a third through a [bufio.Writer] of 64 KiB
// around it; its Flush comes before Sync and Close then.
func (m *Map) Appender() io.Writer { return appender{m} }

type appender struct{ m *Map }

func (a appender) Write(p []byte) (int, error) {
	if _, err := a.m.Append(p); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (a appender) WriteString(s string) (int, error) { return a.Write([]byte(s)) }

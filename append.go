package filemap

import (
	"errors"
	"fmt"
	"io"

	"github.com/filemap-go/filemap/internal/sys"
)

// How Append gets its room. Stores to pages that a file does not have yet make
// them one by one, with a fault each. A write of zeros makes them by the hundred, in
// large folios, and has the device's promise of blocks; the first store to a folio
// then maps it whole. That is several times cheaper, zeros and all.
//
// A piece from writeFrom on is written as it is: one copy into the page cache, which
// the mapping shows, and neither zeros nor faults. So is every piece where the file is
// not mapped; it then is never longer than the Map.
const (
	prepareLeast = 64 << 10
	prepareMost  = 2<<20 - tailUnit
	writeFrom    = 32 << 10
)

var zeros [prepareMost]byte

// Append puts p behind the Map's last byte and makes the Map, and the file, longer
// by it. It returns where in the Map p begins. Slices and pointers stay valid, and
// readers that see the new length see the bytes. Several goroutines may append: each
// p is in one piece.
//
// The file grows ahead of the Map, to twice its length each time, by no less than
// 64 KiB and no more than 2 MiB, so that p costs a copy and rarely a system call; one
// of 32 KiB or more is a pwrite(2). What is ahead is zeros, and ends in a tail of 48
// bytes that says how many bytes count. Open, OpenFile and [Map.Refresh] read the tail:
// a Map of such a file, in any process, has the bytes that were appended and no zeros.
// Other programs see the zeros and the tail. [Map.Close], [Map.Trim] and [Map.Resize]
// cut the file to the Map's length.
//
// A process that ends without Close loses nothing: the next Open of the file has all
// pieces for which Append returned, or one more, whole. After a power cut the bytes up
// to the last Sync are there; behind them there may be zeros and parts of later pieces,
// so that records need a checksum there (see the example). See "Files that grow" in docs/durability.md.
//
// One Map appends to a file at a time. When the file was made shorter or longer by
// others, or another Map has begun to append, the error is an [ErrBounds] (and
// [ErrTruncated] when bytes of the Map are gone) and nothing of the file is changed:
// [Map.Refresh] first. That is noticed when it happened before the call; while Append
// runs, nobody else may change the file's length. What others have put behind the tail is
// noticed when Append needs more room than is prepared, and by Trim, Resize and Close:
// it is never overwritten.
//
// The other errors are those of [Map.Resize]; nothing of p counts then.
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
	if m.grow.prepared == 0 || n > m.grow.prepared-off || m.writesAppend(n) || m.closed.Load() || !m.storePrepared(p, off) {
		return off, false
	}
	m.size.Store(off + n)
	return off, true
}

// putLocked puts p to off, the Map's end, after making what room it takes.
func (m *Map) putLocked(p []byte, off int64) error {
	if err := m.unchangedLocked(); err != nil {
		return err
	}
	if len(p) == 0 {
		return nil
	}
	if m.grow.tail.at != 0 && !m.grow.tail.ours { // of a Map that has died
		if err := m.trimLocked(); err != nil {
			return err
		}
	}
	if m.backing == Read {
		return m.writeBehind(p, off)
	}
	if err := fixed(m.file, sys.Shrinking); err != nil {
		return err // what is prepared must come off again
	}
	need := off + int64(len(p))
	switch {
	case m.grow.whole.on:
		return m.putWhole(p, off)
	case need > m.grow.prepared && !m.tailFits(m.placeLocked(off, need)):
		return m.putBehind(p, off)
	case m.writesAppend(int64(len(p))):
		return m.writeAppendLocked(p, off)
	case need > m.grow.prepared:
		if err := m.prepareLocked(off, need); err != nil {
			return err
		}
	}
	return m.putPrepared(p, off)
}

// putPrepared stores p to bytes that the file has.
func (m *Map) putPrepared(p []byte, off int64) error {
	if m.storePrepared(p, off) {
		return nil
	}
	return m.storeTrouble(off)
}

// storeTrouble says why a store to the prepared bytes from off did not work.
func (m *Map) storeTrouble(off int64) error {
	if err := m.unchangedLocked(); err != nil {
		return err
	}
	if at, bad := m.firstBad(off, m.grow.end-m.offset-off, true); bad {
		return m.whyLocked("store", at)
	}
	return ErrFault
}

// writesAppend tells whether a piece of n bytes is written and not stored.
func (m *Map) writesAppend(n int64) bool {
	return n >= writeFrom && sys.CoherentWrites && sys.Mapped && !m.grow.whole.on
}

// writeAppendLocked writes p to off, the Map's end.
func (m *Map) writeAppendLocked(p []byte, off int64) error {
	need := off + int64(len(p))
	if m.offset+need > m.grow.tail.at {
		if err := m.moveTailLocked(m.placeLocked(off, need)); err != nil {
			return m.takeBackLocked(err)
		}
	}
	if _, err := m.file.WriteAt(p, m.offset+off); err != nil {
		return m.takeBackLocked(err)
	}
	m.grow.prepared = max(m.grow.prepared, need)
	if !m.publish(need) {
		return m.storeTrouble(off)
	}
	return nil
}

// takeBackLocked cuts the file to the Map's length, since making room for more has
// failed with err.
func (m *Map) takeBackLocked(err error) error {
	end := m.offset + m.size.Load()
	if cutErr := m.file.Truncate(end); cutErr != nil {
		return spaceError(errors.Join(err, cutErr))
	}
	m.grow.tailCut()
	m.resizedLocked(end)
	m.known.forget()
	return spaceError(err)
}

// putBehind puts p to the file's end and prepares nothing, for a Map that has no
// addresses for a tail: it was opened without a reserve, and has become shorter since.
func (m *Map) putBehind(p []byte, off int64) error {
	if err := m.trimLocked(); err != nil {
		return err
	}
	if sys.CoherentWrites {
		return m.writeBehind(p, off)
	}
	if err := m.lengthenLocked(off + int64(len(p))); err != nil {
		return err
	}
	if err := m.putPrepared(p, off); err != nil {
		return m.takeBackLocked(err)
	}
	return nil
}

// writeBehind writes p to the file's end.
func (m *Map) writeBehind(p []byte, off int64) error {
	n, err := m.file.WriteAt(p, m.offset+off)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, m.file.Truncate(m.grow.end))
		}
		return spaceError(err)
	}
	m.resizedLocked(m.offset + off + int64(n))
	return nil
}

// prepareLocked makes room for need bytes of the Map and more behind off, its end: a
// tail first, and then zeros before it.
func (m *Map) prepareLocked(off, need int64) error {
	begin := m.offset + max(off, m.grow.prepared)
	err := m.moveTailLocked(m.placeLocked(off, need))
	if err == nil {
		err = m.writeZeros(begin, m.grow.tail.at)
	}
	if err != nil {
		return m.takeBackLocked(err)
	}
	m.grow.prepared = m.grow.tail.at - m.offset
	return nil
}

// writeZeros writes zeros to [begin, end) of the file.
func (m *Map) writeZeros(begin, end int64) error {
	for begin < end {
		part := min(end-begin, int64(len(zeros)))
		if _, err := m.file.WriteAt(zeros[:part], begin); err != nil {
			return err
		}
		begin += part
	}
	return nil
}

// Trim cuts what Append has prepared off the file, which then ends where the Map
// does, be it this Map's Append or that of a process that has ended. When the file's
// length was changed by others it is left alone ([ErrBounds]). ftruncate(2).
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
	if m.grow.whole.on {
		m.grow.prepared = 0
		return nil
	}
	if m.grow.tail.at == 0 {
		return nil
	}
	if err := m.unchangedLocked(); err != nil {
		return err
	}
	size := m.size.Load()
	if err := m.cutLocked(size, size); err != nil {
		return err
	}
	m.grow.tailCut()
	return nil
}

// trimOwnLocked is trimLocked for Close and Move, which leave alone what others prepare.
func (m *Map) trimOwnLocked() error {
	if !m.grow.tail.ours {
		return nil
	}
	if err := m.trimLocked(); err != nil {
		return fmt.Errorf("what Append has prepared was not cut off: %w", m.refused(sys.Shrinking, err))
	}
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

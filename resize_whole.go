package filemap

import (
	"errors"

	"github.com/filemap-go/filemap/internal/sys"
)

// Windows maps nothing beyond the end of a file, and changes no size of a file that
// is mapped but to make it longer. There a Map with a reserve has a file that is as
// long as the reserve for as long as it is mapped: sparse, so that it takes no more
// blocks than the Map has bytes. Close, once it has unmapped, cuts the file to the
// Map's length; a process that ends without Close leaves it long, with zeros at its
// end. Resize and Append give blocks to what they make room for, by writing zeros,
// and take them from what they cut off.
//
// whole is what growth knows of it; only Windows comes here, and the tests.
type whole struct {
	on    bool
	moved bool  // another Map has the file now, and will cut it
	high  int64 // the most bytes that the Map has had: slices of them can still be stored through
}

var errWholeRead = errors.New("this system makes room for a file that grows by making it long, which takes a ReadWrite mapping")

// makeWhole makes the file as long as the reserve. m.size is what it had.
func (m *Map) makeWhole() error {
	if m.mode != ReadWrite {
		return errors.Join(errWholeRead, errors.ErrUnsupported)
	}
	if m.grow.tail.at != 0 { // left by a system that has tails
		if err := m.file.Truncate(m.offset + m.size.Load()); err != nil {
			return err
		}
		m.grow.tailCut()
		m.grow.end = m.offset + m.size.Load()
	}
	_ = m.file.MakeSparse() // a file system without holes takes blocks instead
	end := m.offset + m.capacity
	if err := m.file.Truncate(end); err != nil {
		return spaceError(errors.Join(err, m.file.Truncate(m.grow.end)))
	}
	m.grow.end, m.grow.whole.on = end, true
	return nil
}

// lengthenWhole gives blocks to the bytes from the Map's end to n.
func (m *Map) lengthenWhole(n int64) error {
	old := m.size.Load()
	if err := m.cutWhole(old, min(n, m.grow.whole.high)); err != nil {
		return spaceError(err)
	}
	if m.flags&Sparse != 0 {
		return nil
	}
	m.sync.resized.Store(true)
	return spaceError(m.file.Allocate(m.offset+old, n-old))
}

// cutWhole puts zeros where the Map's bytes from n to old were.
func (m *Map) cutWhole(n, old int64) error {
	m.sync.resized.Store(true)
	m.grow.whole.high = max(m.grow.whole.high, old)
	return m.writeZeros(m.offset+n, m.offset+old)
}

// putWhole stores p to off, the Map's end, after giving blocks to what it takes.
func (m *Map) putWhole(p []byte, off int64) error {
	need := off + int64(len(p))
	m.grow.prepared = max(m.grow.prepared, off)
	if need > m.grow.prepared {
		ahead := min(max(off&^(prepareLeast-1), prepareLeast), prepareMost)
		end := min(max(need, off+ahead-(m.offset+off)%int64(sys.PageSize)), m.capacity)
		if err := m.cutWhole(m.grow.prepared, end); err != nil { // which writes zeros
			return spaceError(err)
		}
		m.grow.prepared = end
	}
	return m.putPrepared(p, off)
}

// endWhole cuts the file, which is not mapped any more, to the Map's length.
func (m *Map) endWhole() error {
	if !m.grow.whole.on || m.grow.whole.moved {
		return nil
	}
	return m.file.Truncate(m.offset + m.size.Load())
}

// mapsBeyondEnd is [sys.MapsBeyondEnd], but for tests of what systems without it do.
var mapsBeyondEnd = sys.MapsBeyondEnd

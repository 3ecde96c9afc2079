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
	moved bool // another Map has the file now, and will cut it
}

var errWholeRead = errors.New("this system makes room for a file that grows by making it long, which takes a ReadWrite mapping")

// makeWhole makes the file as long as the reserve. m.size is what it had.
func (m *Map) makeWhole() error {
	if m.mode != ReadWrite {
		return errors.Join(errWholeRead, errors.ErrUnsupported)
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
	if m.flags&Sparse != 0 {
		return nil
	}
	old := m.size.Load()
	m.sync.resized.Store(true)
	return spaceError(m.file.Allocate(m.offset+old, n-old))
}

// cutWhole puts zeros where the Map's bytes from n to old were.
func (m *Map) cutWhole(n, old int64) error {
	m.sync.resized.Store(true)
	for off := n; off < old; {
		part := min(old-off, int64(len(zeros)))
		if _, err := m.file.WriteAt(zeros[:part], m.offset+off); err != nil {
			return err
		}
		off += part
	}
	return nil
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

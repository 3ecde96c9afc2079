package filemap

import (
	"io"

	"github.com/filemap-go/filemap/internal/sys"
)

var (
	_ io.ReaderAt = (*Map)(nil)
	_ io.WriterAt = (*Map)(nil)
)

// ReadAt copies len(p) bytes from off of the mapping into p. As [io.ReaderAt]
// wants it, fewer than len(p) bytes come with an error: io.EOF at the mapping's
// end, an *Error where a page could not be had, with n the bytes before it.
// It never makes the process crash, and a Close meanwhile ends it with ErrClosed.
// Where others have cut the file, bytes behind its end that are in its last page read
// as zeros; those of later pages are an [ErrTruncated].
//
// Where the pages are in memory it is one copy from the page cache and no system
// call, once the Map knows; where they are not, a pread(2), in which the goroutine
// waits and not the scheduler's processor as it would in a fault.
func (m *Map) ReadAt(p []byte, off int64) (int, error) {
	if m.closed.Load() {
		return 0, m.fail("read", off, int64(len(p)), ErrClosed)
	}
	if off < 0 {
		return 0, m.boundsError("read", off, int64(len(p)))
	}
	size := m.size.Load()
	if off >= size {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n, err := m.read("read", p[:min(int64(len(p)), size-off)], off)
	if err == nil && n < len(p) {
		err = io.EOF
	}
	return n, err
}

// read fills p from off, which lies inside the mapping.
func (m *Map) read(op string, p []byte, off int64) (int, error) {
	if m.backing == Read {
		return m.readFile(op, p, off)
	}
	if len(p) > 0 && !m.resident(off, int64(len(p))) {
		done, err := m.readUnknown(p, off)
		if done {
			return len(p), nil
		}
		there, err := m.loaded(op, off, int64(len(p)), err)
		n, again := m.transfer(op, p[:there], m.data[off:], off)
		if again != nil {
			err = again
		}
		return n, err
	}
	return m.transfer(op, p, m.data[off:], off)
}

// WriteAt copies p to off of the mapping. It writes what fits: a mapping does
// not grow by itself, so that bytes beyond its end are an error, [ErrBounds],
// with n the bytes before the end. On a ReadOnly Map it is [ErrReadOnly] and
// nothing is stored. After a fault n bytes are stored and some of those after
// them may be.
//
// It is one copy into the page cache (into private memory for Private) and no
// system call; [Map.Sync] makes it durable. Where others have cut the file, bytes
// behind its end that are in its last page are stored and lost: Sync tells.
func (m *Map) WriteAt(p []byte, off int64) (int, error) {
	want, size := int64(len(p)), m.size.Load()
	switch {
	case m.closed.Load():
		return 0, m.fail("write", off, want, ErrClosed)
	case m.mode == ReadOnly:
		return 0, m.fail("write", off, want, ErrReadOnly)
	case off < 0 || (off > size && want > 0):
		return 0, m.boundsError("write", off, want)
	case want == 0:
		return 0, nil
	}
	fits := min(want, size-off)
	if err := m.beginStore("write", off, fits, false); err != nil {
		return 0, err
	}
	defer m.endStore(false) // also when p is another Map's and faults
	n, err := m.write("write", p[:fits], off)
	if err == nil && n < len(p) {
		err = m.boundsError("write", off, want)
	}
	return n, err
}

// write stores p to off, inside of the mapping.
func (m *Map) write(op string, p []byte, off int64) (int, error) {
	if m.backing == Read {
		return m.writeFile(op, p, off)
	}
	if n := int64(len(p)); n > 0 && !m.resident(off, n) {
		there, err := m.loaded(op, off, n, m.load(sys.PopulateWrite, off, n))
		n, again := m.transfer(op, m.data[off:], p[:there], off)
		if again != nil {
			err = again
		}
		return n, err
	}
	return m.transfer(op, m.data[off:], p, off)
}

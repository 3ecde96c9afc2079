package filemap

import (
	"errors"
	"fmt"
	"io"

	"github.com/filemap-go/filemap/internal/sys"
)

// Backing says what stands behind the bytes of a Map.
type Backing uint8

const (
	// Mapped bytes are pages of the kernel: loads and stores reach the page
	// cache, memory is shared with every other reader of the file.
	Mapped Backing = iota
	// Copied bytes were read into this process's memory when the Map was
	// opened, since the system has no mappings (js, wasip1, plan9), or the file no
	// true size (procfs, sysfs) and [OrRead] was given: later changes of the file are
	// not seen.
	Copied
	// Read bytes stay in the file and are read and written through its
	// descriptor, a system call each time: see [OrRead] and [Unmapped].
	Read
)

// String returns "mapped", "copied" or "read".
func (b Backing) String() string {
	switch b {
	case Copied:
		return "copied"
	case Read:
		return "read"
	}
	return "mapped"
}

// native is what a Map of this system has behind it.
var native = func() Backing {
	if sys.Mapped {
		return Mapped
	}
	return Copied
}()

// Backing tells what stands behind this Map's bytes.
func (m *Map) Backing() Backing { return m.backing }

var errReadWanted = errors.New("reading was asked for")

// mayRead tells whether a Map that could not be mapped may be backed by reads instead:
// whatever kept it from being mapped, its descriptor serves (see suited).
func (c *config) mayRead() bool {
	return (c.has(OrRead) || c.has(Unmapped)) && c.mode != Private && !c.has(Executable)
}

// readFile fills p from off through the descriptor. Bytes that the file no longer
// has are an [ErrTruncated].
func (m *Map) readFile(op string, p []byte, off int64) (int, error) {
	if _, err := m.enter(op, off, int64(len(p))); err != nil {
		return 0, err
	}
	defer m.leave()
	n, err := m.file.ReadAt(p, m.offset+off)
	return n, m.fileError(op, off+int64(n), err)
}

// writeFile stores p to off through the descriptor. It does not make a file that
// has become shorter longer again: a store to a mapping would not.
func (m *Map) writeFile(op string, p []byte, off int64) (int, error) {
	if _, err := m.enter(op, off, int64(len(p))); err != nil {
		return 0, err
	}
	defer m.leave()
	st, err := m.file.Stat()
	if err != nil {
		return 0, m.fileError(op, off, err)
	}
	fits := max(min(int64(len(p)), st.Size-m.offset-off), 0)
	n, err := m.file.WriteAt(p[:fits], m.offset+off)
	if err == nil && fits < int64(len(p)) {
		err = io.EOF
	}
	return n, m.fileError(op, off+int64(n), err)
}

func (m *Map) fileError(op string, off int64, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		err = ErrTruncated
	case sys.NoSpace(err):
		err = fmt.Errorf("%w: %w", ErrNoSpace, err)
	case sys.IsRefusal(err):
		err = m.refused(sys.Stores, err)
	case sys.IsBadAddress(err): // it is not the file's bytes that cannot be had
		err = fmt.Errorf("the memory that was handed over cannot be used: %w", err)
	default:
		err = fmt.Errorf("%w: %w", ErrIO, err)
	}
	return m.fail(op, off, 1, err)
}

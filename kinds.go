package filemap

import (
	"errors"
	"fmt"
	"io"

	"github.com/filemap-go/filemap/internal/sys"
)

// Not every file that calls itself regular has its bytes before they are asked for.
// Those of procfs have no size and are made as they are read; those of sysfs say that
// they have a page; neither can be mapped. What can be mapped and may only be read
// (/sys/kernel/btf/vmlinux) is refused for its own reasons. OrRead and Unmapped read
// the first two once, whole, as os.ReadFile does, for only that shows them as they
// were at one time.

// errUnsized is of a file without a true size.
var errUnsized = fmt.Errorf("%w, this one's size is not known to the kernel (read it, or open it with OrRead)", ErrNotRegular)

// unsizedMost bounds what is read of such a file.
const unsizedMost = 256 << 20

// regularSize returns the size of a regular file, and refuses everything else.
func regularSize(f sys.File) (int64, error) {
	st, err := regularStat(f)
	return st.Size, err
}

// regularStat returns the status of a regular file, and refuses everything else; a
// file that has bytes but no size is errUnsized.
func regularStat(f sys.File) (sys.Stat, error) {
	for range 10 {
		st, err := f.Stat()
		if err != nil {
			return st, err
		}
		if st.Kind != sys.Regular {
			return st, fmt.Errorf("%w, this is %v", ErrNotRegular, st.Kind)
		}
		if st.Size > 0 {
			return st, nil
		}
		n, err := f.ReadAt(make([]byte, 1), 0)
		switch {
		case n == 0 && errors.Is(err, io.EOF):
			return st, nil
		case n == 0:
			return st, fmt.Errorf("%w: %w", ErrIO, err)
		}
		// It may have got its first bytes between the two: then it has a size by now.
	}
	return sys.Stat{}, errUnsized
}

// oversized tells whether a file that cannot, or shall not, be mapped has fewer bytes
// than it says. One that is to be read anyway is only asked if it says that it has a
// page: the answer may come from a slow disk.
func (c *config) oversized(f sys.File, size int64) bool {
	if size == 0 || c.has(Unmapped) && size > int64(sys.PageSize) {
		return false
	}
	if n, err := f.ReadAt(make([]byte, 1), size-1); n > 0 || !errors.Is(err, io.EOF) {
		return false
	}
	st, err := f.Stat() // it may have become shorter
	return err == nil && st.Size >= size
}

// mapUnsized reads a file without a true size into memory, whatever the size says,
// and closes it. The Map is a copy.
func mapUnsized(f sys.File, path string, c *config) (*Map, error) {
	if c.mode != ReadOnly || !c.has(OrRead) && !c.has(Unmapped) {
		return nil, openError(path, errUnsized)
	}
	content, err := readUnsized(f)
	if err != nil {
		return nil, openError(path, err)
	}
	size, n := int64(len(content)), c.length
	if n == ToEnd {
		n = max(size-c.offset, 0)
	}
	m := &Map{path: path, mode: ReadOnly, flags: c.flags, backing: Copied, offset: c.offset, data: []byte{}}
	m.size.Store(n)
	m.capacity, m.fixed = n, true
	if c.offset > size || n > size-c.offset {
		return nil, m.fail("open", 0, n, fmt.Errorf("%w of the file, which has %d bytes", ErrBounds, size))
	}
	m.begin = int(c.offset % int64(sys.Granularity))
	if n > 0 {
		err = m.attach(int(n), func(n int) (sys.Region, error) {
			return sys.MapAnonymous(n, sys.ProtRead|sys.ProtWrite, true)
		})
	}
	if err != nil {
		return nil, m.fail("open", 0, n, c.explainMap(f, err, int(n)))
	}
	copy(m.data, content[c.offset:])
	if sys.Mapped && n > 0 {
		err = m.region.Protect(sys.ProtRead, 0, m.region.Len())
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, openError(path, errors.Join(err, m.Close()))
	}
	return m, nil
}

func readUnsized(f sys.File) ([]byte, error) {
	var content []byte
	part := make([]byte, 64<<10)
	for {
		n, err := f.ReadAt(part, int64(len(content)))
		content = append(content, part[:n]...)
		switch {
		case errors.Is(err, io.EOF):
			return content, nil
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrIO, err)
		case len(content) > unsizedMost:
			return nil, fmt.Errorf("%w, this one has no size, and more than %d bytes (read it)", ErrNotRegular, unsizedMost)
		}
	}
}

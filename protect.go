package filemap

import (
	"errors"
	"fmt"
	"io/fs"
)

// Protect makes the pages of [off, off+n) read-only ([ReadOnly]) or writable
// again (any other mode); n may be [ToEnd]. A store to a read-only page is an
// [ErrReadOnly] through methods and under Guard, and ends the process otherwise.
//
// Pages are protected whole: off must be where a page begins in the file, and
// off+n too or be the mapping's end ([ErrAlignment], see [PageBytes]). A mapping
// that was opened ReadOnly stays so ([ErrReadOnly]). mprotect(2);
// VirtualProtect on Windows; unsupported without mappings.
// Not for a [Staged] Map ([ErrOption]).
func (m *Map) Protect(mode Mode, off, n int64) error {
	n, err := m.enter("protect", off, n)
	if err != nil {
		return err
	}
	defer m.leave()
	if m.backing == Read {
		return m.fail("protect", off, n, ErrNotMapped)
	}
	if m.stage != nil {
		return m.fail("protect", off, n, fmt.Errorf("%w: Sync sets the protection of a Staged Map's pages", ErrOption))
	}
	if m.mode == ReadOnly && mode != ReadOnly {
		return m.fail("protect", off, n, ErrReadOnly)
	}
	if err := m.wholePages("protect", off, n); err != nil || n == 0 {
		return err
	}
	c := config{mode: mode, flags: m.flags}
	if mode != ReadOnly {
		c.mode = m.mode
	}
	begin, length := m.pagesOf(off, n)
	if err := m.region.Protect(c.prot(), begin, length); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			err = fmt.Errorf("%w: %w", ErrReadOnly, err)
		}
		return m.fail("protect", off, n, err)
	}
	return nil
}

// wholePages checks that [off, off+n) covers pages that hold nothing else of the
// mapping.
func (m *Map) wholePages(op string, off, n int64) error {
	page := int64(m.unit())
	begin, end := m.offset+off, m.offset+off+n
	if (begin%page != 0 && off != 0) || (end%page != 0 && off+n < m.Len()) {
		return m.fail(op, off, n, fmt.Errorf("%w: the range must be whole pages of %d bytes of the file", ErrAlignment, page))
	}
	return nil
}

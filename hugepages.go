package filemap

import (
	"fmt"

	"github.com/filemap-go/filemap/internal/sys"
)

// A file of hugetlbfs (and a memfd made with MFD_HUGETLB) is made of pages of 2 MiB or
// 1 GiB, and so is every mapping of it: it begins and ends where such a page does, and
// so must what mprotect(2), madvise(2) and munmap(2) are told. The kernel makes such a
// file as long as a mapping of it that can be stored to, which would be a change that
// nobody asked for, and has no write(2) for it. So these are refused: a size that is no
// whole pages, Reserve, and whatever writes.

// unit is the size of the mapping's pages: [PageBytes], or more on hugetlbfs.
func (m *Map) unit() int {
	if m.hugePage == 0 {
		return sys.PageSize
	}
	return m.hugePage
}

// useHugePages learns the size of the file's pages from its status, and refuses what
// cannot be with large ones.
func (m *Map) useHugePages(c *config, st sys.Stat) error {
	m.hugePage = m.file.HugePage(st)
	switch {
	case m.hugePage == 0:
		return nil
	case st.Size%int64(m.hugePage) != 0:
		return fmt.Errorf("%w: %w: it has whole pages of %d bytes, and this one %d bytes", ErrHugePages, ErrAlignment, m.hugePage, st.Size)
	case c.has(Staged), c.has(Unmapped) && c.mode == ReadWrite:
		return fmt.Errorf("%w: it cannot be written to but by a shared mapping, not Staged, Atomic or Unmapped", ErrHugePages)
	case m.capacity > m.size.Load():
		return fmt.Errorf("%w: the system would make it as long as the Reserve (create it with the size that it will need)", ErrHugePages)
	}
	return nil
}

// onHugePages checks that a file may have n bytes of the Map.
func (m *Map) onHugePages(n int64) error {
	if end := m.offset + n; end%int64(m.unit()) != 0 && m.hugePage != 0 {
		return fmt.Errorf("%w: %w: it has whole pages of %d bytes, not %d bytes", ErrHugePages, ErrAlignment, m.hugePage, end)
	}
	return nil
}

// explainHuge says why a file of hugetlbfs could not be mapped for want of memory.
func (m *Map) explainHuge(err error) error {
	if m.hugePage != 0 && sys.NoMemory(err) {
		return fmt.Errorf("%w: no pages of %d bytes are left (raise vm.nr_hugepages): %s", ErrNoSpace, m.hugePage, err.Error())
	}
	return err
}

// roundUp is the next multiple of a power of two.
func roundUp(n, unit int) int { return (n + unit - 1) &^ (unit - 1) }

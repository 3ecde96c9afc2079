package filemap

import (
	"github.com/filemap-go/filemap/internal/sys"
)

// To write pages to the device the kernel first takes the right to store to them
// away, so that it learns of later stores: the next store to each is a fault. In
// the large folios of a file that was written or read in large pieces such a fault
// is dear, several microseconds, since each makes the whole folio dirty anew, page
// by page. Where the translation is missing altogether, the first store maps the
// whole folio for storing at once, and the others are free. So after a Sync the
// pages that were dirty are unmapped, where their folios are large; with small
// ones it would cost more than it saves, and nothing is done.
//
// Which it is cannot be asked, but seen: one fault maps a large folio whole.

// window is what is looked at, and unmapped, at once: what one page table spans.
const window = 2 << 20

// together is from how many pages that one fault maps a folio counts as large:
// more than fault-around, 64 KiB as it comes, maps of single pages.
func together() int { return 2 * (64 << 10) / sys.PageSize }

// dirtyFolios is what syncPages does around a sync of the region's [begin,
// begin+length): what it returns is for after it. It costs a look at the page cache,
// and is left out for a while where the last one was in vain.
func (m *Map) dirtyFolios(begin, length int) (unmap func()) {
	nothing := func() {}
	s := &m.sync
	if s.skip > 0 {
		s.skip--
		return nothing
	}
	if m.backing != Mapped || m.mode != ReadWrite || !m.file.Valid() || length < window {
		return nothing
	}
	dirty := m.dirtyWindows(nil, begin&^(window-1), begin+length)
	if len(dirty) == 0 {
		return nothing
	}
	return func() {
		if !m.largeFolios(dirty[0]) || !m.largeFolios(dirty[len(dirty)/2]) {
			s.backoff = min(2*s.backoff+1, 63)
			s.skip = s.backoff
			return
		}
		s.backoff = 0
		for _, at := range dirty {
			// It only saves time: what fails leaves things as they are.
			_ = m.region.Unmap(at, min(window, m.region.Len()-at))
		}
	}
}

// dirtyWindows appends where the windows of [begin, end) begin that hold dirty
// pages, halving what holds any.
func (m *Map) dirtyWindows(found []int, begin, end int) []int {
	n, err := m.file.Dirty(m.alignedOffset()+int64(begin), int64(end-begin))
	if err != nil || n == 0 {
		return found
	}
	if end-begin <= window {
		return append(found, begin)
	}
	half := begin + (end-begin)/2&^(window-1)
	if half == begin {
		half += window
	}
	return m.dirtyWindows(m.dirtyWindows(found, begin, half), half, end)
}

func (m *Map) largeFolios(at int) bool {
	n, err := m.region.MappedTogether(at, min(window, m.region.Len()-at))
	return err == nil && n >= together()
}

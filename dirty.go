package filemap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime/debug"

	"github.com/filemap-go/filemap/internal/sys"
)

// Dirty returns which bytes of [off, off+n) were stored to and are not in the file,
// in whole pages cut down to the range, in order and apart from each other; n may
// be [ToEnd]. Of a [Staged] or [Atomic] Map these are the stores since the last
// Sync, Commit or Discard, of a Private one all stores, of anonymous memory the
// pages that were ever stored to. A page counts when it was stored to, even if it
// holds the same bytes again; where the system does not tell, pages are compared
// with the file and count when they differ. If the system has dropped stores, since
// somebody made the file shorter, there is an [ErrTruncated], until Discard.
//
// Of a shared ReadWrite Map nobody knows exactly, the kernel keeping its account
// by folios and writing when it likes: [ErrDirtyUnknown].
//
// Linux: the PAGEMAP_SCAN ioctl (6.7), else /proc/self/pagemap, else comparison,
// as on all other systems.
func (m *Map) Dirty(off, n int64) ([]Extent, error) {
	n, err := m.enter("dirty", off, n)
	if err != nil {
		return nil, err
	}
	defer m.leave()
	switch {
	case m.mode == ReadOnly || n == 0:
		return nil, nil
	case !m.private():
		return nil, m.fail("dirty", off, n, ErrDirtyUnknown)
	}
	spans, err := m.changedLocked(off, n)
	if err == nil && m.stage != nil {
		err = m.stage.canary.check()
	}
	if err != nil {
		return nil, m.fail("dirty", off, n, err)
	}
	extents := make([]Extent, 0, len(spans))
	for _, span := range spans {
		begin := max(int64(span.Off-m.begin), off)
		end := min(int64(span.Off+span.Len-m.begin), off+n)
		extents = append(extents, Extent{begin, end - begin})
	}
	return extents, nil
}

// finder returns how the changed pages of this private Map are found.
func (m *Map) finder() sys.Finder {
	if m.stage != nil {
		return m.stage.finder
	}
	return sys.BestFinder()
}

// changedLocked finds the pages that hold [off, off+n) of a private Map and were
// stored to. m.mu is held.
func (m *Map) changedLocked(off, n int64) ([]sys.Span, error) {
	if n == 0 {
		return nil, nil
	}
	begin, length := m.pagesOf(off, n)
	spans, err := m.findChanged(sys.Span{Off: begin, Len: length})
	if err == nil && m.stage != nil && !m.stage.bare.Load() {
		// mlockall(2) makes copies of pages that nobody has stored to, and without
		// mappings a page differs when others have written to the file.
		spans = m.stage.onlyTouched(spans)
	}
	return spans, err
}

func (m *Map) findChanged(one sys.Span) ([]sys.Span, error) {
	finder := m.finder()
	if finder == sys.FindNone {
		return m.compareLocked(one.Off, one.Len)
	}
	where := []sys.Span{one}
	if m.stage != nil && !m.stage.bare.Load() {
		// Only methods have stored, and they have said where.
		if few, ok := m.stage.fewTouched(one.Len / sys.PageSize); ok {
			where = within(few, one)
		}
	}
	spans, err := m.region.Changed(finder, where)
	if err != nil { // it worked before: out of descriptors, say
		return m.compareLocked(one.Off, one.Len)
	}
	return spans, nil
}

// within cuts spans down to what is inside of one.
func within(spans []sys.Span, one sys.Span) []sys.Span {
	inside := spans[:0]
	for _, s := range spans {
		begin, end := max(s.Off, one.Off), min(s.Off+s.Len, one.Off+one.Len)
		if begin < end {
			inside = append(inside, sys.Span{Off: begin, Len: end - begin})
		}
	}
	return inside
}

// compareBytes is how much of the file is read at a time to be compared.
const compareBytes = 256 << 10

// compareLocked finds the pages of the region's [begin, begin+length) of which the
// mapped bytes differ from the file's.
func (m *Map) compareLocked(begin, length int) ([]sys.Span, error) {
	if !m.file.Valid() {
		return nil, fmt.Errorf("%w: %w", ErrDirtyUnknown, ErrNoFile)
	}
	var spans []sys.Span
	size := m.size.Load()
	scratch := make([]byte, min(length, compareBytes))
	for done := 0; done < length; done += len(scratch) {
		span := sys.Span{Off: begin + done, Len: min(len(scratch), length-done)}
		at, mine := m.clip(span, size)
		theirs := scratch[:len(mine)]
		if _, err := m.file.ReadAt(theirs, m.offset+at); err != nil {
			if errors.Is(err, io.EOF) {
				err = ErrTruncated
			}
			return nil, err
		}
		for len(mine) > 0 {
			page := (m.begin + int(at)) &^ (sys.PageSize - 1)
			n := min(page+sys.PageSize-m.begin-int(at), len(mine))
			same, err := m.equalLocked(mine[:n], theirs[:n])
			if err != nil {
				return nil, err
			}
			if !same {
				spans = joinSpan(spans, sys.Span{Off: page, Len: sys.PageSize})
			}
			mine, theirs, at = mine[n:], theirs[n:], at+int64(n)
		}
	}
	return spans, nil
}

// equalLocked compares; one of the two is this mapping's memory.
func (m *Map) equalLocked(a, b []byte) (same bool, err error) {
	err = m.guardLocked("dirty", func() { same = bytes.Equal(a, b) })
	return same, err
}

// guardLocked is a Guard for who holds m.mu, of loads from the mapping.
func (m *Map) guardLocked(op string, f func()) (err error) {
	old := debug.SetPanicOnFault(true)
	defer func() {
		debug.SetPanicOnFault(old)
		if r := recover(); r != nil {
			off := m.faultOffset(r)
			err = m.fail(op, off, 1, m.whyLocked("load", off))
		}
	}()
	f()
	return nil
}

// joinSpan appends a span that begins at or behind the end of the last.
func joinSpan(spans []sys.Span, s sys.Span) []sys.Span {
	if last := len(spans) - 1; last >= 0 && spans[last].Off+spans[last].Len == s.Off {
		spans[last].Len += s.Len
		return spans
	}
	return append(spans, s)
}

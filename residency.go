package filemap

import (
	"context"

	"github.com/filemap-go/filemap/internal/sys"
)

// Extent is the half-open byte range [Offset, Offset+Length) of a mapping.
type Extent struct{ Offset, Length int64 }

// Residency says which pages of a range are in memory.
type Residency struct {
	// Known is false where the system does not tell this process the truth:
	// Linux says "all resident" to anyone who neither owns the file nor may
	// write it. The counts and Extents are then zero, and mean nothing.
	Known bool

	Pages         int64    // pages that hold the range
	ResidentPages int64    // of these, in memory
	PageBytes     int      // the size of one, in bytes
	Extents       []Extent // the resident bytes, in order, apart from each other
}

// Residency reports which pages of [off, off+n) are in memory; n may be
// [ToEnd]. The answer is true for the moment of the call only. It takes time for each
// page of the range, some 20 s for a TiB; between parts of 256 MiB it looks whether
// ctx has ended, and returns its error. Parts of a shared mapping of which nothing is
// in memory are passed over where cachestat(2) tells.
//
// A page of a file mapping counts when the page cache has it, whether or not
// this process has touched it: mincore(2) on Linux, Darwin, FreeBSD and NetBSD.
// On Windows a page counts when it is in this process's working set
// (QueryWorkingSetEx). OpenBSD: unsupported. Without mappings all is resident.
func (m *Map) Residency(ctx context.Context, off, n int64) (Residency, error) {
	n, err := m.span("residency", off, n)
	if err != nil {
		return Residency{}, err
	}
	if m.backing == Read {
		return Residency{}, m.fail("residency", off, n, ErrNotMapped)
	}
	result := Residency{PageBytes: sys.PageSize}
	if n == 0 {
		result.Known = true
		return result, nil
	}
	begin, length := m.pagesOf(off, n)
	result.Pages = int64(length / sys.PageSize)
	look := residencyLook{m: m, result: &result, status: make([]sys.PageStatus, min(length/sys.PageSize, residencyPages))}
	for done := 0; done < length; {
		if err := ctx.Err(); err != nil {
			return Residency{}, m.fail("residency", off, n, err)
		}
		pages := min((length-done)/sys.PageSize, len(look.status))
		if err := look.part(begin+done, pages); err != nil {
			return Residency{}, err
		}
		if !result.Known {
			return result, nil
		}
		done += pages * sys.PageSize
	}
	result.clip(off, n)
	return result, nil
}

// residencyPages is how many pages are asked about at once.
const residencyPages = 64 << 10

// residencyLook is one call of Residency.
type residencyLook struct {
	m      *Map
	result *Residency
	status []sys.PageStatus
	counts bool // cachestat tells how many pages of a part are in memory
}

// part asks about pages of the region from begin on. Close need not wait for more.
func (l *residencyLook) part(begin, pages int) error {
	m := l.m
	off := int64(max(begin-m.begin, 0))
	if _, err := m.enter("residency", off, 0); err != nil {
		return err
	}
	defer m.leave()
	if !l.result.Known {
		if l.result.Known = m.residencyKnown(); !l.result.Known {
			return nil
		}
		l.counts = m.file.Valid() && !m.private() && m.replaced() == nil && m.file.PageCacheSource().By == sys.ByCachestat
	}
	if l.counts {
		stat, err := m.file.CacheStat(m.alignedOffset()+int64(begin), int64(pages*sys.PageSize))
		if err == nil && stat.Cached == 0 {
			return nil
		}
	}
	status := l.status[:pages]
	if err := m.region.Resident(begin, status); err != nil {
		return m.fail("residency", off, int64(pages*sys.PageSize), err)
	}
	for i, s := range status {
		if s == sys.Resident {
			l.result.add(int64(begin + i*sys.PageSize - m.begin))
		}
	}
	return nil
}

// residencyKnown needs the descriptor to find out; without one only a mapping
// that could be written, or has no file, is beyond doubt.
func (m *Map) residencyKnown() bool {
	if m.path == anonymousPath || m.mode == ReadWrite || m.backing == Copied {
		return true
	}
	return m.file.Valid() && m.file.ResidencyKnown()
}

// add counts the page at off, which is behind all before it.
func (r *Residency) add(off int64) {
	r.ResidentPages++
	if last := len(r.Extents) - 1; last >= 0 && r.Extents[last].Offset+r.Extents[last].Length == off {
		r.Extents[last].Length += int64(r.PageBytes)
		return
	}
	r.Extents = append(r.Extents, Extent{off, int64(r.PageBytes)})
}

// clip cuts the extents, which are whole pages, down to the range asked for.
func (r *Residency) clip(off, n int64) {
	for i, e := range r.Extents {
		begin, end := max(e.Offset, off), min(e.Offset+e.Length, off+n)
		r.Extents[i] = Extent{begin, end - begin}
	}
}

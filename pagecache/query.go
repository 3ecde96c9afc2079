package pagecache

import (
	"context"

	"github.com/filemap-go/filemap/internal/names"
	"github.com/filemap-go/filemap/internal/sys"
)

// File is what the kernel holds of a file. A nil count is not known; Unknown has
// the reason under the field's name in the document.
type File struct {
	names.FileName
	SizeBytes  int64  `json:"size_bytes"`
	PageBytes  int64  `json:"page_bytes"`
	Pages      int64  `json:"pages"`       // that hold its bytes
	FileSystem string `json:"file_system"` // "ext4"; "" where the system does not tell

	CachedPages          *int64 `json:"cached_pages"`
	DirtyPages           *int64 `json:"dirty_pages"`
	WritebackPages       *int64 `json:"writeback_pages"`
	EvictedPages         *int64 `json:"evicted_pages"`
	RecentlyEvictedPages *int64 `json:"recently_evicted_pages"`
	MappedPages          *int64 `json:"mapped_pages"`          // that a process has in its page table now
	MappedPagesAtLeast   int64  `json:"mapped_pages_at_least"` // of these, what could be seen

	Method  string            `json:"method"`  // the system call that answered; "" for none
	Unknown map[string]string `json:"unknown"` // why a field is null

	Ranges  []Range      `json:"ranges"`            // runs of pages that are in memory or were; with [Query.Ranges]
	Cells   []Cell       `json:"cells,omitempty"`   // with [Query.Cells]
	Frames  *Frames      `json:"frames,omitempty"`  // with [Query.Frames]
	Process *ProcessView `json:"process,omitempty"` // with [Query.Process]
	Who     *Who         `json:"who,omitempty"`     // with [Query.Who]
}

// Cell is the state of one part of the file, for a chart by position. What is not
// known is nil, as in [File].
type Cell struct {
	Pages     int64  `json:"pages"`
	Cached    *int64 `json:"cached_pages"`
	Dirty     *int64 `json:"dirty_pages"`
	Writeback *int64 `json:"writeback_pages"`
	Evicted   *int64 `json:"evicted_pages"`
}

// Query says what [Look] shall find out beside the counts of cached, dirty,
// written back and evicted pages, which are one system call.
type Query struct {
	Ranges  bool       // which pages they are
	Cells   int        // divide the file into so many equal parts, or fewer
	Mapped  *Processes // count the pages that processes map: see [ScanProcesses]
	Frames  bool       // look at the frames of memory, which takes root
	Process int        // what this process maps of the file
	Who     bool       // who maps it, has it open and is charged for it; with Mapped
	Seen    *Seen      // who read it while it was watched: see [WatchReaders]; with Who
	Proc    string     // where procfs is; "" for /proc
	Cgroup  string     // where cgroups are; "" for /sys/fs/cgroup
}

const (
	reasonLinux  = "needs cachestat (Linux 6.5)"
	reasonUnused = "was not asked for"
)

// Look tells what the kernel holds of the file at path. It opens the file for
// reading and reads nothing of it.
//
// It fails where the file cannot be opened or is not a regular one
// ([ErrNotRegular]); what the kernel does not tell this user is nil, and no error.
func Look(ctx context.Context, path string, q Query) (*File, error) {
	h, err := openFile("look", path)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	f := &File{
		FileName: names.FileOf(path), SizeBytes: h.size, PageBytes: int64(sys.PageSize), Pages: pages(h.size),
		Method: string(h.method), Unknown: map[string]string{}, Ranges: []Range{},
	}
	if s, err := h.FileSystem(); err == nil {
		f.FileSystem = s.Name
	}
	if err := h.count(ctx, f, &q); err != nil {
		return nil, h.fail("look", 0, 0, err)
	}
	if err := h.counts(ctx, f, &q); err != nil {
		return nil, h.fail("look", 0, 0, err)
	}
	return f, nil
}

// count fills in what cachestat or mincore know.
func (h *handle) count(ctx context.Context, f *File, q *Query) error {
	switch h.method {
	case nobody:
		f.unknown(h.unknown(), "cached_pages", "dirty_pages", "writeback_pages", "evicted_pages", "recently_evicted_pages", "ranges")
		f.Ranges = nil
		f.Cells = emptyCells(f.Pages, q.Cells)
		return nil
	case mincore:
		f.unknown(h.missing(), "dirty_pages", "writeback_pages", "evicted_pages", "recently_evicted_pages")
		return h.countRuns(ctx, f, q)
	}
	if q.Ranges {
		return h.countRuns(ctx, f, q)
	}
	f.unknown(reasonUnused, "ranges")
	f.Ranges = nil
	stat, err := h.stat(span{0, f.Pages})
	if err != nil {
		return err
	}
	f.set(stat)
	f.Cells = emptyCells(f.Pages, q.Cells)
	at := int64(0)
	for i := range f.Cells {
		c := &f.Cells[i]
		stat, err := h.stat(span{at, at + c.Pages})
		if err != nil {
			return err
		}
		at += c.Pages
		c.know(true)
		*c.Cached, *c.Dirty, *c.Writeback, *c.Evicted = int64(stat.Cached), int64(stat.Dirty), int64(stat.Writeback), int64(stat.Evicted)
	}
	return nil
}

// set fills in the counts of all pages.
func (f *File) set(s sys.CacheStat) {
	for _, c := range []struct {
		to   **int64
		from uint64
	}{
		{&f.CachedPages, s.Cached},
		{&f.DirtyPages, s.Dirty},
		{&f.WritebackPages, s.Writeback},
		{&f.EvictedPages, s.Evicted},
		{&f.RecentlyEvictedPages, s.RecentlyEvicted},
	} {
		n := int64(c.from)
		*c.to = &n
	}
}

// countRuns looks at which pages they are, and adds up.
func (h *handle) countRuns(ctx context.Context, f *File, q *Query) error {
	var sum sys.CacheStat
	f.Cells = emptyCells(f.Pages, q.Cells)
	for i := range f.Cells {
		f.Cells[i].know(h.method == cachestat)
	}
	err := h.runs(ctx, span{0, f.Pages}, func(r run) error {
		n := uint64(r.pages())
		sum.Cached += n * uint64(r.state&Cached/Cached)
		sum.Dirty += n * uint64(r.state&Dirty/Dirty)
		sum.Writeback += n * uint64(r.state&Writeback/Writeback)
		sum.Evicted += n * uint64(r.state&Evicted/Evicted)
		sum.RecentlyEvicted += n * uint64(r.state&RecentlyEvicted/RecentlyEvicted)
		if q.Ranges {
			f.Ranges = append(f.Ranges, newRange(r.span, h.size, r.state))
		}
		addToCells(f.Cells, r)
		return nil
	})
	if err != nil {
		return err
	}
	if !q.Ranges {
		f.unknown(reasonUnused, "ranges")
		f.Ranges = nil
	}
	if h.method == mincore {
		cached := int64(sum.Cached)
		f.CachedPages = &cached
		return nil
	}
	f.set(sum)
	return nil
}

func (f *File) unknown(reason string, fields ...string) {
	for _, field := range fields {
		f.Unknown[field] = reason
	}
}

// know makes the counts known, none so far; with all not only the cached ones.
func (c *Cell) know(all bool) {
	c.Cached = new(int64)
	if all {
		c.Dirty, c.Writeback, c.Evicted = new(int64), new(int64), new(int64)
	}
}

// emptyCells divides n pages into parts of the same size, the last one but for.
func emptyCells(n int64, parts int) []Cell {
	if parts <= 0 || n == 0 {
		return nil
	}
	each := (n + int64(parts) - 1) / int64(parts)
	cells := make([]Cell, 0, parts)
	for ; n > 0; n -= each {
		cells = append(cells, Cell{Pages: min(each, n)})
	}
	return cells
}

// addToCells counts a run in the cells that it touches.
func addToCells(cells []Cell, r run) {
	if len(cells) == 0 {
		return
	}
	each := cells[0].Pages
	for at := r.begin; at < r.end; {
		i := at / each
		n := min(r.end, (i+1)*each) - at
		c := &cells[i]
		for _, p := range []struct {
			state State
			count *int64
		}{{Cached, c.Cached}, {Dirty, c.Dirty}, {Writeback, c.Writeback}, {Evicted, c.Evicted}} {
			if r.state&p.state != 0 && p.count != nil {
				*p.count += n
			}
		}
		at += n
	}
}

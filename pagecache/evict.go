package pagecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
)

// EvictOptions say what [Evict] drops.
type EvictOptions struct {
	// Range is what to drop; the zero Extent is all of the file.
	Range Extent

	// KeepMapped leaves alone what processes have mapped, as posix_fadvise(2) does.
	KeepMapped bool

	// Progress is called after each step, with the pages that are still in memory
	// and those that were.
	Progress func(left, before int64)
}

// Evict drops a file's pages from memory, and measures. Nothing is lost:
//
//  1. Dirty pages are written first (fdatasync(2)); a dirty page cannot be dropped.
//  2. posix_fadvise(2) with DONTNEED drops those that nobody maps.
//  3. What one process maps is paged out of it (process_madvise(2) with
//     MADV_PAGEOUT; madvise(2) for this process), which the next access reads back.
//     This takes root for other processes' mappings.
//
// What is still there, and why, is in Result.Stayed: pages that several processes
// map, that are locked, dirty again, or a folio's that reaches beyond the range.
func Evict(ctx context.Context, path string, o EvictOptions) (*Result, error) {
	h, err := openFile("evict", path)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	e := &eviction{handle: h, options: o, began: time.Now()}
	r, err := e.run(ctx)
	if err != nil {
		return r, h.fail("evict", 0, 0, err)
	}
	return r, nil
}

// eviction is one call of Evict.
type eviction struct {
	*handle
	options EvictOptions
	began   time.Time
	where   span
	result  *Result

	foreign   bool // /proc does not tell by which number a process is known here
	forbidden int  // mappings that this user may not page out
}

func (e *eviction) run(ctx context.Context) (*Result, error) {
	var err error
	if e.where, err = spanOf(e.options.Range, e.size); err != nil {
		return nil, err
	}
	e.result = newResult(e.handle, []span{e.where})
	if s, err := e.FileSystem(); err == nil && s.InMemory {
		return nil, fmt.Errorf("%s keeps its files in memory, and nowhere else: %w", s.Name, errors.ErrUnsupported)
	}
	if e.result.BeforePages, err = e.cachedIn([]span{e.where}); err != nil {
		return nil, err
	}
	if err := e.write(ctx); err != nil {
		return nil, err
	}
	if err := e.drop(); err != nil {
		return nil, err
	}
	err = e.tell()
	if err == nil && !e.options.KeepMapped {
		err = e.pageOut(ctx)
	}
	if err == nil {
		err = e.explain(ctx)
	}
	return e.result, errors.Join(err, e.finish(e.result, []span{e.where}, e.began))
}

// write makes what is dirty clean.
func (e *eviction) write(ctx context.Context) error {
	if e.method == nobody {
		e.result.Unknown["written_pages"] = e.unknown()
		return e.Clean()
	}
	if e.method == mincore {
		e.result.Unknown["written_pages"] = e.missing()
		return e.Clean()
	}
	before, err := e.stat(e.where)
	if err != nil || before.Dirty+before.Writeback == 0 {
		e.result.WrittenPages = new(int64)
		return errors.Join(err, ctx.Err())
	}
	if err := e.Clean(); err != nil {
		return fmt.Errorf("dirty pages cannot be written: %w", err)
	}
	after, err := e.stat(e.where)
	written := max(int64(before.Dirty+before.Writeback)-int64(after.Dirty+after.Writeback), 0)
	e.result.WrittenPages = &written
	return errors.Join(err, ctx.Err())
}

// drop asks for the whole range. To the end of the file the kernel drops the last
// page even though the file covers it in part.
func (e *eviction) drop() error {
	n := e.where.bytes()
	switch {
	case n == 0:
		return nil
	case e.where.end >= pages(e.size):
		n = 0
	}
	return e.EvictRange(e.where.offset(), n)
}

func (e *eviction) tell() error {
	if e.options.Progress == nil || e.method == nobody {
		return nil
	}
	left, err := e.cachedCount(e.where)
	e.options.Progress(left, *e.result.BeforePages)
	return err
}

// mappedPages are a mapping and the pages of the file in its page table.
type mappedPages struct {
	Mapping
	pages []span
}

// pageOut takes the pages that are mapped by one mapping alone out of it.
func (e *eviction) pageOut(ctx context.Context) error {
	mappings, err := e.mappings(ctx)
	if err != nil || len(mappings) == 0 {
		return err
	}
	for _, m := range mappings {
		if err := ctx.Err(); err != nil {
			return err
		}
		// Locked pages are refused as well, with another error (EINVAL).
		err := e.pageOutOf(m)
		e.foreign = e.foreign || errors.Is(err, errForeignNumbers)
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported) {
			e.forbidden++
		}
	}
	if err := e.drop(); err != nil {
		return err
	}
	return e.tell()
}

// mappings are those that have pages of the range.
func (e *eviction) mappings(ctx context.Context) (found []mappedPages, err error) {
	cached, err := e.cachedSpans(ctx, e.where)
	if err != nil || cached != nil && len(cached) == 0 {
		return nil, err
	}
	p, err := ScanProcesses(ctx, "")
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil // no /proc
		}
		return nil, err
	}
	all, err := p.of(e.handle)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		pages, err := p.mapped(ctx, m, cached)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil:
			e.forbidden++
		case len(pages) > 0:
			found = append(found, mappedPages{m, pages})
		}
	}
	return found, nil
}

var errForeignNumbers = errors.New("/proc is of another PID namespace")

func (e *eviction) pageOutOf(m mappedPages) error {
	if !sys.OwnNumbers("/proc") {
		return errForeignNumbers // what is opened by it may be another process
	}
	pageOut := sys.PageOutSelf
	if m.PID != os.Getpid() {
		p, err := sys.OpenProcess(m.PID)
		if err != nil {
			return err
		}
		defer p.Close()
		pageOut = p.PageOut
	}
	for _, s := range m.pages {
		s = span{max(s.begin, e.where.begin), min(s.end, e.where.end)}
		if s.pages() <= 0 {
			continue
		}
		if err := pageOut(m.addressOf(s.begin), uint64(s.bytes())); err != nil {
			return err
		}
	}
	return nil
}

// explain says why pages stayed.
func (e *eviction) explain(ctx context.Context) error {
	if e.method == nobody {
		return nil
	}
	cached, err := e.cachedSpans(ctx, e.where)
	if err != nil || len(cached) == 0 {
		return err
	}
	left := int64(0)
	for _, s := range cached {
		left += s.pages()
	}
	before := e.forbidden
	mappings, err := e.mappings(ctx)
	if err != nil {
		return err
	}
	e.forbidden = max(before, e.forbidden-before)
	single, several := countMappers(mappings)
	left -= e.stay(min(several, left), "mapped more than once: no call takes a page out of several mappings")
	if single > 0 {
		left -= e.stay(min(single, left), e.whyMapped())
	}
	if e.method == cachestat {
		stat, err := e.stat(e.where)
		if err != nil {
			return err
		}
		left -= e.stay(min(int64(stat.Dirty+stat.Writeback), left), "dirty again: something keeps writing to the file")
	}
	if left == 0 {
		return nil
	}
	switch {
	case e.method == mincore && e.fileSystem() == "fuse":
		e.stay(left, "of another file, to which this file system passes reads: evict that one")
	case e.options.Range != (Extent{}):
		e.stay(left, "in use, or of a folio that reaches beyond the range")
	case os.Geteuid() != 0:
		e.stay(left, "in use or locked; processes that this user may not look into may map them (try as root)")
	default:
		e.stay(left, "in use, locked, or mapped by a process that cannot be seen; try again")
	}
	return nil
}

// fileSystem is its name, "" where it has none.
func (h *handle) fileSystem() string {
	s, err := h.FileSystem()
	if err != nil {
		return ""
	}
	return s.Name
}

func (e *eviction) whyMapped() string {
	switch {
	case e.options.KeepMapped:
		return "mapped, which was to be left alone"
	case e.foreign:
		return "mapped by a process that /proc, of another PID namespace, does not tell the number of here (mount -t proc proc /proc)"
	case e.forbidden > 0 && os.Geteuid() == 0:
		return "mapped by another process, which needs Linux 5.10, CAP_SYS_NICE and CAP_SYS_PTRACE: this root has not got them, or a sandbox refuses the call"
	case e.forbidden > 0:
		return "mapped by another process, which needs Linux 5.10 and root (CAP_SYS_NICE and the right to trace it)"
	}
	return "mapped, and locked in memory or in use just now"
}

func (e *eviction) stay(n int64, reason string) int64 {
	if n > 0 {
		e.result.Stayed = append(e.result.Stayed, Stay{n, reason})
	}
	return n
}

// countMappers counts the pages that one mapping has, and those that several have.
func countMappers(mappings []mappedPages) (single, several int64) {
	var all []span
	for _, m := range mappings {
		all = append(all, m.pages...)
	}
	overlaps := overlapsOf(all)
	_, mapped := union(all)
	_, several = union(overlaps)
	return mapped - several, several
}

// overlapsOf returns what is in two spans or more.
func overlapsOf(all []span) (found []span) {
	sorted := append([]span{}, all...)
	sortSpans(sorted)
	end := int64(-1)
	for _, s := range sorted {
		if s.begin < end {
			found = append(found, span{s.begin, min(s.end, end)})
		}
		end = max(end, s.end)
	}
	return found
}

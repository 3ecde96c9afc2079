package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/internal/names"
	"github.com/filemap-go/filemap/pagecache"
)

// cellsMost is the most that --cells divides a chart into.
const cellsMost = 1 << 20

// pagesFlags are the command line of "filemap pages".
type pagesFlags struct {
	ranges, json, watch, who, folios, noMapped, quiet bool
	sort                                              string
	top, pid, cells, count                            int
	interval, seen                                    time.Duration
	naming
}

func newPages() *cobra.Command {
	var f pagesFlags
	c := &cobra.Command{
		Use:   "pages FILE|DIR|GLOB...",
		Short: "Show which pages of files are in memory, dirty, mapped or evicted",
		Long: `pages asks the kernel what it holds of each file, and of all of them: pages that
are cached, dirty, under writeback, evicted and recently evicted (the kernel
remembers them, and that it was short of memory), and mapped by processes now.

One file is drawn by position, each cell of the chart so many pages. Of a tree the
files with most in memory are listed; every file counts in the total, and once
however many hard links it has. Nothing is read of any file, and none changes.

The kernel tells this only the owner of a file, who may write it, and root. For
others it says unknown, where tools that ask mincore(2) alone print 100 %. Dirty
and writeback are counted by the kernel's folios: one changed byte makes all pages
of its folio count.

Exit status: 0 when all files were looked at, 1 when some could not be, 2 when the
command line makes no sense.`,
		Example: `  filemap pages points.f32                  how much of it is in memory, and where
  filemap pages --ranges points.f32         which bytes, exactly
  filemap pages --sort dirty /var/lib/db    the files of a tree with most dirty pages
  filemap pages --pid 4711 points.f32       what a process maps of it
  filemap pages --who --for 10s points.f32  who maps it, pays for it and reads it
  filemap pages --watch points.f32          a live view
  filemap pages -x --exclude '*.log' /      one file system, without logs
  find . -name '*.db' -print0 | filemap pages --files-from - -0`,
		Args: f.args,
		RunE: verb(func(c *cobra.Command, args []string) error {
			if err := errorOfUse(f.read(c, args), func() error { return f.check(c) }); err != nil {
				return err
			}
			if f.watch {
				return watchPages(c, &f)
			}
			return runPages(c, &f)
		}),
	}
	f.define(c)
	return c
}

var pagesOrders = []string{"path", "size", "cached", "dirty", "writeback", "evicted", "mapped"}

func (f *pagesFlags) define(c *cobra.Command) {
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.ranges, "ranges", false, "list the runs of pages in the same state")
	flags.StringVar(&f.sort, "sort", "", strings.Join(pagesOrders, ", ")+" (default cached; path with --json)")
	flags.IntVar(&f.top, "top", -1, "list so many files, 0 for all (default 20; all with --json)")
	flags.IntVar(&f.cells, "cells", 0, "divide the chart of a file into so many cells (default: what the terminal has room for)")
	flags.BoolVar(&f.folios, "folios", false, "sizes of the kernel's folios, and what it keeps longest (root only; on by itself for one file)")
	flags.BoolVar(&f.noMapped, "no-mapped", false, "do not look into processes for what they map, which is quicker")
	flags.IntVar(&f.pid, "pid", 0, "what this process maps of each file: its page table, copies and swap")
	flags.BoolVar(&f.who, "who", false, "who maps it, whose cgroup pays for it, and who has it open")
	flags.DurationVar(&f.seen, "for", 0, "with --who: watch for so long who reads it (root only)")
	flags.BoolVar(&f.watch, "watch", false, "a live view, until q or Ctrl-C")
	flags.DurationVar(&f.interval, "interval", time.Second, "with --watch: how often to look")
	flags.IntVar(&f.count, "count", 0, "with --watch: end after so many looks (default: none)")
	f.naming.define(c)
	flags.BoolVar(&f.json, "json", false, "print one JSON document (with --watch one a line)")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print the total only, and no progress")
	_ = c.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(pagesOrders, cobra.ShellCompDirectiveNoFileComp))
}

func (f *pagesFlags) check(c *cobra.Command) error {
	if f.sort == "" {
		f.sort = "cached"
		if f.json {
			f.sort = "path"
		}
	}
	if f.top < 0 {
		if c.Flags().Changed("top") {
			return fmt.Errorf("--top %d will not do: 1 or more, or 0 for all", f.top)
		}
		f.top = 20
		if f.json {
			f.top = 0
		}
	}
	switch {
	case !slices.Contains(pagesOrders, f.sort):
		return fmt.Errorf("--sort %q is no order: choose one of %s", f.sort, strings.Join(pagesOrders, ", "))
	case f.cells < 0 || f.cells > cellsMost:
		return fmt.Errorf("--cells %d will not do: 1 to %d, or 0 for what there is room for", f.cells, cellsMost)
	case c.Flags().Changed("pid") && f.pid <= 0:
		return fmt.Errorf("--pid %d is no process", f.pid)
	case f.seen < 0 || c.Flags().Changed("for") && (f.seen == 0 || !f.who):
		return errors.New("--for is how long --who watches, such as 10s")
	case f.seen > 0 && (len(f.paths) != 1 || f.watch):
		return errors.New("--for watches one FILE, and not with --watch")
	case f.interval < 10*time.Millisecond:
		return fmt.Errorf("--interval %v will not do: 10ms or more", f.interval)
	case f.count < 0:
		return fmt.Errorf("--count %d will not do: 1 or more", f.count)
	case !f.watch && (c.Flags().Changed("interval") || f.count > 0):
		return errors.New("--interval and --count go with --watch")
	case f.sort == "mapped" && f.noMapped:
		return errors.New("--sort mapped needs what --no-mapped leaves out")
	case f.who && f.noMapped:
		return errors.New("--who needs what --no-mapped leaves out")
	}
	return nil
}

// pagesDocument is what --json prints, file by file.
type pagesDocument struct {
	Schema string            `json:"schema"`
	Files  []*pagecache.File `json:"files"`
	Total  pagecache.Total   `json:"total"`
	Failed []pagesFailure    `json:"failed"`
}

const pagesSchema = "filemap/pages/v1"

type pagesFailure struct {
	names.FileName
	Error string `json:"error"`
}

func failureOf(path string, err error) pagesFailure {
	return pagesFailure{names.FileOf(path), err.Error()}
}

// failuresKept bounds what is remembered of files that could not be looked at.
const failuresKept = 1000

// pagesRun looks at files. Of each it keeps the counts of those that will be
// listed, so that a tree of any size fits into memory.
type pagesRun struct {
	flags  *pagesFlags
	query  pagecache.Query // for a file that is listed
	brief  pagecache.Query // for one that only counts
	listed []*pagecache.File
	total  pagecache.Total
	failed []pagesFailure
	fails  int64
	tell   func(string)
	stream func(*pagecache.File) error // where files are listed as they come
}

func newPagesRun(ctx context.Context, f *pagesFlags) (*pagesRun, error) {
	r := &pagesRun{flags: f, failed: []pagesFailure{}, tell: func(string) {}}
	if !f.noMapped {
		processes, err := pagecache.ScanProcesses(ctx, "")
		if ctx.Err() != nil {
			return nil, err
		}
		if err == nil {
			r.query.Mapped, r.brief.Mapped = processes, processes
		}
	}
	r.query.Who, r.query.Process, r.query.Frames = f.who, f.pid, f.folios || f.who || f.json && !f.watch && oneFile(f.paths)
	r.query.Ranges = f.ranges || f.json
	if f.json {
		r.query.Cells = f.cells
	}
	return r, nil
}

// oneFile tells whether no more than one file can be meant.
func oneFile(paths []string) bool {
	if len(paths) != 1 {
		return false
	}
	st, err := os.Stat(paths[0])
	return err == nil && st.Mode().IsRegular()
}

// run looks at everything and returns the files to list, in order.
func (r *pagesRun) run(ctx context.Context) error {
	seen := int64(0)
	err := r.flags.selection.Walk(ctx, r.flags.paths, func(path string, err error) error {
		if seen++; seen%256 == 0 {
			r.tell(fmt.Sprintf("%s files looked at", grouped(seen)))
		}
		if errors.Is(err, pagecache.ErrLink) {
			r.total.Links++
			return nil
		}
		if err != nil {
			return r.fail(ctx, path, err)
		}
		query := r.brief
		if r.stream != nil {
			query = r.query
		}
		file, err := pagecache.Look(ctx, path, query)
		if err != nil {
			return r.fail(ctx, path, err)
		}
		r.total.Add(file)
		if r.stream != nil {
			return r.stream(file)
		}
		r.keep(file)
		return nil
	})
	r.order()
	if r.flags.top > 0 {
		r.listed = r.listed[:min(len(r.listed), r.flags.top)]
	}
	return err
}

// keep holds twice as many files as are asked for, and drops the lesser half.
func (r *pagesRun) keep(f *pagecache.File) {
	f.Unknown = nil // looked at again when it is listed
	r.listed = append(r.listed, f)
	if top := r.flags.top; top > 0 && len(r.listed) >= 2*top+1000 {
		r.order()
		clear(r.listed[top:])
		r.listed = r.listed[:top]
	}
}

func (r *pagesRun) order() {
	if r.flags.sort == "path" {
		return // as they were walked
	}
	key := map[string]func(*pagecache.File) *int64{
		"size":      func(f *pagecache.File) *int64 { return &f.SizeBytes },
		"cached":    func(f *pagecache.File) *int64 { return f.CachedPages },
		"dirty":     func(f *pagecache.File) *int64 { return f.DirtyPages },
		"writeback": func(f *pagecache.File) *int64 { return f.WritebackPages },
		"evicted":   func(f *pagecache.File) *int64 { return f.EvictedPages },
		"mapped":    func(f *pagecache.File) *int64 { return &f.MappedPagesAtLeast },
	}[r.flags.sort]
	value := func(f *pagecache.File) int64 {
		if n := key(f); n != nil {
			return *n
		}
		return -1
	}
	slices.SortStableFunc(r.listed, func(a, b *pagecache.File) int {
		if d := value(b) - value(a); d != 0 {
			return int(min(max(d, -1), 1))
		}
		return strings.Compare(a.Path, b.Path)
	})
}

// fail remembers a file that could not be looked at; an interrupt ends the walk.
func (r *pagesRun) fail(ctx context.Context, path string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r.fails++
	if len(r.failed) < failuresKept {
		r.failed = append(r.failed, failureOf(path, err))
	}
	return nil
}

// again looks at a file that is listed, for all that is wanted of it.
func (r *pagesRun) again(ctx context.Context, f *pagecache.File) (*pagecache.File, error) {
	return pagecache.Look(ctx, f.Path, r.query)
}

// outcome is the error of a run in which files could not be looked at.
func (r *pagesRun) outcome() error { return failedFiles(r.failed, r.fails) }

// failedFiles makes one error of many.
func failedFiles(failed []pagesFailure, count int64) error {
	if count == 0 {
		return nil
	}
	var lines []string
	for _, f := range failed[:min(len(failed), 10)] {
		lines = append(lines, f.Error)
	}
	if more := count - int64(len(lines)); more > 0 {
		lines = append(lines, fmt.Sprintf("and %s more", grouped(more)))
	}
	return errors.New(strings.Join(lines, "\nfilemap: "))
}

func runPages(c *cobra.Command, f *pagesFlags) error {
	ctx := c.Context()
	r, err := newPagesRun(ctx, f)
	if err != nil {
		return err
	}
	if err := f.watchReaders(ctx, r); err != nil {
		return err
	}
	counter := newCounter(c.ErrOrStderr(), f.quiet)
	r.tell = counter.tell
	defer counter.end()
	out := c.OutOrStdout()
	if f.json {
		err = r.printJSON(ctx, out)
	} else {
		err = r.run(ctx)
		counter.end()
		if err == nil {
			err = r.printText(ctx, out, textOptions(out))
		}
	}
	return errors.Join(err, r.outcome())
}

// watchReaders is what --for adds.
func (f *pagesFlags) watchReaders(ctx context.Context, r *pagesRun) error {
	if f.seen == 0 {
		return nil
	}
	seen, err := pagecache.WatchReaders(ctx, f.paths[0], f.seen)
	r.query.Seen = seen
	return err
}

// printJSON writes the document as it grows, so that it need not fit into memory.
func (r *pagesRun) printJSON(ctx context.Context, w io.Writer) error {
	d := newDocumentWriter(w, pagesSchema, "files")
	if r.flags.sort == "path" && r.flags.top == 0 {
		r.stream = func(f *pagecache.File) error { return d.item(f) }
	}
	if err := r.run(ctx); err != nil {
		return err
	}
	for _, brief := range r.listed {
		f, err := r.again(ctx, brief)
		if err != nil {
			if err := r.fail(ctx, brief.Path, err); err != nil {
				return err
			}
			continue
		}
		if err := d.item(f); err != nil {
			return err
		}
	}
	return d.end(map[string]any{"total": r.total, "failed": r.failed, "failed_files": r.fails})
}

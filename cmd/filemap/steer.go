package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/pagecache"
)

// steering is what the verbs have in common that change what is in memory: they
// work on file after file, measure each again, and report asked against got.
type steering struct {
	verb        string // "warm"
	json, quiet bool
	ranges      []string
	rate        string
	naming
	extents   []pagecache.Extent
	rateBytes int64
	allOrNone bool // the first file that fails ends it
	work      func(ctx context.Context, path string, progress func(done, total int64)) (*pagecache.Result, error)
}

// define adds the flags that every one has.
func (s *steering) define(c *cobra.Command) {
	flags := c.Flags()
	flags.SortFlags = false
	flags.BoolVar(&s.json, "json", false, "print one JSON document")
	flags.BoolVarP(&s.quiet, "quiet", "q", false, "print the total only, and no progress")
}

func (s *steering) defineRange(c *cobra.Command, usage string) {
	c.Flags().StringArrayVar(&s.ranges, "range", nil, usage)
}

func (s *steering) defineRate(c *cobra.Command) {
	c.Flags().StringVar(&s.rate, "rate", "", "read no faster than so many bytes a second, such as 50MB")
}

// check turns the text of flags into numbers.
func (s *steering) check() error {
	for _, text := range s.ranges {
		e, err := parseRange(text)
		if err != nil {
			return err
		}
		s.extents = append(s.extents, e)
	}
	if s.rate != "" {
		rate, err := parseBytes("rate", strings.TrimSuffix(s.rate, "/s"))
		if err != nil {
			return err
		}
		s.rateBytes = rate
	}
	return nil
}

// parseRange reads "64MiB-128MiB", half-open, and "1GB-", to the end.
func parseRange(text string) (pagecache.Extent, error) {
	wrong := fmt.Errorf("--range %q is no range: write it as 64MiB-128MiB, the end not included, or 64MiB- for all behind", text)
	from, to, dash := strings.Cut(text, "-")
	begin, err := humanize.ParseBytes(from)
	if err != nil || !dash || begin > 1<<62 {
		return pagecache.Extent{}, wrong
	}
	if to == "" {
		return pagecache.Extent{Offset: int64(begin), Length: pagecache.ToEnd}, nil
	}
	end, err := humanize.ParseBytes(to)
	if err != nil || end <= begin || end > 1<<62 {
		return pagecache.Extent{}, wrong
	}
	return pagecache.Extent{Offset: int64(begin), Length: int64(end - begin)}, nil
}

// steered is the sum of files.
type steered struct {
	Files        int64  `json:"files"`
	Links        int64  `json:"hard_links"` // further names of these files, left out
	UnknownFiles int64  `json:"unknown_files"`
	AskedPages   int64  `json:"asked_pages"`
	Before       *int64 `json:"cached_pages_before"` // of the files that are not unknown; null by lock, which does not look
	After        int64  `json:"cached_pages"`        // of the files that are not unknown
	ReadBytes    int64  `json:"read_bytes"`
	HolePages    int64  `json:"hole_pages"`
	StayedPages  int64  `json:"stayed_pages"`
	DurationNs   int64  `json:"duration_ns"`
	pageBytes    int64
}

func (t *steered) add(r *pagecache.Result) {
	t.Files++
	t.AskedPages += r.AskedPages
	t.ReadBytes += r.ReadBytes
	t.HolePages += r.HolePages
	t.pageBytes = r.PageBytes
	for _, s := range r.Stayed {
		t.StayedPages += s.Pages
	}
	if r.AfterPages == nil {
		t.UnknownFiles++
		return
	}
	t.After += *r.AfterPages
	if r.BeforePages != nil {
		if t.Before == nil {
			t.Before = new(int64)
		}
		*t.Before += *r.BeforePages
	}
}

// run works on all files.
func (s *steering) run(c *cobra.Command) error {
	ctx, out, began := c.Context(), c.OutOrStdout(), time.Now()
	counter := newCounter(c.ErrOrStderr(), s.quiet)
	defer counter.end()
	d := newDocumentWriter(out, "filemap/"+s.verb+"/v1", "files")
	total, failed, fails := steered{}, []pagesFailure{}, int64(0)
	err := s.selection.Walk(ctx, s.paths, func(path string, err error) error {
		if errors.Is(err, pagecache.ErrLink) {
			total.Links++
			return nil
		}
		var r *pagecache.Result
		if err == nil {
			r, err = s.work(ctx, path, func(done, all int64) {
				counter.tell(fmt.Sprintf("%s of %s  %s  file %s", bytesText(done), bytesText(all), visible(path), grouped(total.Files+1)))
			})
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if fails++; len(failed) < failuresKept {
				failed = append(failed, failureOf(path, err))
			}
			if s.allOrNone {
				return errEnough
			}
			return nil
		}
		total.add(r)
		counter.end()
		return s.report(d, out, r)
	})
	total.DurationNs = int64(time.Since(began))
	if errors.Is(err, errEnough) {
		err = nil
	}
	if err == nil {
		counter.end()
		err = s.finish(d, out, &total, failed, fails)
	}
	return errors.Join(err, failedFiles(failed, fails))
}

// errEnough ends a walk, and is no error.
var errEnough = errors.New("enough")

// report tells about one file.
func (s *steering) report(d *documentWriter, out io.Writer, r *pagecache.Result) error {
	switch {
	case s.json:
		return d.item(r)
	case s.quiet:
		return nil
	}
	sheet := newSheet(textOptions(out))
	sheet.result(r)
	return sheet.flush(out)
}

func (s *steering) finish(d *documentWriter, out io.Writer, t *steered, failed []pagesFailure, fails int64) error {
	if s.json {
		return d.end(map[string]any{"total": t, "failed": failed, "failed_files": fails})
	}
	sheet := newSheet(textOptions(out))
	switch {
	case t.Files == 0 && fails > 0: // the errors say it
	case t.Files == 1 && !s.quiet:
		sheet.linksLeftOut(t.Links)
	default:
		sheet.steered(t, fails)
	}
	return sheet.flush(out)
}

// result is one file: what was asked for, and what there is now.
func (s *sheet) result(r *pagecache.Result) {
	s.line("%s", s.paint(inkStrong, visible(r.Path)))
	if r.AfterPages == nil {
		s.line("  in memory: %s", s.paint(inkGone, r.Unknown["cached_pages"]))
	} else {
		before := ""
		if r.BeforePages != nil {
			before = fmt.Sprintf("before %s, ", grouped(*r.BeforePages))
		}
		s.line("  in memory: %snow %s of %s pages asked for · %s · %s", before, s.paint(inkCached, grouped(*r.AfterPages)), grouped(r.AskedPages),
			bytesText(*r.AfterPages*r.PageBytes), share(*r.AfterPages, r.AskedPages))
	}
	if r.ReadBytes > 0 {
		s.line("  read %s in %s%s", bytesText(r.ReadBytes), roundDuration(r.DurationNs), speed(r.ReadBytes, r.DurationNs))
	}
	if r.Rounds > 1 {
		s.line("  in %d rounds: the kernel took pages back meanwhile", r.Rounds)
	}
	if r.HolePages > 0 {
		s.line("  %s %s of holes, which no device holds: left out", grouped(r.HolePages), pagesAre(r.HolePages, "is", "are"))
	}
	if r.WrittenPages != nil && *r.WrittenPages > 0 {
		s.line("  %s dirty %s written first", grouped(*r.WrittenPages), pagesAre(*r.WrittenPages, "was", "were"))
	}
	for _, stay := range r.Stayed {
		s.line("  %s %s stayed: %s", s.paint(inkGone, grouped(stay.Pages)), plural(stay.Pages, "page"), stay.Reason)
	}
	if r.ShrunkBytes > 0 {
		s.line("  the file became %s shorter meanwhile", bytesText(r.ShrunkBytes))
	}
}

// pagesAre is the noun for n pages, and its verb.
func pagesAre(n int64, one, more string) string {
	if n == 1 {
		return "page " + one
	}
	return "pages " + more
}

func roundDuration(ns int64) time.Duration {
	d := time.Duration(ns)
	switch {
	case d > 10*time.Second:
		return d.Round(100 * time.Millisecond)
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	}
	return d.Round(time.Microsecond)
}

func speed(n, ns int64) string {
	if ns < int64(time.Millisecond) {
		return ""
	}
	return " · " + bytesText(int64(float64(n)/float64(ns)*1e9)) + "/s"
}

// steered is the sum of all files.
func (s *sheet) steered(t *steered, fails int64) {
	before := ""
	if t.Before != nil {
		before = fmt.Sprintf("before %s, ", grouped(*t.Before))
	}
	s.line("%s  in memory: %snow %s of %s pages asked for · %s", s.paint(inkStrong, fmt.Sprintf("%s %s", grouped(t.Files), plural(t.Files, "file"))),
		before, s.paint(inkCached, grouped(t.After)), grouped(t.AskedPages), share(t.After, t.AskedPages))
	if t.ReadBytes > 0 {
		s.line("  read %s in %s%s", bytesText(t.ReadBytes), roundDuration(t.DurationNs), speed(t.ReadBytes, t.DurationNs))
	}
	if t.HolePages > 0 {
		s.line("  %s %s of holes: left out", grouped(t.HolePages), pagesAre(t.HolePages, "is", "are"))
	}
	if t.StayedPages > 0 {
		s.line("  %s %s stayed (name a file to see why)", grouped(t.StayedPages), plural(t.StayedPages, "page"))
	}
	s.linksLeftOut(t.Links)
	if t.UnknownFiles > 0 {
		s.line("  %s", s.paint(inkGone, fmt.Sprintf("unknown of %s %s (needs owner or root)", grouped(t.UnknownFiles), plural(t.UnknownFiles, "file"))))
	}
	if fails > 0 {
		s.line("  %s failed", s.paint(inkDirty, grouped(fails)+" "+plural(fails, "file")))
	}
}

func (s *sheet) linksLeftOut(n int64) {
	if n > 0 {
		s.line("  %s more hard %s to the same: left out", grouped(n), plural(n, "link"))
	}
}

// errorOfUse is the first error of what was read and of a check, as one of the command
// line unless it is a failure.
func errorOfUse(err error, check func() error) error {
	if err == nil {
		err = check()
	}
	var failed failure
	if err == nil || errors.As(err, &failed) {
		return err
	}
	return &compare.UsageError{Err: err}
}

// steers makes a verb's RunE of its check and its work.
func steers(s *steering, work func(*cobra.Command) error) func(*cobra.Command, []string) error {
	return verb(func(c *cobra.Command, args []string) error {
		if err := errorOfUse(s.read(c, args), s.check); err != nil {
			return err
		}
		return work(c)
	})
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/internal/names"
	"github.com/filemap-go/filemap/pagecache"
)

func newSave() *cobra.Command {
	s := &steering{verb: "save"}
	var to string
	var partial bool
	c := &cobra.Command{
		Use:   "save FILE|DIR|GLOB... --to RECORD",
		Short: "Record which pages of files are in memory, for restore",
		Long: `save writes down which pages of each file are in memory, so that restore can bring
them back after a reboot or an eviction. The record has no contents of files. A file
with several hard links is recorded once.

It is lines of JSON, documented in docs/pages.md: filemap/warmset/v1. With --to - it
goes to standard output. A RECORD that is there is replaced when all is written, and
only by a whole one: it stays where no file, or not every file, could be recorded
(--partial takes what there is), and where it is none that save wrote. RECORD itself
is not recorded.

Exit status: 0 when every file was recorded, 1 when some could not be, 2 when the
command line makes no sense.`,
		Example: `  filemap save /var/lib/db --to /var/lib/warm.json
  filemap restore /var/lib/warm.json`,
		Args: s.args,
		RunE: steers(s, func(c *cobra.Command) error {
			if to == "" {
				return &compare.UsageError{Err: errors.New("--to is missing: name the file to write the record to, or - for standard output")}
			}
			return runSave(c, s, to, partial)
		}),
	}
	c.Flags().StringVar(&to, "to", "", "write the record to `RECORD`")
	c.Flags().BoolVar(&partial, "partial", false, "replace RECORD even where files could not be recorded")
	s.naming.define(c)
	s.define(c)
	return c
}

// saved is the document of save.
type saved struct {
	Schema string                 `json:"schema"`
	Record string                 `json:"record"`
	Raw    []byte                 `json:"record_base64,omitempty"` // where Record is no UTF-8
	Total  pagecache.WarmSetTotal `json:"total"`
	Links  int64                  `json:"hard_links"` // further names of these files, left out
	Failed []pagesFailure         `json:"failed"`
}

func runSave(c *cobra.Command, s *steering, to string, partial bool) error {
	told := c.OutOrStdout()
	d := saved{Schema: "filemap/save/v1", Record: to, Raw: names.Lossless(to), Failed: []pagesFailure{}}
	var fails int64
	var err error
	if to == "-" {
		told = c.ErrOrStderr()
		fails, err = recordAll(c, s, c.OutOrStdout(), nil, &d)
	} else {
		fails, err = recordTo(c, s, to, partial, &d)
	}
	if err != nil {
		return err
	}
	switch {
	case s.json && to != "-":
		err = writeJSON(told, d)
	case !s.quiet || to != "-":
		sheet := newSheet(textOptions(told))
		sheet.line("%s %s, %s pages in memory, recorded in %s", grouped(d.Total.Files), plural(d.Total.Files, "file"), grouped(d.Total.Pages), visible(to))
		err = sheet.flush(told)
	}
	return errors.Join(err, failedFiles(d.Failed, fails))
}

// recordTo writes the record to a file.
func recordTo(c *cobra.Command, s *steering, to string, partial bool, d *saved) (fails int64, err error) {
	file, err := newWholeFile("to", to)
	if err != nil {
		return 0, err
	}
	defer file.discard()
	if file.before != nil && file.before.Size() > 0 {
		if err := isRecord(file.target); err != nil {
			return 0, fmt.Errorf("--to %s is there, and is no record: name another (%w)", visible(to), err)
		}
	}
	err = file.finish(func(w io.Writer) error {
		if fails, err = recordAll(c, s, w, file, d); err != nil {
			return err
		}
		if fails > 0 && !partial && file.before != nil {
			return errors.Join(fmt.Errorf("%s stays as it was: not every file could be recorded (--partial replaces it all the same)", visible(to)),
				failedFiles(d.Failed, fails))
		}
		return nil
	})
	return fails, err
}

// isRecord looks at the head of a file.
func isRecord(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return pagecache.IsRecord(f)
}

// recordAll writes the record, of all files but the one that it goes to. It writes
// nothing where there is nothing to record.
func recordAll(c *cobra.Command, s *steering, out io.Writer, itself *wholeFile, d *saved) (fails int64, err error) {
	counter := newCounter(c.ErrOrStderr(), s.quiet)
	defer counter.end()
	record, err := pagecache.NewWarmSetWriter(out)
	if err != nil {
		return 0, err
	}
	ctx, files, recorded := c.Context(), int64(0), int64(0)
	err = s.selection.Walk(ctx, s.paths, func(path string, err error) error {
		if errors.Is(err, pagecache.ErrLink) {
			d.Links++
			return nil
		}
		if err == nil && itself != nil {
			if st, statErr := os.Stat(path); statErr == nil && itself.is(st) {
				return nil
			}
		}
		if err == nil {
			_, err = record.Add(ctx, path)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if fails++; len(d.Failed) < failuresKept {
				d.Failed = append(d.Failed, failureOf(path, err))
			}
		} else {
			recorded++
		}
		if files++; files%64 == 0 {
			counter.tell(grouped(files) + " files looked at")
		}
		return nil
	})
	if err == nil && recorded == 0 {
		err = errors.Join(errors.New("nothing was recorded, and no record is written"), failedFiles(d.Failed, fails))
	}
	if err != nil {
		return fails, err
	}
	d.Total, err = record.Close()
	return fails, err
}

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/pagecache"
)

func newSave() *cobra.Command {
	s := &steering{verb: "save"}
	var to string
	c := &cobra.Command{
		Use:   "save FILE|DIR|GLOB... --to RECORD",
		Short: "Record which pages of files are in memory, for restore",
		Long: `save writes down which pages of each file are in memory, so that restore can bring
them back after a reboot or an eviction. The record has no contents of files. A file
with several hard links is recorded once.

It is lines of JSON, documented in docs/pages.md: filemap/warmset/v1. With --to - it
goes to standard output. A RECORD that is there is replaced when all is written.

Exit status: 0 when every file was recorded, 1 when some could not be, 2 when the
command line makes no sense.`,
		Example: `  filemap save /var/lib/db --to /var/lib/warm.json
  filemap restore /var/lib/warm.json`,
		Args: cobra.MinimumNArgs(1),
		RunE: steers(s, func(c *cobra.Command) error {
			if to == "" {
				return &compare.UsageError{Err: errors.New("--to is missing: name the file to write the record to, or - for standard output")}
			}
			return runSave(c, s, to)
		}),
	}
	c.Flags().StringVar(&to, "to", "", "write the record to `RECORD`")
	s.define(c)
	return c
}

// saved is the document of save.
type saved struct {
	Schema string                 `json:"schema"`
	Record string                 `json:"record"`
	Total  pagecache.WarmSetTotal `json:"total"`
	Links  int64                  `json:"hard_links"` // further names of these files, left out
	Failed []pagesFailure         `json:"failed"`
}

func runSave(c *cobra.Command, s *steering, to string) error {
	out, told := c.OutOrStdout(), c.OutOrStdout()
	var part *os.File
	if to == "-" {
		told = c.ErrOrStderr()
	} else {
		if st, err := os.Stat(to); err == nil && !st.Mode().IsRegular() {
			return fmt.Errorf("--to %s is not a regular file: name another", to)
		}
		var err error
		if part, err = os.CreateTemp(filepath.Dir(to), "."+filepath.Base(to)+"."); err != nil {
			return fmt.Errorf("--to %s cannot be written: %w", to, err)
		}
		defer func() {
			_ = part.Close()
			_ = os.Remove(part.Name()) // what was not finished
		}()
		out = part
	}
	d := saved{Schema: "filemap/save/v1", Record: to, Failed: []pagesFailure{}}
	fails, err := recordAll(c, s, out, &d)
	if err == nil && part != nil {
		err = errors.Join(part.Sync(), part.Close(), os.Rename(part.Name(), to))
	}
	if err != nil {
		return err
	}
	switch {
	case s.json && to != "-":
		err = writeJSON(told, d)
	case !s.quiet || to != "-":
		_, err = fmt.Fprintf(told, "%s %s, %s pages in memory, recorded in %s\n", grouped(d.Total.Files), plural(d.Total.Files, "file"), grouped(d.Total.Pages), to)
	}
	return errors.Join(err, failedFiles(d.Failed, fails))
}

// recordAll writes the record.
func recordAll(c *cobra.Command, s *steering, out io.Writer, d *saved) (fails int64, err error) {
	counter := newCounter(c.ErrOrStderr(), s.quiet)
	defer counter.end()
	record, err := pagecache.NewWarmSetWriter(out)
	if err != nil {
		return 0, err
	}
	ctx, files := c.Context(), int64(0)
	err = pagecache.Walk(ctx, s.paths, func(path string, err error) error {
		if errors.Is(err, pagecache.ErrLink) {
			d.Links++
			return nil
		}
		if err == nil {
			_, err = record.Add(ctx, path)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if fails++; len(d.Failed) < failuresKept {
				d.Failed = append(d.Failed, pagesFailure{path, err.Error()})
			}
		}
		if files++; files%64 == 0 {
			counter.tell(grouped(files) + " files looked at")
		}
		return nil
	})
	if err != nil {
		return fails, err
	}
	d.Total, err = record.Close()
	return fails, err
}

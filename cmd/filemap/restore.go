package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/pagecache"
)

func newRestore() *cobra.Command {
	s := &steering{verb: "restore"}
	c := &cobra.Command{
		Use:   "restore RECORD",
		Short: "Load the pages that save recorded",
		Long: `restore loads exactly the pages that save found in memory, those that are not there
now, and measures. With - the record is read from standard input.

A file that is gone is told, and the others are restored. Of a file that has become
shorter what is left is loaded; one that was changed since is told, and loaded all
the same, since its hot places are likely to be the same.

Exit status: 0 when every file was restored, 1 when some could not be, 2 when the
command line makes no sense.`,
		Example: `  filemap restore /var/lib/warm.json
  filemap restore --rate 200MB /var/lib/warm.json`,
		Args: cobra.ExactArgs(1),
		RunE: steers(s, func(c *cobra.Command) error { return runRestore(c, s) }),
	}
	s.defineRate(c)
	s.define(c)
	return c
}

// restoredFile is a file in the document of restore.
type restoredFile struct {
	*pagecache.Result
	SavedPages int64 `json:"saved_pages"`
	LostPages  int64 `json:"lost_pages"` // beyond the end of the file by now
	Changed    bool  `json:"changed"`    // since it was saved
}

func openRecord(path string) (io.ReadCloser, error) {
	if path == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("the record cannot be read: %w", err)
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file: name a record that save wrote, or - for standard input", path)
	}
	return os.Open(path)
}

func runRestore(c *cobra.Command, s *steering) error {
	record, err := openRecord(s.paths[0])
	if err != nil {
		return err
	}
	defer record.Close()
	ctx, out, began := c.Context(), c.OutOrStdout(), time.Now()
	counter := newCounter(c.ErrOrStderr(), s.quiet)
	defer counter.end()
	d := newDocumentWriter(out, "filemap/restore/v1", "files")
	total, failed, fails := steered{}, []pagesFailure{}, int64(0)
	options := pagecache.RestoreOptions{BytesPerSecond: s.rateBytes, Progress: func(done, all int64) {
		counter.tell(fmt.Sprintf("%s of %s  file %s", bytesText(done), bytesText(all), grouped(total.Files+1)))
	}}
	_, err = pagecache.Restore(ctx, record, options, func(r pagecache.Restored) error {
		if r.Err != nil {
			if fails++; len(failed) < failuresKept {
				failed = append(failed, failureOf(r.Path, r.Err))
			}
			return nil
		}
		counter.end()
		total.add(r.Result)
		return s.reportRestored(d, out, r)
	})
	total.DurationNs = int64(time.Since(began))
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case err == nil, total.Files > 0:
		err = errors.Join(err, s.finish(d, out, &total, failed, fails))
	}
	return errors.Join(err, failedFiles(failed, fails))
}

// reportRestored tells about one file; what is not as it was is said beside it.
func (s *steering) reportRestored(d *documentWriter, out io.Writer, r pagecache.Restored) error {
	if s.json {
		return d.item(restoredFile{r.Result, r.SavedPages, r.LostPages, r.Changed})
	}
	if err := s.report(d, out, r.Result); err != nil || s.quiet {
		return err
	}
	sheet := newSheet(textOptions(out))
	if r.LostPages > 0 {
		sheet.line("  %s of the %s pages saved are beyond its end now", grouped(r.LostPages), grouped(r.SavedPages))
	} else if r.Changed {
		sheet.line("  it was changed since it was saved")
	}
	return sheet.flush(out)
}

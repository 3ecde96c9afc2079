package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/pagecache"
)

func newLock() *cobra.Command {
	s := &steering{verb: "lock"}
	var hold time.Duration
	c := &cobra.Command{
		Use:   "lock FILE|DIR|GLOB...",
		Short: "Keep files in memory until it ends",
		Long: `lock loads each file, locks it in memory, tells what is there, and waits. Nothing
evicts a locked page, and it counts as memory in use. The files are let go when lock
ends: by Ctrl-C, by systemd, or after --for. It ends with an error, holding nothing,
when one of the files cannot be held. The limits are asked before: ulimit -l, the
memory limit of the control group, the memory that is available.

The size is that of the start: what a file grows by later is not held.

Who is not root may lock no more than ulimit -l says. As a service:

  [Unit]
  Description=Keep the index in memory
  [Service]
  ExecStart=/usr/local/bin/filemap lock /var/lib/app/index.db
  LimitMEMLOCK=infinity
  Restart=on-failure
  [Install]
  WantedBy=multi-user.target

Exit status: 0 when it held everything and was asked to end, 1 when something could
not be held, 2 when the command line makes no sense.`,
		Example: `  filemap lock /var/lib/app/index.db
  filemap lock --range 0-64MiB --for 10m points.f32`,
		Args: s.args,
		RunE: steers(s, func(c *cobra.Command) error {
			switch {
			case len(s.extents) > 1:
				return &compare.UsageError{Err: errors.New("lock takes one --range")}
			case hold < 0 || c.Flags().Changed("for") && hold == 0:
				return &compare.UsageError{Err: errors.New("--for is how long, such as 10m")}
			}
			return runLock(c, s, hold)
		}),
	}
	s.defineRange(c, "hold these bytes only, such as 64MiB-128MiB or 1GiB-")
	c.Flags().DurationVar(&hold, "for", 0, "end after so long (default: when it is interrupted)")
	s.naming.define(c)
	s.define(c)
	return c
}

// mayLock asks for the room that all files take together, before one is locked. What
// cannot be looked at is found out when its turn comes.
func mayLock(ctx context.Context, s *steering, extent pagecache.Extent) error {
	bytes, files := int64(0), int64(0)
	err := s.selection.Walk(ctx, s.paths, func(path string, err error) error {
		st, statErr := os.Stat(path)
		if err != nil || statErr != nil || !st.Mode().IsRegular() {
			return nil
		}
		if n, err := extent.PageRange(st.Size()); err == nil && n > 0 {
			bytes, files = bytes+n, files+1
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := pagecache.MayLock(bytes, files); err != nil {
		return fmt.Errorf("lock: %w", err)
	}
	return nil
}

// runLock holds all files, or none.
func runLock(c *cobra.Command, s *steering, hold time.Duration) (err error) {
	var holds []*pagecache.Hold
	defer func() {
		for _, h := range holds {
			err = errors.Join(err, h.Close())
		}
	}()
	var extent pagecache.Extent
	if len(s.extents) == 1 {
		extent = s.extents[0]
	}
	if err := mayLock(c.Context(), s, extent); err != nil {
		return err
	}
	s.allOrNone = true
	s.work = func(ctx context.Context, path string, progress func(int64, int64)) (*pagecache.Result, error) {
		h, err := pagecache.Lock(ctx, path, extent, progress)
		if err != nil {
			return nil, err
		}
		holds = append(holds, h)
		return h.Measure(ctx)
	}
	if err := s.run(c); err != nil {
		return err
	}
	total := int64(0)
	for _, h := range holds {
		total += h.MemoryBytes()
	}
	if !s.quiet {
		fmt.Fprintf(c.ErrOrStderr(), "filemap: holding %s of memory, %s %s, until it is interrupted\n", bytesText(total), grouped(int64(len(holds))), plural(int64(len(holds)), "file"))
	}
	var after <-chan time.Time
	if hold > 0 {
		timer := time.NewTimer(hold)
		defer timer.Stop()
		after = timer.C
	}
	// An interrupt is how holding ends.
	select {
	case <-c.Context().Done():
	case <-after:
	}
	return nil
}

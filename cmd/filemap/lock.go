package main

import (
	"context"
	"errors"
	"fmt"
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
when one of the files cannot be held.

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
		Args: cobra.MinimumNArgs(1),
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
	s.define(c)
	return c
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
		total += h.Bytes()
	}
	if !s.quiet {
		fmt.Fprintf(c.ErrOrStderr(), "filemap: holding %s until it is interrupted\n", bytesText(total))
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

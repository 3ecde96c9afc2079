package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/pagecache"
)

func newEvict() *cobra.Command {
	s := &steering{verb: "evict"}
	var keepMapped bool
	c := &cobra.Command{
		Use:   "evict FILE|DIR|GLOB...",
		Short: "Drop files from memory, and say what stayed and why",
		Long: `evict drops the pages of each file from memory. No byte is lost: dirty pages are
written first. Pages that a process maps are paged out of it, which posix_fadvise
does not do: for other processes this takes root. The next access reads them back.

What stays, and why, is told: pages that several processes map, that are locked, or
that something keeps writing to.

Exit status: 0 when every file was worked on, even where pages stayed, 1 when some
could not be, 2 when the command line makes no sense.`,
		Example: `  filemap evict points.f32
  filemap evict --range 0-1GiB points.f32
  filemap evict --keep-mapped /var/lib/db`,
		Args: s.args,
		RunE: steers(s, func(c *cobra.Command) error {
			o := pagecache.EvictOptions{KeepMapped: keepMapped}
			if len(s.extents) > 1 {
				return &compare.UsageError{Err: errors.New("evict takes one --range")}
			}
			if len(s.extents) == 1 {
				o.Range = s.extents[0]
			}
			s.work = func(ctx context.Context, path string, progress func(int64, int64)) (*pagecache.Result, error) {
				page := pagecache.PageBytes()
				o.Progress = func(left, before int64) { progress((before-left)*page, before*page) }
				return pagecache.Evict(ctx, path, o)
			}
			return s.run(c)
		}),
	}
	s.defineRange(c, "drop these bytes only, such as 64MiB-128MiB or 1GiB-")
	c.Flags().BoolVar(&keepMapped, "keep-mapped", false, "leave alone what processes map")
	s.naming.define(c)
	s.define(c)
	return c
}

package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/pagecache"
)

func newWarm() *cobra.Command {
	s := &steering{verb: "warm"}
	c := &cobra.Command{
		Use:   "warm FILE|DIR|GLOB...",
		Short: "Load what is missing of files into memory",
		Long: `warm reads what is not in memory of each file, all of it: advice such as
fadvise(WILLNEED) is cut off at one readahead. What is in memory is not read again,
and the holes of sparse files are left out. Then it measures what is there.

With --range exactly these bytes are loaded, in the order of the flags, in single
pages. Without, the kernel reads ahead, in larger folios, which cost a mapping fewer
faults later.

Loading more than memory holds evicts other files, and the beginning of this one:
what is told at the end is what is left.

Exit status: 0 when every file was read, 1 when some could not be, 2 when the
command line makes no sense.`,
		Example: `  filemap warm points.f32
  filemap warm --range 1GiB-2GiB --range 0-64MiB points.f32
  filemap warm --rate 100MB /var/lib/db`,
		Args: s.args,
		RunE: steers(s, func(c *cobra.Command) error {
			s.work = func(ctx context.Context, path string, progress func(int64, int64)) (*pagecache.Result, error) {
				return pagecache.Warm(ctx, path, pagecache.WarmOptions{Ranges: s.extents, BytesPerSecond: s.rateBytes, Progress: progress})
			}
			return s.run(c)
		}),
	}
	s.defineRange(c, "load these bytes only, such as 64MiB-128MiB or 1GiB-; may be given more than once")
	s.defineRate(c)
	s.naming.define(c)
	s.define(c)
	return c
}

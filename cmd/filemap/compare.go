package main

import (
	"errors"
	"fmt"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
)

// compareFlags are the command line of "filemap compare".
type compareFlags struct {
	compare.Options
	pattern, size, block  string
	sweep, cold, warm     bool
	json, benchfmt, quiet bool
	htmlPath, svgPath     string
}

func newCompare() *cobra.Command {
	var f compareFlags
	c := &cobra.Command{
		Use:   "compare [FILE]",
		Short: "Compare read/write with mapping, and say which is faster here and why",
		Long: `compare does the same work on a file by read/write and by mapping, in every way
that makes sense, and says which is faster on this machine and why.

Without FILE it makes one of 10 000 integers, mmap_test, in a directory of its own
inside --dir, and removes it again. Each integer is read, incremented and written
back, as in the article that this project begins with.

FILE is opened for reading only and never changed: the pattern is then sum unless
another is chosen. Patterns that write need --write, and work on a copy. As root the
copy is written in the pieces, folios, that FILE lies in memory in, since these decide
how many faults a mapping takes; without root a warning says what may differ.

Every contender's result is checked: a wrong one is an error. Contenders take
turns in random order. Where the file is to be cold, it is evicted before each run
and looked at: a run that found it in memory does not count.

Exit status: 0 when the comparison was made, 1 when it could not be or a result
was wrong, 2 when the command line makes no sense.`,
		Example: `  filemap compare                                   the article's comparison
  filemap compare --sweep                           from which size on does mapping win?
  filemap compare --pattern random-read points.f32  random 8-byte reads of your file
  filemap compare --cold --size 64MB --html a.html  from the device, as a page with plots
  filemap compare --benchfmt | tee new.txt          for benchstat old.txt new.txt`,
		Args: cobra.MaximumNArgs(1),
		RunE: verb(func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.File = args[0]
			}
			if err := f.complete(c, len(args) == 1); err != nil {
				return &compare.UsageError{Err: err}
			}
			return runCompare(c, &f)
		}),
	}
	f.define(c)
	return c
}

func (f *compareFlags) define(c *cobra.Command) {
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.size, "size", "", "size of the file that is made, such as 40kB, 256MB or 1GiB (default 40kB)")
	flags.BoolVar(&f.sweep, "sweep", false, "compare at sizes from 40 kB to 256 MB, to find from which on mapping wins")
	flags.StringVar(&f.pattern, "pattern", "", "increment, sum, random-read or random-update (default increment; sum with FILE)")
	flags.StringVar(&f.block, "block", "8", "bytes that an operation of a random pattern touches")
	flags.IntVar(&f.Goroutines, "goroutines", 1, "how many share the work of a run")
	flags.BoolVar(&f.cold, "cold", false, "evict the file before each run, and check that it is out of memory")
	flags.BoolVar(&f.warm, "warm", false, "count only runs that found all of the file in memory")
	flags.BoolVar(&f.Durable, "durable", false, "include in each run the sync that makes its writes durable")
	flags.IntVar(&f.Runs, "runs", compare.DefaultRuns, "samples to take of each contender, at least")
	flags.DurationVar(&f.Time, "time", 0, fmt.Sprintf("how long to measure (default %v; %v for each size of a sweep)", compare.DefaultTime, compare.DefaultSizeTime))
	flags.StringVar(&f.Dir, "dir", "", "directory to make the file in (default: the working directory; beside FILE for a copy)")
	flags.BoolVar(&f.Write, "write", false, "with FILE: let a pattern that writes work on a copy of it")
	flags.Uint64Var(&f.Seed, "seed", 0, "of the order of runs and of random blocks (default: from the clock)")
	flags.BoolVar(&f.json, "json", false, "print one JSON document")
	flags.BoolVar(&f.benchfmt, "benchfmt", false, "print text that benchstat reads")
	flags.StringVar(&f.htmlPath, "html", "", "also write a self-contained page with plots to `FILE`")
	flags.StringVar(&f.svgPath, "svg", "", "also write a picture of the terminal's output to `FILE`")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print the verdict only, and no progress")
	c.MarkFlagsMutuallyExclusive("json", "benchfmt")
	c.MarkFlagsMutuallyExclusive("cold", "warm")
	c.MarkFlagsMutuallyExclusive("size", "sweep")
	_ = c.RegisterFlagCompletionFunc("pattern", completePattern)
}

func completePattern(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	names := make([]string, len(compare.Patterns))
	for i, p := range compare.Patterns {
		names[i] = string(p)
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// complete turns the text of flags into options.
func (f *compareFlags) complete(c *cobra.Command, withFile bool) error {
	if withFile && f.File == "" {
		return errors.New(`FILE is "": name a file, or none to have one made`)
	}
	if withFile && (f.size != "" || f.sweep) {
		return errors.New("--size and --sweep are about the file that is made: leave them or FILE out")
	}
	for _, needed := range []string{"pattern", "size", "dir", "html", "svg"} {
		if flag := c.Flags().Lookup(needed); flag.Changed && flag.Value.String() == "" {
			return fmt.Errorf("--%s is empty: give it a value or leave it out", needed)
		}
	}
	f.Pattern = compare.Pattern(f.pattern)
	if f.sweep {
		f.Sizes = compare.SweepSizes
	}
	if f.size != "" {
		size, err := parseBytes("size", f.size)
		if err != nil {
			return err
		}
		f.Sizes = []int64{size}
	}
	block, err := parseBytes("block", f.block)
	if err != nil {
		return err
	}
	f.BlockBytes = block
	switch {
	case f.Runs < 1:
		return fmt.Errorf("--runs %d will not do: 1 or more", f.Runs)
	case f.Goroutines < 1:
		return fmt.Errorf("--goroutines %d will not do: 1 or more", f.Goroutines)
	case c.Flags().Changed("time") && f.Time <= 0:
		return errors.New("--time must be longer than nothing, such as 10s")
	}
	f.State = f.state()
	return nil
}

func (f *compareFlags) state() compare.State {
	switch {
	case f.cold:
		return compare.Cold
	case f.warm:
		return compare.Warm
	}
	return compare.WarmIfItFits
}

// parseBytes reads "256MB" (powers of ten) and "256MiB" (powers of two).
func parseBytes(flag, text string) (int64, error) {
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > 1<<62 {
		return 0, fmt.Errorf("--%s %q is no size: write it as 40000, 40kB, 256MB or 1GiB", flag, text)
	}
	return int64(n), nil
}

func runCompare(c *cobra.Command, f *compareFlags) error {
	out, err := newOutputs(f)
	if err != nil {
		return err
	}
	defer out.discard()
	progress := newProgress(c.ErrOrStderr(), f.quiet)
	f.Progress = progress.tell
	report, err := compare.Run(c.Context(), f.Options)
	progress.end()
	if err != nil {
		return err
	}
	if err := out.write(c.OutOrStdout(), report); err != nil {
		return err
	}
	return report.Failed()
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/pager/policy"
	"github.com/filemap-go/filemap/pager/simulate"
)

// simulateFlags are the command line of "filemap simulate".
type simulateFlags struct {
	trace             string // "" to make one up
	input             simulate.Input
	generated         simulate.Generated
	policies, budgets []string
	json, binary      bool
	quiet             bool
	svgPath, savePath string
}

func newSimulate() *cobra.Command {
	var f simulateFlags
	c := &cobra.Command{
		Use:   "simulate [TRACE]",
		Short: "Run a trace of page accesses through every replacement policy",
		Long: `simulate plays a trace of page accesses on every replacement policy that the
pager has, at a dozen memory budgets, and prints how many accesses miss. OPT,
which knows the future, is the least that any policy can reach.

TRACE is a file, or - for standard input. As text it has a page number a line,
decimal or with 0x hexadecimal, or a range such as 100-199; what follows # is a
comment. As binary it is the line "filemap trace 1" and then for each access the
difference to the page before, as a signed varint. With --format it is one of
libCacheSim's: oracleGeneral, whose objects are taken for pages of one size, or CSV.
Without TRACE one is made up:

  zipf   hot and cold pages in no order, as skewed as --skew says
  scan   all pages in order, again and again
  loop   the same over a tenth of the pages
  mixed  zipf, with scans in between
  shift  zipf, but which pages are hot changes nine times

s3-fifo has a small queue of 10 %, takes two uses to leave it for the main one,
counts to 3, and remembers the names of 90 %; 2q has an A1in of 25 % and an A1out of
50 %. Both are those of libCacheSim's defaults, hit for hit from 20 pages on.

Exit status: 0 when it was done, 1 when not, 2 when the command line makes no
sense.`,
		Example: `  filemap simulate                               zipf: 1000000 accesses to 100000 pages
  filemap simulate --generate mixed --svg a.svg  with a picture of the curves
  filemap simulate --budgets 1000,10% a.trace    your trace, at two budgets
  filemap simulate --policies clock,sieve --json a.trace
  filemap simulate cloudPhysicsIO.oracleGeneral.bin
  filemap simulate --format csv --column lbn cloudPhysicsIO.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: verb(func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				f.trace = args[0]
			}
			if err := f.check(c, len(args) == 1); err != nil {
				return &compare.UsageError{Err: err}
			}
			return runSimulate(c, &f)
		}),
	}
	f.define(c)
	return c
}

func (f *simulateFlags) define(c *cobra.Command) {
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.input.Format, "format", "", "of TRACE: "+strings.Join(simulate.Formats(), ", ")+" (default: by its name, else pages)")
	flags.StringVar(&f.input.Column, "column", "", "of CSV: the name, or number from 1, of the column that names the page")
	flags.StringVar(&f.generated.Kind, "generate", "zipf", "make up a trace: "+strings.Join(simulate.Kinds(), ", "))
	flags.IntVar(&f.generated.Pages, "pages", 100_000, "of how many pages it is")
	flags.IntVar(&f.generated.Accesses, "accesses", 1_000_000, "how long it is")
	flags.Float64Var(&f.generated.Skew, "skew", 0.9, "of zipf: 0 is uniform")
	flags.Uint64Var(&f.generated.Seed, "seed", 1, "of its random numbers")
	flags.StringSliceVar(&f.policies, "policies", nil, "which to run: "+strings.Join(policy.Names(), ", ")+" (default all)")
	flags.StringSliceVar(&f.budgets, "budgets", nil, "pages, or a share such as 10%, of memory (default a dozen, 1% to 80%)")
	flags.BoolVar(&f.json, "json", false, "print one JSON document")
	flags.StringVar(&f.svgPath, "svg", "", "also draw the curves to `FILE`")
	flags.StringVar(&f.savePath, "save", "", "also write the trace to `FILE`")
	flags.BoolVar(&f.binary, "binary", false, "with --save: in the binary format")
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "print the verdict only, and no progress")
	c.MarkFlagsMutuallyExclusive("json", "quiet")
	complete := func(names []string) func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return names, cobra.ShellCompDirectiveNoFileComp
		}
	}
	_ = c.RegisterFlagCompletionFunc("format", complete(simulate.Formats()))
	_ = c.RegisterFlagCompletionFunc("generate", complete(simulate.Kinds()))
	_ = c.RegisterFlagCompletionFunc("policies", complete(policy.Names()))
}

// check finds what makes no sense before anything is read.
func (f *simulateFlags) check(c *cobra.Command, withTrace bool) error {
	if withTrace {
		if f.trace == "" {
			return errors.New(`TRACE is "": name a file, - for standard input, or none to have a trace made up`)
		}
		for _, name := range []string{"generate", "pages", "accesses", "skew", "seed"} {
			if c.Flags().Changed(name) {
				return fmt.Errorf("--%s is about a trace that is made up: leave it or TRACE out", name)
			}
		}
	} else if err := f.generated.Check(); err != nil {
		return err
	}
	if err := f.checkInput(c, withTrace); err != nil {
		return err
	}
	for _, name := range []string{"format", "column", "svg", "save"} {
		if flag := c.Flags().Lookup(name); flag.Changed && flag.Value.String() == "" {
			return fmt.Errorf("--%s is empty: give it a value or leave it out", name)
		}
	}
	if f.binary && f.savePath == "" {
		return errors.New("--binary is about --save: name a file with that too")
	}
	for _, name := range f.policies {
		if _, err := policy.New(name, 1); err != nil || name == "" {
			return fmt.Errorf("--policies: there is no %q: choose of %s", name, strings.Join(policy.Names(), ", "))
		}
	}
	_, err := f.budgetsOf(1)
	return err
}

// checkInput looks at --format and --column, and guesses the format that is not said.
func (f *simulateFlags) checkInput(c *cobra.Command, withTrace bool) error {
	for _, name := range []string{"format", "column"} {
		if c.Flags().Changed(name) && !withTrace {
			return fmt.Errorf("--%s is about TRACE: name a file with it", name)
		}
	}
	if f.input.Format == "" {
		f.input.Format = simulate.FormatOf(f.trace)
	}
	if !slices.Contains(simulate.Formats(), f.input.Format) {
		return fmt.Errorf("--format: there is no %q: choose one of %s", f.input.Format, strings.Join(simulate.Formats(), ", "))
	}
	if f.input.Column != "" && f.input.Format != simulate.FormatCSV {
		return errors.New("--column is about --format csv: leave it out")
	}
	return nil
}

// budgetsOf turns --budgets into pages, of a trace with so many.
func (f *simulateFlags) budgetsOf(distinct int) ([]int, error) {
	var budgets []int
	for _, text := range f.budgets {
		share, isShare := strings.CutSuffix(text, "%")
		percent, err := strconv.ParseFloat(share, 64)
		if isShare && err == nil && percent > 0 && percent <= 100 {
			budgets = append(budgets, max(int(percent*float64(distinct)/100), 1))
			continue
		}
		pages, err := strconv.Atoi(text)
		if isShare || err != nil || pages < 1 || pages > policy.MaxCapacity {
			return nil, fmt.Errorf("--budgets: %q is no budget: write pages, as 1000, or a share, as 10%%", text)
		}
		budgets = append(budgets, pages)
	}
	return budgets, nil
}

func runSimulate(c *cobra.Command, f *simulateFlags) error {
	if err := apart("save", f.savePath, "svg", f.svgPath); err != nil {
		return err
	}
	trace, source, err := f.read(c)
	if err != nil {
		return err
	}
	budgets, err := f.budgetsOf(len(trace.Names))
	if err != nil {
		return err
	}
	if f.savePath != "" {
		save := trace.WriteText
		if f.binary {
			save = trace.WriteBinary
		}
		if err := f.writeFile(c.Context(), "save", f.savePath, save); err != nil {
			return err
		}
	}
	progress := newProgress(c.ErrOrStderr(), f.quiet)
	report, err := simulate.Run(c.Context(), trace, simulate.Options{
		Source: source, Policies: f.policies, Budgets: budgets, Progress: progress.tell,
	})
	progress.end()
	if err != nil {
		return fmt.Errorf("%s: %w", source, err)
	}
	if err := f.print(c.OutOrStdout(), report); err != nil {
		return fmt.Errorf("the report cannot be printed: %w", err)
	}
	if f.svgPath == "" {
		return nil
	}
	return f.writeFile(c.Context(), "svg", f.svgPath, func(w io.Writer) error { return simulate.WriteSVG(w, report) })
}

// read gets the trace, and says in words which it is.
func (f *simulateFlags) read(c *cobra.Command) (*simulate.Trace, string, error) {
	if f.trace == "" {
		trace, err := simulate.Generate(f.generated)
		source := f.generated.Kind
		if source == "zipf" || source == "mixed" || source == "shift" {
			source += fmt.Sprintf(" (skew %g)", f.generated.Skew)
		}
		return trace, source, err
	}
	in, name := c.InOrStdin(), "standard input"
	if f.trace != "-" {
		file, err := os.Open(f.trace)
		if err != nil {
			return nil, "", err
		}
		defer file.Close()
		in, name = file, f.trace
	}
	trace, err := f.input.Read(in)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", name, err)
	}
	return trace, filepath.Base(name), nil
}

func (f *simulateFlags) print(w io.Writer, r *simulate.Report) error {
	switch {
	case f.json:
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	case f.quiet:
		_, err := fmt.Fprintln(w, r.Sentence())
		return err
	}
	return printText(w, func(w io.Writer) error { return simulate.WriteText(w, r) })
}

// writeFile writes a whole file or none, and never TRACE itself.
func (f *simulateFlags) writeFile(ctx context.Context, flag, path string, write func(io.Writer) error) error {
	var others []string
	if f.trace != "" {
		others = append(others, f.trace)
	}
	file, err := newWholeFile(flag, path, others...)
	if err != nil {
		return err
	}
	defer file.discard()
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := file.finish(write); err != nil {
		return fmt.Errorf("%s cannot be written: %w", path, err)
	}
	return nil
}

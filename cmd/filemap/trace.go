package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/filemap-go/filemap/observe"
	"github.com/filemap-go/filemap/observe/export"
)

// traceFlags are the command line of "filemap trace".
type traceFlags struct {
	observe.Options
	pattern, limit, html string
	json, all            bool
	pid                  int
	duration             time.Duration
}

func newTrace() *cobra.Command {
	var f traceFlags
	c := &cobra.Command{
		Use:   "trace FILE | trace -- COMMAND [ARG…] | trace --pid PID",
		Short: "Show what happens between mmap() and the first byte, and after it",
		Long: `trace maps FILE, touches its pages by a pattern, and shows every step from the system
call to the byte and back, by the four processes of paging: a region is made,
addresses are translated, missing pages are brought in, pages leave.

It first reads FILE, then stores: to a file of the same size beside it, which it
makes and removes, so that FILE stays as it is. It then syncs, and stores again.

As root it sees all of it: the page cache, readahead, the block device, reclaim.
Without privilege it sees every fault with its address, its begin and its end, and
which pages are mapped, cached and dirty. The header says which, and what is missing.

--memory-limit maps FILE privately and lets the changed pages have only so much
memory: they go to swap and come back. That needs root: a memory control group and
a swap file are made, and taken down. Where readahead alone could fill the limit
--advise random is what is done without other advice.

With -- COMMAND it runs a program instead, and attributes the faults of it and its
children to files and offsets: how many, how slow, in which order, what was read for
them and by read(2), and what would help. The report goes to standard error; with
--json it goes to standard output and the program's own output to standard error.
With --pid it listens to a process that is running, and the report goes to standard
output.

Ctrl-C, or another signal that asks for the end, ends the trace, and the report is
printed. A program of COMMAND gets the signal too; if it goes on, SIGTERM after five
seconds or at the next Ctrl-C, and SIGKILL five seconds later. --duration ends the
trace by itself: COMMAND then gets SIGTERM, and SIGKILL five seconds later. A process
of --pid is left alone. A long trace keeps a sample of the events; the totals count
all.

Whatever trace mounts, makes and limits is undone at its end, whichever signal ends
it; what a killed run has left is undone by the next run of any verb, and COMMAND goes on.

Exit status: 0 when the trace was made, 1 when it could not be, 2 when the command
line makes no sense. With COMMAND it is the program's own, 128 and its number if a
signal ended it; 127 if there is no such program, 126 if it cannot be started; 0 after
--duration.`,
		Example: `  filemap trace --cold points.f32                what a cold start costs
  sudo filemap trace --cold points.f32           and why
  filemap trace --cold --pattern random --pages 100 --advise random points.f32
  sudo filemap trace --memory-limit 8MiB big.bin swap-out and swap-in, of pages made private
  filemap trace -- sqlite3 my.db 'select count(*) from t'
  sudo filemap trace --pid 4711 --duration 10s   what a server does meanwhile`,
		RunE: verb(func(c *cobra.Command, args []string) error {
			if c.ArgsLenAtDash() == 0 && len(args) > 0 {
				return runCommand(c, &f, args)
			}
			if c.Flags().Changed("pid") {
				return runCommand(c, &f, args)
			}
			if len(args) != 1 {
				return wrongUse{errors.New("name one FILE, or a program after --, or a process by --pid")}
			}
			if c.Flags().Changed("duration") {
				return wrongUse{errors.New("--duration: about a program or process, not about a FILE")}
			}
			f.Path = args[0]
			if err := f.complete(c); err != nil {
				return wrongUse{err}
			}
			return runTrace(c, &f)
		}),
	}
	f.define(c)
	return c
}

func (f *traceFlags) define(c *cobra.Command) {
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.pattern, "pattern", string(observe.Sequential), "order of the pages: sequential, backward, random or stride")
	flags.IntVar(&f.Touches, "pages", 0, fmt.Sprintf("how many pages to touch (default %d; with --memory-limit half as much again as fits)", observe.DefaultTouches))
	flags.Uint64Var(&f.Seed, "seed", 0, "of the random pattern")
	flags.StringVar(&f.Advice, "advise", "", "give advice after mapping: normal, random, sequential, willneed or populate-read")
	flags.BoolVar(&f.Cold, "cold", false, "evict FILE before")
	flags.BoolVar(&f.NoWrite, "no-write", false, "leave the stores out")
	flags.BoolVar(&f.InPlace, "write", false, "store to FILE itself, the bytes that are there; its time of change changes")
	flags.BoolVar(&f.Private, "private", false, "map privately, so that a store makes a private copy of its page")
	flags.StringVar(&f.limit, "memory-limit", "", "let private pages have so much memory, such as 8MiB, and swap the rest (root)")
	flags.StringVar(&f.Dir, "dir", "", "directory for the file that takes the stores (default: beside FILE)")
	flags.StringVar(&f.SwapDir, "swap-dir", "", "directory for the swap file (default: --dir)")
	flags.StringVar(&f.Tier, "tier", "", "use no better sources than: root, user or counters (default: the best)")
	flags.IntVar(&f.pid, "pid", 0, "listen to the process `PID`, instead of touching a FILE or running a program")
	flags.DurationVar(&f.duration, "duration", 0, "end the trace of a program or process after so long, such as 10s")
	flags.BoolVar(&f.all, "all", false, "print every event, not only the first of those that are alike")
	flags.BoolVar(&f.json, "json", false, "print one JSON document")
	flags.StringVar(&f.html, "html", "", "also write an interactive page, which is stepped event by event, to `FILE`")
	complete := func(flag string, values []string) {
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
	complete("pattern", patternNames())
	complete("advise", observe.Advices)
	complete("tier", []string{observe.TierRoot, observe.TierUser, observe.TierCounters})
}

func patternNames() []string {
	var names []string
	for _, p := range observe.Patterns {
		names = append(names, string(p))
	}
	return names
}

// complete turns the text of flags into options.
func (f *traceFlags) complete(c *cobra.Command) error {
	if f.Path == "" {
		return errors.New(`FILE is "": name a file`)
	}
	for _, needed := range []string{"pattern", "advise", "memory-limit", "dir", "swap-dir", "tier", "html"} {
		if flag := c.Flags().Lookup(needed); flag.Changed && flag.Value.String() == "" {
			return fmt.Errorf("--%s is empty: give it a value or leave it out", needed)
		}
	}
	if c.Flags().Changed("pages") && f.Touches < 1 {
		return fmt.Errorf("--pages %d will not do: 1 or more", f.Touches)
	}
	f.Pattern = observe.Pattern(f.pattern)
	if f.limit != "" {
		n, err := humanize.ParseBytes(f.limit)
		if err != nil || n == 0 || n > 1<<62 {
			return fmt.Errorf("--memory-limit %q is no size: write it as 8MiB", f.limit)
		}
		f.MemoryLimit = int64(n)
	}
	return nil
}

func runTrace(c *cobra.Command, f *traceFlags) error {
	page, err := f.page(f.Path)
	if err != nil {
		return err
	}
	defer page.discard()
	doc, err := observe.Trace(c.Context(), f.Options)
	if errors.Is(err, observe.ErrOption) {
		return wrongUse{err}
	}
	if doc == nil {
		return err
	}
	return errors.Join(printTrace(c.OutOrStdout(), doc, f, page), err)
}

// runCommand traces a program. What goes with a FILE does not go with it.
func runCommand(c *cobra.Command, f *traceFlags, argv []string) error {
	var wrong []string
	c.Flags().Visit(func(flag *pflag.Flag) {
		switch flag.Name {
		case "tier", "json", "all", "html", "pid", "duration":
		default:
			wrong = append(wrong, "--"+flag.Name)
		}
	})
	if len(wrong) > 0 {
		return wrongUse{fmt.Errorf("%s: about a FILE, not about a program", strings.Join(wrong, ", "))}
	}
	switch {
	case c.Flags().Changed("pid") && len(argv) > 0:
		return wrongUse{errors.New("--pid names a process that is running: leave it or the program out")}
	case c.Flags().Changed("pid") && f.pid <= 0:
		return wrongUse{fmt.Errorf("--pid %d is no process", f.pid)}
	case c.Flags().Changed("duration") && f.duration <= 0:
		return wrongUse{errors.New("--duration must be longer than nothing, such as 10s")}
	}
	o := observe.CommandOptions{
		Argv: argv, PID: f.pid, Duration: f.duration, Tier: f.Tier,
		Stdin: os.Stdin, Stdout: c.OutOrStdout(), Stderr: c.ErrOrStderr(),
	}
	report := c.ErrOrStderr()
	if f.json || f.pid > 0 {
		o.Stdout, report = c.ErrOrStderr(), c.OutOrStdout()
	}
	page, err := f.page()
	if err != nil {
		return err
	}
	defer page.discard()
	doc, err := observe.Command(c.Context(), o)
	switch {
	case errors.Is(err, observe.ErrNoProgram):
		return programStatus{exitNoProgram, err}
	case errors.Is(err, observe.ErrCannotStart):
		return programStatus{exitCannotStart, err}
	case doc == nil:
		return err
	}
	if err := errors.Join(printTrace(report, doc, f, page), err); err != nil {
		return err
	}
	if s := &doc.Summary; s.ExitCode != nil && *s.ExitCode != 0 && s.EndedBy != observe.EndedByDuration {
		return programStatus{status: *s.ExitCode}
	}
	return nil
}

// Exit statuses that stand for a program's own, as shells have them.
const (
	exitCannotStart = 126
	exitNoProgram   = 127
)

// page begins the page that was asked for, nil for none.
func (f *traceFlags) page(others ...string) (*wholeFile, error) {
	if f.html == "" {
		return nil, nil
	}
	return newWholeFile("html", f.html, others...)
}

func printTrace(w io.Writer, doc *observe.Document, f *traceFlags, page *wholeFile) error {
	var err error
	if f.json {
		err = export.JSON(w, doc)
	} else {
		o := textOptions(w)
		err = printText(w, func(w io.Writer) error {
			return export.Text(w, doc, export.TextOptions{Color: o.Color, Width: o.Width, All: f.all})
		})
	}
	if err != nil { // the terminal may be gone; the page is written all the same
		err = fmt.Errorf("the trace cannot be printed: %w", err)
	}
	if page == nil {
		return err
	}
	if pageErr := page.finish(func(w io.Writer) error { return export.HTML(w, doc) }); pageErr != nil {
		err = errors.Join(err, fmt.Errorf("%s cannot be written: %w", visible(f.html), pageErr))
	}
	return err
}

// wrongUse marks an error of the command line.
type wrongUse struct{ error }

func (w wrongUse) Unwrap() error { return w.error }

// traceChild does the work of a trace in a process of its own.
func traceChild() {
	if observe.IsChild() {
		os.Exit(observe.ChildMain())
	}
}

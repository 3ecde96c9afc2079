package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/internal/sys"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1 // it could not be done, or the result is wrong
	exitUsage   = 2 // the command line makes no sense
)

func main() {
	traceChild()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run carries out a command line and returns the exit status. The first
// interrupt ends it in good order, which removes every file that it made; the
// second ends it at once.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, sys.Terminate)
	defer stop()
	context.AfterFunc(ctx, stop)
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, context.Canceled) {
		err = failure{errors.New("interrupted")}
	}
	fmt.Fprintln(stderr, "filemap:", err)
	if isUsage(err) {
		fmt.Fprintln(stderr, "Try 'filemap help'.")
		return exitUsage
	}
	return exitFailure
}

// failure marks what went wrong while a verb was at work. Every other error is
// one of the command line: cobra's own have no type.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

func isUsage(err error) bool {
	var wrong *compare.UsageError
	var wrongly wrongUse
	if errors.As(err, &wrong) || errors.As(err, &wrongly) {
		return true
	}
	var failed failure
	return !errors.As(err, &failed)
}

// verb makes a verb's function tell its own failures from usage errors.
func verb(work func(*cobra.Command, []string) error) func(*cobra.Command, []string) error {
	return func(c *cobra.Command, args []string) error {
		if err := work(c, args); err != nil {
			return failure{err}
		}
		return nil
	}
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "filemap",
		Short: "Files as memory: compare mapping with read/write, and see why",
		Long: `filemap shows what mapping a file into memory costs and saves.

Start with "filemap compare": it makes a file of 10 000 integers, adds 1 to each
by read/write and by mapping in every way that makes sense, checks each result,
and says which is faster here and why. "filemap trace FILE" shows what happens on
the way from mmap() to the first byte, "filemap pages FILE" which pages are in
memory, and "filemap doctor" what this machine lets you do.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		// A verb must be named: without one the help is what is wanted.
		RunE: func(c *cobra.Command, args []string) error { return c.Help() },
		Args: cobra.NoArgs,
	}
	root.AddCommand(newCompare(), newPages(), newWarm(), newEvict(), newLock(), newSave(), newRestore(), newDoctor(), newTrace(), newSimulate(), newVersion(), newMan())
	return root
}

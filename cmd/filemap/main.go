package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/internal/interrupt"
	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
)

// Exit statuses.
const (
	exitOK      = 0
	exitFailure = 1 // it could not be done, or the result is wrong
	exitUsage   = 2 // the command line makes no sense
)

func main() {
	traceChild()
	status, ended := run(os.Args[1:], os.Stdout, os.Stderr)
	if ended != nil {
		sys.EndBy(ended)
	}
	os.Exit(status)
}

// run carries out a command line and returns the exit status, and the signal that
// ended it, if one did. The first signal ends it in good order, which removes every
// file that it made; the second ends it at once.
func run(args []string, stdout, stderr io.Writer) (status int, ended os.Signal) {
	ctx, stop := interrupt.Context(context.Background())
	defer stop()
	for _, left := range undo.CleanUp().Stays {
		complain(stderr, fmt.Errorf("a run that was killed has left something: %v", left), false)
	}
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var theirs programStatus
	switch {
	case err == nil:
		return exitOK, nil
	case sys.BrokenPipe(err): // nobody reads any more, and knows why
		return sys.PipeStatus, nil
	case errors.As(err, &theirs) && theirs.err == nil:
		return theirs.status, nil
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "filemap: interrupted")
		if ended = interrupt.Cause(ctx); ended == nil {
			return exitFailure, nil
		}
		return sys.SignalStatus(ended), ended
	}
	if theirs.err != nil {
		complain(stderr, err, false)
		return theirs.status, nil
	}
	complain(stderr, err, isUsage(err))
	if isUsage(err) {
		return exitUsage, nil
	}
	return exitFailure, nil
}

// programStatus is the exit status of a program that a verb ran, to be passed on; or
// what stands for it where the program could not be run, and why.
type programStatus struct {
	status int
	err    error
}

func (p programStatus) Error() string {
	if p.err == nil {
		return fmt.Sprintf("the program's exit status is %d", p.status)
	}
	return p.err.Error()
}

func (p programStatus) Unwrap() error { return p.err }

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
		Use:   "filemap VERB",
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
		RunE:    func(c *cobra.Command, args []string) error { return c.Help() },
		Args:    unknownVerb,
		Version: thisVersion().String(),
	}
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetHelpFunc(showHelp)
	root.SetHelpCommand(newHelp())
	root.AddCommand(newCompare(), newPages(), newWarm(), newEvict(), newLock(), newSave(), newRestore(), newDoctor(), newTrace(), newSimulate(), newVersion(), newMan())
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	if completion, _, err := root.Find([]string{"completion"}); err == nil && completion != root {
		shells(completion)
	}
	plainSpoken(root)
	return root
}

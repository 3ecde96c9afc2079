// Command bench compares filemap with its peers: the same work, side by side, in
// one run, every result checked.
//
//	go -C bench run . -list
//	go -C bench run . NAME [-json] [-runs N] [-time D] [-dir DIR] [-case REGEXP]
//
// README.md says how to read the results and how to add a comparison.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/filemap-go/filemap/bench/comparison"
	"github.com/filemap-go/filemap/bench/harness"
)

const (
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	all := comparison.All()
	harness.Child(all) // does not return in a contender's own process
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := bench(ctx, all, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	var usage *usageError
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(exitUsage)
	default:
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(exitFailed)
	}
}

// usageError is a mistake on the command line.
type usageError struct{ error }

// command is what the command line asks for.
type command struct {
	list     bool
	name     string
	json     bool
	cases    *regexp.Regexp
	settings harness.Settings
}

func bench(ctx context.Context, all []*harness.Comparison, args []string, out, progress io.Writer) error {
	c, err := parse(args, progress)
	if err != nil {
		return err
	}
	if c.list {
		for _, known := range all {
			fmt.Fprintf(out, "%-14s %s\n", known.Name, known.About)
		}
		return nil
	}
	for _, known := range all {
		if known.Name == c.name {
			return c.run(ctx, known, out)
		}
	}
	return &usageError{fmt.Errorf("no comparison %q: -list has those there are", c.name)}
}

// parse reads flags before and after the comparison's name.
func parse(args []string, progress io.Writer) (*command, error) {
	c := &command{}
	pattern := ""
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(progress)
	flags.Usage = func() {
		fmt.Fprintf(progress, "usage: bench -list\n       bench NAME [flags]\n\n")
		flags.PrintDefaults()
	}
	flags.BoolVar(&c.list, "list", false, "list the comparisons")
	flags.BoolVar(&c.json, "json", false, "one JSON document a case, each on a line of its own")
	flags.IntVar(&c.settings.Runs, "runs", 11, "rounds of each case, at `least`")
	flags.DurationVar(&c.settings.Time, "time", 3*time.Second, "add rounds to a case until it has taken this `long`")
	flags.StringVar(&c.settings.Dir, "dir", os.TempDir(), "make the files in this `directory`, and remove them")
	flags.StringVar(&pattern, "case", "", "only the cases whose name matches the regular `expression`")
	var names []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, &usageError{err}
		}
		args = flags.Args()
		if len(args) > 0 {
			names, args = append(names, args[0]), args[1:]
		}
	}
	var err error
	switch c.cases, err = regexp.Compile(pattern); {
	case err != nil:
		return nil, &usageError{err}
	case c.settings.Runs < 1 || c.settings.Time < 0:
		return nil, &usageError{errors.New("-runs must be at least 1, -time not negative")}
	case c.list && len(names) == 0:
		return c, nil
	case c.list || len(names) != 1:
		return nil, &usageError{errors.New("say one comparison, or -list")}
	}
	c.name = names[0]
	c.settings.Progress = progressOn(progress)
	c.settings.Warn = func(text string) { fmt.Fprintf(progress, "bench: warning: %s\n", text) }
	return c, nil
}

func (c *command) run(ctx context.Context, what *harness.Comparison, out io.Writer) error {
	var documents []*harness.Document
	for i := range what.Cases {
		if !c.cases.MatchString(what.Cases[i].Name) {
			continue
		}
		document, err := harness.Run(ctx, what, &what.Cases[i], c.settings)
		if err != nil {
			return err
		}
		if err := c.print(document, out); err != nil {
			return err
		}
		documents = append(documents, document)
	}
	switch {
	case len(documents) == 0:
		return &usageError{fmt.Errorf("%s has no case that matches %q", what.Name, c.cases)}
	case what.Summary != nil && !c.json:
		return what.Summary(out, documents)
	}
	return nil
}

func (c *command) print(d *harness.Document, out io.Writer) error {
	if !c.json {
		return d.Table(out)
	}
	line, err := d.JSON()
	if err == nil {
		_, err = fmt.Fprintf(out, "%s\n", line)
	}
	return err
}

// progressOn shows what is being done on one line of a terminal, nothing elsewhere.
func progressOn(w io.Writer) func(string) {
	f, ok := w.(*os.File)
	if !ok {
		return nil
	}
	st, err := f.Stat()
	if err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return nil
	}
	return func(text string) { fmt.Fprintf(w, "\r%s\r%s", strings.Repeat(" ", 72), text) }
}

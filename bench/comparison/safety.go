package comparison

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// safety is what a user gets when something goes wrong with the file or with the
// program: a matrix of mishaps (safety_cells.go) and libraries. Each cell runs in
// a process of its own, with a time limit, on files of its own.
//
// A cell's outcome is what a user would see:
//
//	error: …        the library returned an error, as a Go error
//	correct data    nothing was wrong with the data, and nothing was to report
//	wrong data: …   the call worked, and the bytes are not the file's
//	crash: …        the process ended: a signal, a fatal error, a panic
//	hang: …         no answer within the time limit
//	n.a.: …         the library has no such thing
//	failed: …       the mishap could not be brought about here; says nothing
//
// The value is 1 for the first two, 0 for the next three, null for the last two.
// Ratios of such values mean nothing, and are null.
func safety() *harness.Comparison {
	c := &harness.Comparison{
		Name:    "safety",
		About:   "what a truncated file, a failing disk, a full one, and use after Close come to: an error, wrong data, a crash",
		Summary: safetyMatrix,
	}
	for _, m := range mishaps() {
		k := harness.Case{
			Name: m.name, Unit: "safe", Better: harness.Higher, Ops: 1, Timeout: 30 * time.Second,
			Finish: judge,
		}
		for _, s := range contender.Subjects() {
			k.Contenders = append(k.Contenders, harness.Contender{
				Name: s.Name, Role: s.Role, Isolated: true,
				New: func(dir string) (*harness.Task, error) { return safetyTask(m, s, dir), nil },
			})
		}
		c.Cases = append(c.Cases, k)
	}
	return c
}

// mishap is a row of the matrix. happen brings it about to a mapping of the
// library, made in dir, and returns a returnedError for what the library said,
// nil where data was right, an error of [harness.Wrong] where it was not,
// errors.ErrUnsupported where the library does not go so far. Any other error
// says that the mishap did not come about.
type mishap struct {
	name   string
	happen func(s contender.Subject, dir string) error
}

func safetyTask(m mishap, s contender.Subject, dir string) *harness.Task {
	return &harness.Task{
		Measure: func(int) (float64, error) {
			own, err := os.MkdirTemp(dir, "cell-")
			if err != nil {
				return 0, err
			}
			return 1, withoutDirectories(m.happen(s, own))
		},
		Check: func(int) error { return nil }, // happen has checked
	}
}

// returnedMark is how the text of a library's error begins on its way from the
// cell's process to judge.
const returnedMark = "returned: "

// returnedError is an error that the library returned.
type returnedError struct{ err error }

func (e *returnedError) Error() string { return returnedMark + e.err.Error() }
func (e *returnedError) Unwrap() error { return e.err }

// returned wraps a library's error; nil stays nil.
func returned(err error) error {
	if err == nil {
		return nil
	}
	return &returnedError{err}
}

// opened tells apart that the library has no such thing from an error of it.
func opened(h *contender.Handle, err error) (*contender.Handle, error) {
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		err = fmt.Errorf("mapping: %w", err)
	}
	return h, err
}

var directories = regexp.MustCompile(`/\S*/`)

// withoutDirectories leaves a file's name of its path in what the library said:
// where a run has its files is nobody's business.
func withoutDirectories(err error) error {
	var said *returnedError
	if errors.As(err, &said) {
		return &returnedError{errors.New(directories.ReplaceAllString(said.err.Error(), ""))}
	}
	return err
}

// judge turns the outcomes of a race into those of the matrix.
func judge(d *harness.Document) {
	d.RatioToBestPeer, d.RatioToBestAlternative, d.RatioToLimit = nil, nil, nil
	for i := range d.Results {
		r := &d.Results[i]
		safe, unsafe := 1.0, 0.0
		r.Low, r.High, r.Median = nil, nil, nil
		kind, text, _ := strings.Cut(r.Outcome, ": ")
		said, isReturned := strings.CutPrefix(text, returnedMark)
		switch {
		case kind == "ok":
			r.Outcome, r.Median = "correct data", &safe
		case kind == "error" && isReturned:
			r.Outcome, r.Median, r.Runs = "error: "+said, &safe, r.Runs+1
		case kind == "error":
			r.Outcome = "failed: " + text
		case kind == "unsupported":
			r.Outcome = "n.a.: " + text
		default: // wrong data, crash, hang
			r.Median, r.Runs = &unsafe, r.Runs+1
		}
	}
}

// safetyMatrix prints the outcomes' first words, a row a mishap.
func safetyMatrix(w io.Writer, documents []*harness.Document) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, d := range documents {
		if i == 0 {
			fmt.Fprint(t, "safety")
			for _, r := range d.Results {
				fmt.Fprint(t, "\t"+r.Contender)
			}
			fmt.Fprintln(t)
		}
		fmt.Fprint(t, d.Case)
		for _, r := range d.Results {
			kind, _, _ := strings.Cut(r.Outcome, ":")
			fmt.Fprint(t, "\t"+kind)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

package harness

import (
	"errors"
	"fmt"
	"io"
	"time"
)

// Role is what a contender is to the library.
type Role string

// The roles. Ratios are made of Ours against the best of each of the others.
const (
	Ours        Role = "ours"        // filemap; the first of a case is what the ratios are about
	Peer        Role = "peer"        // another mapping or paging library
	Alternative Role = "alternative" // what a user would pick instead: os.File, a database
	Limit       Role = "limit"       // the raw system call, pointer or device
)

// Better says in which direction a value is better.
type Better string

// The directions.
const (
	Lower  Better = "lower"
	Higher Better = "higher"
)

// Comparison is one question that is put to several contenders.
type Comparison struct {
	Name  string
	About string // one line, for -list
	Cases []Case

	// Summary, if not nil, ends what is printed for readers with something about
	// all cases that ran.
	Summary func(w io.Writer, documents []*Document) error
}

// Case is a comparison at one size or setting.
type Case struct {
	Name   string
	Unit   string // of the values: "ns/op"
	Better Better

	// Prepare makes the files of the case in dir, once, in the parent.
	Prepare func(dir string) error

	Contenders []Contender

	// Ops fixes how many operations a run has; 0 finds it out, so that a run
	// takes about SampleTime.
	Ops int

	// Timeout is how long an isolated contender may take for one answer before
	// it counts as hanging; 0 is DefaultTimeout.
	Timeout time.Duration

	// Finish, if not nil, has the last word on the case's document.
	Finish func(d *Document)
}

// Contender is one way to do the work of a case.
type Contender struct {
	Name string
	Role Role

	// New opens what the contender works on. dir is where Prepare was.
	New func(dir string) (*Task, error)

	// Isolated runs it in a child process: for what may crash, hang, or needs a
	// runtime of its own.
	Isolated bool

	// Ops overrides the case's, for a contender that is orders of magnitude slower.
	Ops int
}

// Task is a contender that is ready to run. One of Run and Measure is set.
type Task struct {
	// Before gets things ready for a run of n operations, the clock not yet
	// started; nil if there is nothing to do.
	Before func(n int) error

	// Run does n operations. The harness takes the time of the whole and
	// reports nanoseconds for one.
	Run func(n int) error

	// Measure does n operations and returns the value that the case is about:
	// where that is not the time, or not the time of everything.
	Measure func(n int) (float64, error)

	// Check looks at what the run just done has left behind, the clock stopped.
	// Its error is the contender's outcome, "wrong data: …". Without a check no
	// contender gets into a ratio, so there is always one.
	Check func(n int) error

	// Close ends the task.
	Close func() error
}

// ErrWrong is the root of what [Wrong] makes.
var ErrWrong = errors.New("wrong data")

// Wrong is the error of a Check that found wrong data. A Run may return it too.
func Wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrWrong, fmt.Sprintf(format, args...))
}

// measure runs n operations and returns the value, unchecked.
func (t *Task) measure(n int) (float64, error) {
	if t.Measure != nil {
		return t.Measure(n)
	}
	begin := time.Now()
	err := t.Run(n)
	return float64(time.Since(begin).Nanoseconds()) / float64(n), err
}

// find returns the case and contender of that name.
func (c *Comparison) find(caseName, contender string) (*Case, *Contender, error) {
	for i := range c.Cases {
		for j := range c.Cases[i].Contenders {
			if c.Cases[i].Name == caseName && c.Cases[i].Contenders[j].Name == contender {
				return &c.Cases[i], &c.Cases[i].Contenders[j], nil
			}
		}
	}
	return nil, nil, fmt.Errorf("no contender %q in %s/%s", contender, c.Name, caseName)
}

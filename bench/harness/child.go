package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// An isolated contender runs in a child process of this binary. The parent
// writes one request a line, the child answers each with one line:
//
//	parent → child   {"ops":1024}
//	child → parent   {"value":12.5,"took_ns":12800}
//	child → parent   {"error":"wrong data: …","wrong":true}
//
// The first line of the child, before any request, says that the task is made.
// The end of its input ends it. When it ends by itself, that is a crash; when a
// line does not come in time, it hangs and is killed.

var (
	errCrash = errors.New("crash")
	errHang  = errors.New("hang")
)

// childVariable tells a process of this binary that it is a child, and which.
const childVariable = "FILEMAP_BENCH_CHILD"

type childSpec struct {
	Comparison string `json:"comparison"`
	Case       string `json:"case"`
	Contender  string `json:"contender"`
	Dir        string `json:"dir"`
}

type request struct {
	Ops int `json:"ops"`
}

type answer struct {
	sample
	Error       string `json:"error,omitempty"`
	Wrong       bool   `json:"wrong,omitempty"`
	Crash       bool   `json:"crash,omitempty"`
	Unsupported bool   `json:"unsupported,omitempty"`
}

// Child runs a contender and does not return when this process was started for
// that. Main, and TestMain of a test that isolates contenders, begin with it.
func Child(comparisons []*Comparison) {
	text, ok := os.LookupEnv(childVariable)
	if !ok {
		return
	}
	if err := child(comparisons, text, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child(comparisons []*Comparison, text string, in io.Reader, out io.Writer) error {
	var spec childSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	c, err := lookup(comparisons, spec.Comparison)
	if err != nil {
		return err
	}
	_, contender, err := c.find(spec.Case, spec.Contender)
	if err != nil {
		return err
	}
	requests, answers := json.NewDecoder(in), json.NewEncoder(out)
	task, newErr := newLocal(contender, spec.Dir)
	if err := answers.Encode(answerOf(sample{}, newErr)); err != nil || newErr != nil {
		return err
	}
	for {
		var r request
		if err := requests.Decode(&r); err != nil {
			return task.close()
		}
		s, err := task.run(r.Ops)
		if err := answers.Encode(answerOf(s, err)); err != nil {
			return err
		}
	}
}

func answerOf(s sample, err error) answer {
	a := answer{sample: s}
	if err != nil {
		a.Error = err.Error()
		a.Wrong = errors.Is(err, ErrWrong)
		a.Crash = errors.Is(err, errCrash)
		a.Unsupported = errors.Is(err, errors.ErrUnsupported)
	}
	return a
}

func (a *answer) err() error {
	switch {
	case a.Error == "":
		return nil
	case a.Wrong:
		return &remoteError{a.Error, ErrWrong}
	case a.Crash:
		return &remoteError{a.Error, errCrash}
	case a.Unsupported:
		return &remoteError{a.Error, errors.ErrUnsupported}
	}
	return errors.New(a.Error)
}

// remoteError is a child's error: its text, and what it is.
type remoteError struct {
	text string
	kind error
}

func (e *remoteError) Error() string { return e.text }
func (e *remoteError) Unwrap() error { return e.kind }

func lookup(comparisons []*Comparison, name string) (*Comparison, error) {
	for _, c := range comparisons {
		if c.Name == name {
			return c, nil
		}
	}
	return nil, fmt.Errorf("no comparison %q", name)
}

// childRunner is the parent's end.
type childRunner struct {
	command *exec.Cmd
	in      io.WriteCloser
	lines   chan []byte // closed when the child's output ends
	stderr  *head
	timeout time.Duration
	ended   bool
}

func startChild(ctx context.Context, c *Comparison, k *Case, contender *Contender, dir string) (*childRunner, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	spec, err := json.Marshal(childSpec{c.Name, k.Name, contender.Name, dir})
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(ctx, self)
	command.Env = append(os.Environ(), childVariable+"="+string(spec))
	command.WaitDelay = time.Second
	r := &childRunner{command: command, lines: make(chan []byte), stderr: &head{}, timeout: k.Timeout}
	if r.timeout == 0 {
		r.timeout = DefaultTimeout
	}
	command.Stderr = r.stderr
	if r.in, err = command.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := command.Start(); err != nil {
		return nil, err
	}
	go r.readLines(out)
	if _, err := r.receive(); err != nil {
		_ = r.close() // err is why
		return nil, err
	}
	return r, nil
}

func (r *childRunner) readLines(out io.Reader) {
	defer close(r.lines)
	for s := bufio.NewScanner(out); s.Scan(); {
		r.lines <- []byte(s.Text())
	}
}

func (r *childRunner) run(n int) (sample, error) {
	// When the child has gone, the answer that does not come says so.
	_ = json.NewEncoder(r.in).Encode(request{n})
	return r.receive()
}

func (r *childRunner) receive() (sample, error) {
	select {
	case line, ok := <-r.lines:
		if !ok {
			return sample{}, r.crashed()
		}
		var a answer
		if err := json.Unmarshal(line, &a); err != nil {
			return sample{}, fmt.Errorf("child printed %q", line)
		}
		return a.sample, a.err()
	case <-time.After(r.timeout):
		r.end()
		return sample{}, fmt.Errorf("%w: no answer in %v", errHang, r.timeout)
	}
}

// crashed waits for the child, which has closed its output, and says how it ended.
func (r *childRunner) crashed() error {
	r.ended = true
	err := r.command.Wait()
	reason := r.stderr.reason()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		if status, ok := exit.Sys().(syscall.WaitStatus); ok && status.Signaled() {
			return fmt.Errorf("%w: %v", errCrash, status.Signal())
		}
	}
	switch {
	case reason != "":
		return fmt.Errorf("%w: %s", errCrash, reason)
	case err != nil:
		return fmt.Errorf("%w: %w", errCrash, err)
	}
	return fmt.Errorf("%w: ended without an answer", errCrash)
}

// end kills the child and waits for it.
func (r *childRunner) end() {
	if r.ended {
		return
	}
	r.ended = true
	_ = r.command.Process.Kill() // it may have gone by itself
	for range r.lines {          // the reader ends with the child's output
	}
	_ = r.command.Wait() // killed
}

// close lets the child end by itself, and kills it when it does not.
func (r *childRunner) close() error {
	if r.ended {
		return nil
	}
	_ = r.in.Close()
	select {
	case <-r.lines:
	case <-time.After(min(r.timeout, 10*time.Second)):
	}
	r.end()
	return nil
}

// head keeps the first bytes written to it: where the Go runtime says why it dies.
type head struct {
	mu   sync.Mutex
	text []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.text = append(h.text, p[:min(len(p), 8<<10-len(h.text))]...)
	return len(p), nil
}

// reason picks the line that names the signal, else the first that says anything.
func (h *head) reason() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	lines := strings.Split(string(h.text), "\n")
	for _, line := range lines {
		if signal, ok := strings.CutPrefix(line, "[signal "); ok {
			name, _, _ := strings.Cut(signal, ":")
			name, _, _ = strings.Cut(name, " ")
			return name
		}
	}
	for _, prefix := range []string{"fatal error: ", "panic: "} {
		for _, line := range lines {
			if strings.HasPrefix(line, prefix) {
				return line
			}
		}
	}
	return strings.TrimSpace(lines[0])
}

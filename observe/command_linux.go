package observe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/filemap-go/filemap/internal/interrupt"
	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
)

// commandPoints are what a command's trace adds as root: what its tasks read. They are
// chosen by set_event_pid, which follows their children.
var commandPoints = []wanted{
	{"filemap/mm_filemap_add_to_page_cache", ""},
	{"filemap/mm_filemap_get_pages", ""},
}

// Command runs a program, or attaches to a process that is running, and attributes its
// faults and those of its children to files and offsets. The program's own failure is
// no error: how it ended is in the summary.
//
// When ctx ends the trace does, and there is a document. A program that was started is
// told: by the signal that is the cause of ctx's end, unless a terminal has told it
// already; where it goes on, five seconds later by SIGTERM, and five later it is
// killed. An attached process is left alone.
//
// A program that there is not is [ErrNoProgram], one that cannot be started
// [ErrCannotStart].
func Command(ctx context.Context, o CommandOptions) (*Document, error) {
	name := "command"
	switch {
	case len(o.Argv) > 0:
		name = o.Argv[0]
	case o.PID != 0:
		name = fmt.Sprintf("process %d", o.PID)
	}
	fail := func(err error) (*Document, error) { return nil, &Error{Op: "run", Path: name, Err: err} }
	if len(o.Argv) > 0 && o.Argv[0] == "" {
		return fail(fmt.Errorf("the program's name is empty: %w", ErrNoProgram))
	}
	if (len(o.Argv) == 0) == (o.PID <= 0) {
		return fail(fmt.Errorf("%w: name a program, or the number of a process", ErrOption))
	}
	if o.Proc == "" {
		o.Proc = "/proc"
	}
	if o.Sys == "" {
		o.Sys = "/sys"
	}
	r := &running{session: session{tier: o.Tier, proc: o.Proc, sys: o.Sys}, byNumber: o.Proc, o: &o}
	r.doc = &Document{
		Schema: Schema, Missing: []string{}, Sources: []string{},
		Files: []File{}, Snapshots: []Snapshot{}, Regions: []Region{},
	}
	work := r.attach
	if o.PID == 0 {
		path, err := exec.LookPath(o.Argv[0])
		if err != nil {
			return fail(lookError(err))
		}
		r.path, r.doc.Command, work = path, o.Argv, r.run
	}
	undo.CleanUp()
	err := work(ctx)
	if r.tells != nil {
		_ = r.tells.Close()
	}
	endErr := r.end()
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return fail(err)
	}
	if endErr != nil {
		_, err = fail(notUndone(endErr))
	}
	r.doc.keepBytes()
	return r.doc, err
}

// lookError tells a program that there is not from one that cannot be run.
func lookError(err error) error {
	var looking *exec.Error
	if errors.As(err, &looking) {
		err = looking.Err
	}
	err = cause(err)
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return because(ErrNoProgram, err)
	}
	return because(ErrCannotStart, err)
}

// running is a session that follows a program.
type running struct {
	session
	o        *CommandOptions
	byNumber string // like proc, of which processes are found by their numbers
	path     string
	about    *attribution
	io       processIO // of a process that was running already: what it had done
	tells    *os.File  // its /proc/PID/io, nil where that is refused
}

func (r *running) run(ctx context.Context) error {
	j := &job{ExecPath: []byte(r.path)}
	for _, word := range r.o.Argv {
		j.Exec = append(j.Exec, []byte(word))
	}
	err := r.startChild(context.WithoutCancel(ctx), j, func(c *exec.Cmd) {
		c.Stdin, c.Stdout, c.Stderr = r.o.Stdin, r.o.Stdout, r.o.Stderr
		c.WaitDelay = patience
	})
	if err != nil {
		return err
	}
	pid := r.cmd.Process.Pid
	if !sys.OwnNumbers(r.proc) {
		r.byNumber = filepath.Join(r.proc, "0") // where no process is
	}
	before, _ := faultsSoFar(r.byNumber, pid)
	r.openIO(pid)
	r.openPerf([]int{r.thread}, r.perfOptions(true), onlineProcessors(r.sys))
	if err := r.begin([]int{pid}); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.about.zero, _ = sys.MonotonicNow()
	r.follow()
	if err := r.letGo(); err != nil {
		return err
	}
	var a answer
	switch err := r.hearExec(&a); {
	case err != nil:
		return err
	case a.Problem != "":
		return because(ErrCannotStart, errors.New(a.Problem))
	}
	r.doc.Summary.EndedBy = r.await(ctx, pid)
	r.about.end, _ = sys.MonotonicNow()
	r.useOfProcess(pid)
	waitErr := r.cmd.Wait()
	var exit *exec.ExitError
	if waitErr != nil && !errors.As(waitErr, &exit) && !errors.Is(waitErr, exec.ErrWaitDelay) {
		return waitErr
	}
	if err := r.hush(); err != nil {
		return err
	}
	r.complete()
	r.outcome(before)
	return nil
}

func (r *running) perfOptions(onExec bool) sys.PerfOptions {
	return sys.PerfOptions{Inherit: true, OnExec: onExec, Mappings: true, Kernel: os.Geteuid() == 0}
}

// begin has what the threads read recorded too, and makes ready to take everything in.
func (r *running) begin(threads []int) error {
	if len(r.rings) == 0 {
		return fmt.Errorf("the faults of a program are known by perf alone, which is not to be had: %s", strings.Join(r.doc.Missing, "; "))
	}
	r.openTracefs(func(in *instance) error {
		if err := in.write("options/event-fork", "1"); err != nil {
			return err
		}
		if err := in.write("set_event_pid", joinNumbers(threads)); err != nil {
			return err
		}
		_, err := in.enable(commandPoints, filterFor{})
		return err
	})
	r.doc.Tier = r.tierReached()
	r.doc.Machine.Kernel, r.doc.Machine.PageBytes = sys.KernelRelease(), int64(sys.PageSize)
	r.about = newAttribution(r.doc, r.byNumber)
	r.about.byPoints = r.instance != nil
	var order reorder
	r.take = order.add
	r.drained = func(before uint64) { order.upTo(before, r.about.record) }
	if r.instance != nil {
		r.instance.sink = r.about.point
	}
	return nil
}

func joinNumbers(numbers []int) string {
	var b strings.Builder
	for _, n := range numbers {
		b.WriteString(strconv.Itoa(n) + " ")
	}
	return b.String()
}

// patience is how long a program that is asked to end may take before it is asked
// more firmly.
var patience = 5 * time.Second // tests have less

// await waits until the program has ended, and sees to it once the trace is to end.
func (r *running) await(ctx context.Context, pid int) (endedBy string) {
	hurry := interrupt.Hurried(ctx)
	ended := make(chan struct{})
	go func() {
		_ = sys.WaitForEnd(pid)
		close(ended)
	}()
	limit, stop := r.limit()
	defer stop()
	var ask []os.Signal
	select {
	case <-ended:
		return EndedByProgram
	case <-limit:
		_ = r.hushPerf()
		ask, endedBy = []os.Signal{sys.Terminate, os.Kill}, EndedByDuration
	case <-ctx.Done():
		ask, endedBy = []os.Signal{passedOn(ctx), sys.Terminate, os.Kill}, EndedBySignal
	}
	for _, signal := range ask {
		if signal != nil {
			_ = r.cmd.Process.Signal(signal)
		}
		select {
		case <-ended:
			return endedBy
		case <-time.After(patience):
		case <-hurry:
			hurry = nil // once
		}
	}
	<-ended
	return endedBy
}

// limit is when the time is over, never without one.
func (r *running) limit() (over <-chan time.Time, stop func()) {
	if r.o.Duration <= 0 {
		return nil, func() {}
	}
	timer := time.NewTimer(r.o.Duration)
	return timer.C, func() { timer.Stop() }
}

// passedOn is the signal for the program when ctx has ended: that which ended it,
// nil if the terminal has sent it to both.
func passedOn(ctx context.Context) os.Signal {
	s := interrupt.Cause(ctx)
	switch {
	case s == nil:
		return sys.Terminate
	case sys.FromKey(s) && sys.InForeground():
		return nil
	}
	return s
}

// hearExec waits until the child has become the program, which closes its end of
// the pipe, or says why it could not.
func (r *running) hearExec(a *answer) error {
	err := r.hearOrEnd(a)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// complete adds up what was heard.
func (r *running) complete() {
	d := r.doc
	r.about.finish()
	for i := range d.Files {
		if st, err := os.Stat(d.Files[i].Path); err == nil {
			d.Files[i].SizeBytes = st.Size()
		}
	}
}

// outcome tells how the program ended, and what getrusage(2) says of it.
func (r *running) outcome(before sys.Usage) {
	s, state := &r.doc.Summary, r.cmd.ProcessState
	code := state.ExitCode()
	if number, name := sys.EndedBy(state); number != 0 {
		const shell = 128 // how a shell tells it
		code, s.Signal = shell+number, name
	}
	s.ExitCode = &code
	if used, known := sys.FaultsOf(state); known {
		used = used.Sub(before)
		s.Faults.RusageMinor, s.Faults.RusageMajor = used.MinorFaults, used.MajorFaults
		s.Faults.Unseen = s.Faults.unseen()
	}
	if read, written, known := sys.BlockIO(state); known {
		totals := r.totals()
		totals.DeviceReadBytes, totals.DeviceWriteBytes = &read, &written
	}
}

func (r *running) totals() *Totals {
	if r.doc.Summary.Pages == nil {
		r.doc.Summary.Pages = &Totals{}
	}
	return r.doc.Summary.Pages
}

// processIO is what /proc/PID/io tells, of a process and of the children that it has
// waited for.
type processIO struct {
	calls        int64 // bytes that read(2) and its like returned, from anything
	read, writes int64 // bytes that the device was asked for
	known        bool
}

// openIO opens it: of a process that has ended only root may.
func (r *running) openIO(pid int) {
	if f, err := os.Open(filepath.Join(r.byNumber, strconv.Itoa(pid), "io")); err == nil {
		r.tells = f
	}
}

func (r *running) readIO() (io processIO) {
	if r.tells == nil {
		return processIO{}
	}
	const most = 4096
	text := make([]byte, most)
	n, err := r.tells.ReadAt(text, 0)
	if n == 0 && err != nil {
		return processIO{}
	}
	text = text[:n]
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			continue
		}
		switch name {
		case "rchar":
			io.calls, io.known = n, true
		case "read_bytes":
			io.read = n
		case "write_bytes":
			io.writes = n
		}
	}
	return io
}

// useOfProcess tells what the process read by system calls, as long as it can be
// asked.
func (r *running) useOfProcess(pid int) {
	now := r.readIO()
	if !now.known && r.byNumber != r.proc {
		r.miss("how much was read by system calls: %s is of another PID namespace; mount one of this (mount -t proc proc /proc)", r.proc)
		return
	}
	if !now.known {
		r.miss("how much was read by system calls: /proc/%d/io does not tell this user", pid)
		return
	}
	calls := max(now.calls-r.io.calls, 0)
	r.totals().ReadCallBytes = &calls
	if r.io.known {
		read, written := max(now.read-r.io.read, 0), max(now.writes-r.io.writes, 0)
		r.totals().DeviceReadBytes, r.totals().DeviceWriteBytes = &read, &written
	}
}

// onlineProcessors reads /sys/devices/system/cpu/online: "0-3,7".
func onlineProcessors(sysRoot string) []int {
	text, err := os.ReadFile(filepath.Join(sysRoot, "devices/system/cpu/online"))
	if err != nil {
		return []int{0}
	}
	return parseProcessors(strings.TrimSpace(string(text)))
}

func parseProcessors(list string) []int {
	const most = 1 << 13
	var found []int
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		last := first
		if isRange && err == nil {
			last, err = strconv.Atoi(to)
		}
		if err != nil || first < 0 || last >= most {
			continue
		}
		for cpu := first; cpu <= last; cpu++ {
			found = append(found, cpu)
		}
	}
	return found
}

// everything is later than any record.
const everything = math.MaxUint64

package observe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap/internal/interrupt"
	"github.com/filemap-go/filemap/internal/signaltest"
	"github.com/filemap-go/filemap/internal/sys"
)

// observed is a trace of this program in one of its roles.
func observed(ctx context.Context, t *testing.T, o CommandOptions, env, value string) (*Document, error) {
	t.Helper()
	if env != "" {
		t.Setenv(env, value)
		o.Argv = []string{os.Args[0]}
	}
	d, err := Command(ctx, o)
	if err != nil && strings.Contains(err.Error(), "perf_event_open") {
		t.Skipf("needs perf_event_open: %v", err)
	}
	return d, err
}

func init() {
	roles["OBSERVE_TEST_ENDS"] = func(how string) int {
		switch how {
		case "SEGV":
			_ = unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{})
			signal.Reset(syscall.SIGSEGV)
			_ = unix.Exec("/bin/sh", []string{"sh", "-c", "kill -SEGV $$"}, nil)
		case "KILL":
			_ = unix.Kill(os.Getpid(), unix.SIGKILL)
		case "7":
			return 7
		}
		return 0
	}
}

// The program's end is what a shell would tell of it.
func TestHowAProgramEnds(t *testing.T) {
	for how, want := range map[string]struct {
		code   int
		signal string
	}{"0": {0, ""}, "7": {7, ""}, "SEGV": {128 + 11, "SIGSEGV"}, "KILL": {128 + 9, "SIGKILL"}} {
		d, err := observed(t.Context(), t, CommandOptions{}, "OBSERVE_TEST_ENDS", how)
		must(t, err)
		if s := d.Summary; *s.ExitCode != want.code || s.Signal != want.signal || s.EndedBy != EndedByProgram {
			t.Errorf("%s: exit code %d, signal %q, ended by %s", how, *s.ExitCode, s.Signal, s.EndedBy)
		}
	}
}

func TestProgramsThatThereAreNot(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	must(t, os.WriteFile(script, []byte("#!/no/such/interpreter\n"), 0o700))
	plain := filepath.Join(dir, "plain")
	must(t, os.WriteFile(plain, []byte("text"), 0o600))
	for path, want := range map[string]error{
		"no-such-program-anywhere": ErrNoProgram, "": ErrNoProgram, filepath.Join(dir, "none"): ErrNoProgram,
		plain: ErrCannotStart, dir: ErrCannotStart, script: ErrCannotStart,
	} {
		if _, err := observed(t.Context(), t, CommandOptions{Argv: []string{path}}, "", ""); !errors.Is(err, want) {
			t.Errorf("%s: %v, expected %v", path, err, want)
		}
	}
}

func init() {
	// Says when it listens, and goes on for ever; deaf, whatever it is told.
	roles["OBSERVE_TEST_SERVES"] = func(how string) int {
		if how == "deaf" {
			signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
		}
		fmt.Println("ready")
		time.Sleep(time.Hour)
		return 0
	}
}

// interrupted returns a context that a signal ends as soon as something is printed.
func interrupted(t *testing.T, s os.Signal) (context.Context, io.Writer, func()) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	out, in, err := os.Pipe()
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if line, _ := bufio.NewReader(out).ReadString('\n'); line == "ready\n" {
			cancel(&interrupt.Signal{Signal: s})
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	return ctx, in, func() {
		must(t, in.Close())
		<-done
		must(t, out.Close())
		cancel(nil)
	}
}

// A trace that a signal ends is a trace, and the program has had the signal.
func TestInterruptedTraceIsATrace(t *testing.T) {
	signaltest.Heed()
	for s, name := range map[os.Signal]string{syscall.SIGTERM: "SIGTERM", syscall.SIGHUP: "SIGHUP", syscall.SIGINT: "SIGINT"} {
		if sys.FromKey(s) && sys.InForeground() {
			continue // the terminal would tell the program
		}
		ctx, out, end := interrupted(t, s)
		d, err := observed(ctx, t, CommandOptions{Stdout: out}, "OBSERVE_TEST_SERVES", "well")
		end()
		must(t, err)
		if sum := d.Summary; sum.Signal != name || sum.EndedBy != EndedBySignal || sum.Faults.Total == 0 {
			t.Errorf("%v: ended by %s, %q; faults %+v", s, sum.EndedBy, sum.Signal, sum.Faults)
		}
	}
}

func TestDeafProgramIsKilled(t *testing.T) {
	defer func(before time.Duration) { patience = before }(patience)
	patience = time.Millisecond
	ctx, out, end := interrupted(t, syscall.SIGHUP)
	d, err := observed(ctx, t, CommandOptions{Stdout: out}, "OBSERVE_TEST_SERVES", "deaf")
	end()
	must(t, err)
	if d.Summary.Signal != "SIGKILL" || d.Summary.EndedBy != EndedBySignal {
		t.Errorf("ended by %s, %q", d.Summary.EndedBy, d.Summary.Signal)
	}
}

func TestTimeOfATraceIsOver(t *testing.T) {
	d, err := observed(t.Context(), t, CommandOptions{Duration: 50 * time.Millisecond}, "OBSERVE_TEST_SERVES", "well")
	must(t, err)
	if s := d.Summary; s.EndedBy != EndedByDuration || s.Signal != "SIGTERM" || s.WallNS < int64(50*time.Millisecond) {
		t.Errorf("%+v", s)
	}
}

func init() {
	// Touches a page of the file for each line of its input, by threads that are there
	// before and after the tracer is.
	roles["OBSERVE_TEST_TOUCHES"] = func(path string) int {
		f, err := sys.OpenFile(path, 0, 0)
		if err != nil {
			return 1
		}
		st, _ := f.Stat()
		r, err := sys.MapFile(f, 0, int(st.Size), sys.ProtRead, sys.Shared)
		if err != nil {
			return 1
		}
		_ = r.Advise(sys.Random, 0, r.Len()) // a fault for each page
		next := 0
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			for range 32 {
				_ = r.TouchLoad(next)
				next += 16 * sys.PageSize // beyond what is mapped around
			}
			fmt.Println("touched")
		}
		return 0
	}
}

// An attached process's faults are told from then on, also of files that it had mapped
// before, and it goes on when the trace has ended.
func TestAttach(t *testing.T) {
	path := newFile(t, 8<<20)
	writeInPages(t, path)
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), "OBSERVE_TEST_TOUCHES="+path)
	in, err := c.StdinPipe()
	must(t, err)
	out, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	lines := bufio.NewReader(out)
	touch := func() {
		_, err := io.WriteString(in, "\n")
		must(t, err)
		_, err = lines.ReadString('\n')
		must(t, err)
	}
	touch()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	whenListening(t, func() {
		touch()
		cancel()
	})
	d, err := observed(ctx, t, CommandOptions{PID: c.Process.Pid}, "", "")
	must(t, err)
	touch() // it goes on
	must(t, in.Close())
	must(t, c.Wait())
	if d.PID != c.Process.Pid || d.Command[0] != os.Args[0] || d.Summary.EndedBy != EndedBySignal || d.Summary.ExitCode != nil {
		t.Errorf("process %d, %q, ended by %s", d.PID, d.Command, d.Summary.EndedBy)
	}
	for _, f := range d.Summary.Files {
		if f.Path == path {
			if f.Minor+f.Major != 32 || f.DistinctPages != 32 {
				t.Errorf("%+v", f)
			}
			return
		}
	}
	t.Errorf("%s is not among %+v", path, d.Summary.Files)
}

// writeInPages makes every page of a file a folio of its own.
func writeInPages(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	must(t, err)
	must(t, os.Remove(path))
	f, err := os.Create(path)
	must(t, err)
	for at := 0; at < len(content); at += sys.PageSize {
		_, err := f.Write(content[at:min(at+sys.PageSize, len(content))])
		must(t, err)
	}
	must(t, errors.Join(f.Sync(), f.Close()))
}

// whenListening has f called when a process is listened to.
func whenListening(t *testing.T, f func()) {
	t.Helper()
	listening = func() { go f() }
	t.Cleanup(func() { listening = func() {} })
}

func TestAttachUntilTheEnd(t *testing.T) {
	c := exec.Command("cat")
	in, err := c.StdinPipe()
	must(t, err)
	if err := c.Start(); err != nil {
		t.Skipf("needs cat: %v", err)
	}
	whenListening(t, func() {
		_ = in.Close()
		_ = c.Wait()
	})
	d, err := observed(t.Context(), t, CommandOptions{PID: c.Process.Pid}, "", "")
	must(t, err)
	if d.Summary.EndedBy != EndedByProgram {
		t.Errorf("ended by %s", d.Summary.EndedBy)
	}
}

func TestProcessesThatCannotBeTraced(t *testing.T) {
	ended := exec.Command(os.Args[0], "-test.run=^$")
	must(t, ended.Run())
	kernel := 2 // kthreadd, unless in a container
	for pid, want := range map[int]string{ended.Process.Pid: "no such process", -1: "number of a process", kernel: ""} {
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); pid == kernel && (err != nil || len(text) > 0) {
			continue
		}
		_, err := Command(t.Context(), CommandOptions{PID: pid})
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), want) {
			t.Errorf("process %d: %v, expected %q", pid, err, want)
		}
	}
}

//go:build unix

package interrupt

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/filemap-go/filemap/internal/leaktest"
	"github.com/filemap-go/filemap/internal/signaltest"
)

// role makes the test's program what another test starts.
const role = "INTERRUPT_TEST_ROLE"

func TestMain(m *testing.M) {
	if r := os.Getenv(role); r != "" {
		play(r)
	}
	os.Exit(leaktest.Run(m))
}

// play says when it listens, when it is asked to end and when to hurry, and waits
// for ever after that.
func play(r string) {
	echo = 0
	if r == "echo" {
		echo = time.Hour
	}
	ctx, stop := Context(context.Background())
	defer stop()
	var hurry <-chan struct{}
	if r == "patient" {
		hurry = Hurried(ctx)
	}
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println(Cause(ctx))
	if r == "echo" {
		_, _ = io.Copy(io.Discard, os.Stdin)
		fmt.Println("whole")
		os.Exit(0)
	}
	<-hurry
	fmt.Println("hurry")
	select {} // until a signal ends it
}

func TestSignals(t *testing.T) {
	signaltest.Heed()
	for r, rounds := range map[string]int{"plain": 1, "patient": 2} {
		for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
			c := exec.Command(os.Args[0])
			c.Env = append(os.Environ(), role+"="+r)
			out, err := c.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			var said []string
			for range rounds {
				var line string
				if _, err := fmt.Fscanln(out, &line); err != nil {
					t.Fatal(err)
				}
				said = append(said, line)
				if err := c.Process.Signal(s); err != nil {
					t.Fatal(err)
				}
			}
			var line string
			_, _ = fmt.Fscanln(out, &line)
			said = append(said, line)
			// What comes now ends it, as soon as nobody listens any more.
			var exit *exec.ExitError
			ended := make(chan error)
			go func() { ended <- c.Wait() }()
			for waiting := true; waiting; {
				select {
				case err = <-ended:
					waiting = false
				case <-time.After(10 * time.Millisecond): // Go's runtime does not take a flood while it ends
					_ = c.Process.Signal(s)
				}
			}
			if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != s {
				t.Errorf("%s, %v: said %q, ended by %v", r, s, said, err)
			}
		}
	}
}

// Signals that come together are one request, whether the work is patient or not.
func TestSignalsAtOnceAreOne(t *testing.T) {
	signaltest.Heed()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), role+"=echo")
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"ready", "terminated", "whole"} {
		var line string
		if _, err := fmt.Fscanln(out, &line); err != nil || line != want {
			t.Errorf("%q, %v, expected %q", line, err, want)
		}
		switch want {
		case "ready":
			_ = c.Process.Signal(syscall.SIGTERM)
		case "terminated":
			_ = c.Process.Signal(syscall.SIGTERM)
			_ = c.Process.Signal(syscall.SIGHUP)
			_ = in.Close()
		}
	}
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}

// What a parent ignores, as nohup does, is no reason to end.
func TestIgnoredSignalsStayIgnored(t *testing.T) {
	c := exec.Command("sh", "-c", `trap "" HUP; exec "$0"`, os.Args[0])
	c.Env = append(os.Environ(), role+"=plain")
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Skipf("needs sh: %v", err)
	}
	for _, step := range []struct {
		said string
		then syscall.Signal
	}{{"ready", syscall.SIGHUP}, {"", syscall.SIGTERM}, {"terminated", syscall.SIGKILL}} {
		var line string
		if step.said != "" {
			if _, err := fmt.Fscanln(out, &line); err != nil || line != step.said {
				t.Errorf("%q, %v, expected %q", line, err, step.said)
			}
		}
		if err := c.Process.Signal(step.then); err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Wait()
}

// Nobody else's context has a signal as its cause, and one that is stopped neither.
func TestNoSignal(t *testing.T) {
	ctx, stop := Context(t.Context())
	if Hurried(ctx) == nil || Hurried(t.Context()) != nil {
		t.Error("whose hurry?")
	}
	stop()
	<-ctx.Done()
	if s := Cause(ctx); s != nil || !errors.Is(ctx.Err(), context.Canceled) {
		t.Errorf("%v, %v", s, ctx.Err())
	}
}

func TestASignalIsAnEnd(t *testing.T) {
	err := fmt.Errorf("work: %w", &Signal{os.Interrupt})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// tty is a pseudo-terminal and what was written to it.
type tty struct {
	control, user *os.File
	mu            sync.Mutex
	text          strings.Builder
}

func newTerminal(t *testing.T) *tty {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("needs pseudo-terminals: %v", err)
	}
	if err := unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	user, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	term := &tty{control: control, user: user}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 4096)
		for {
			n, err := control.Read(buffer)
			term.mu.Lock()
			term.text.Write(buffer[:n])
			term.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = user.Close() // which ends the reading
		<-done
		_ = control.Close()
	})
	return term
}

func (term *tty) size(t *testing.T, columns, rows uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(term.user.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: rows, Col: columns}); err != nil {
		t.Fatal(err)
	}
}

func (term *tty) written() string {
	term.mu.Lock()
	defer term.mu.Unlock()
	return term.text.String()
}

// await waits until what was written after the first from bytes holds want.
func (term *tty) await(t *testing.T, from int, want string) {
	t.Helper()
	for range 6000 {
		if strings.Contains(term.written()[from:], want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%q was not written:\n%q", want, term.written()[from:])
}

// commandCopy is this program under the name by which it is the command.
func commandCopy(t *testing.T) string {
	t.Helper()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer self.Close()
	path := filepath.Join(t.TempDir(), "filemap")
	out, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(out, self)
	if e := out.Close(); err != nil || e != nil {
		t.Fatal(err, e)
	}
	return path
}

// The live view draws, draws anew for another size, ends with a key or a signal, and
// gives the terminal back as it was.
func TestWatchOnATerminal(t *testing.T) {
	program := commandCopy(t)
	file := filepath.Join(t.TempDir(), "watched")
	err := os.WriteFile(file, nil, 0o644)
	if err == nil {
		err = os.Truncate(file, 4<<20)
	}
	if err == nil {
		_, err = os.ReadFile(file)
	}
	if err != nil {
		t.Fatal(err)
	}
	for name, end := range map[string]func(*tty, *exec.Cmd) error{
		"q":      func(term *tty, _ *exec.Cmd) error { _, err := term.control.WriteString("q"); return err },
		"Ctrl-C": func(term *tty, _ *exec.Cmd) error { _, err := term.control.WriteString("\x03"); return err },
		"signal": func(_ *tty, c *exec.Cmd) error { return c.Process.Signal(syscall.SIGTERM) },
	} {
		t.Run(name, func(t *testing.T) {
			term := newTerminal(t)
			term.size(t, 140, 40)
			before, err := unix.IoctlGetTermios(int(term.user.Fd()), unix.TCGETS)
			if err != nil {
				t.Fatal(err)
			}
			c := exec.Command(program, "pages", "--watch", "--interval", "1h", file)
			c.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
			c.Stdin, c.Stdout, c.Stderr = term.user, term.user, term.user
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			term.await(t, 0, "q quits")
			if s := term.written(); !strings.HasPrefix(s, "\x1b[?1049h\x1b[?25l") || !strings.Contains(s, strings.Repeat("█", 128)+"\x1b") {
				t.Errorf("the picture is %q", s)
			}
			seen := len(term.written())
			term.size(t, 60, 20)
			term.await(t, seen, "q quits")
			if s := term.written()[seen:]; strings.Contains(s, strings.Repeat("█", 49)) || !strings.Contains(s, "  "+strings.Repeat("█", 48)+"\x1b") || strings.Count(s, "\n") > 19 {
				t.Errorf("on a smaller terminal the picture is %q", s)
			}
			if err := end(term, c); err != nil {
				t.Fatal(err)
			}
			if err := c.Wait(); err != nil {
				t.Errorf("it ends with %v", err)
			}
			term.await(t, seen, "\x1b[?25h\x1b[?1049l")
			after, err := unix.IoctlGetTermios(int(term.user.Fd()), unix.TCGETS)
			if err != nil || !reflect.DeepEqual(before, after) {
				t.Errorf("the terminal was %+v, is %+v, %v", before, after, err)
			}
		})
	}
}

package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestMain lets this test binary be the child process of an isolated contender.
func TestMain(m *testing.M) {
	Child([]*Comparison{fakes()})
	os.Exit(m.Run())
}

// fakes is a comparison with one contender for each way to end.
func fakes() *Comparison {
	fine := func() *Task {
		return &Task{Run: func(int) error { return nil }, Check: func(int) error { return nil }}
	}
	running := func(run func(n int) error) func(string) (*Task, error) {
		return func(string) (*Task, error) {
			t := fine()
			t.Run = run
			return t, nil
		}
	}
	wrong := func(string) (*Task, error) {
		t := fine()
		t.Check = func(int) error { return Wrong("byte %d is %d", 7, 3) }
		return t, nil
	}
	unsupported := func(string) (*Task, error) { return nil, fmt.Errorf("no mappings here: %w", errors.ErrUnsupported) }
	unchecked := func(string) (*Task, error) {
		t := fine()
		t.Check = nil
		return t, nil
	}
	panicking := running(func(int) error { panic("out of order\nand more") })
	return &Comparison{Name: "fakes", Cases: []Case{{
		Name: "all", Unit: "ns/op", Better: Lower, Ops: 1, Timeout: 2 * time.Second,
		Prepare: func(dir string) error { return os.WriteFile(filepath.Join(dir, "made"), []byte("x"), 0o600) },
		Contenders: []Contender{
			{Name: "fine", Role: Ours, New: func(dir string) (*Task, error) {
				_, err := os.Stat(filepath.Join(dir, "made"))
				return fine(), err
			}},
			{Name: "fine isolated", Role: Peer, Isolated: true, New: running(func(int) error { time.Sleep(time.Millisecond); return nil })},
			{Name: "wrong", Role: Peer, New: wrong},
			{Name: "wrong isolated", Role: Peer, Isolated: true, New: wrong},
			{Name: "failing", Role: Peer, New: running(func(int) error { return os.ErrInvalid })},
			{Name: "failing isolated", Role: Peer, Isolated: true, New: running(func(int) error { return os.ErrInvalid })},
			{Name: "unsupported", Role: Peer, New: unsupported},
			{Name: "unsupported isolated", Role: Peer, Isolated: true, New: unsupported},
			{Name: "unchecked", Role: Peer, New: unchecked},
			{Name: "panicking", Role: Peer, New: panicking},
			{Name: "panicking isolated", Role: Peer, Isolated: true, New: panicking},
			{Name: "panicking elsewhere", Role: Peer, Isolated: true, New: running(func(int) error {
				go panic("in a goroutine")
				select {}
			})},
			{Name: "truncated under it", Role: Peer, Isolated: true, New: truncated},
			{Name: "killed", Role: Peer, Isolated: true, New: running(func(int) error {
				return syscall.Kill(os.Getpid(), syscall.SIGKILL)
			})},
			{Name: "exiting", Role: Peer, Isolated: true, New: running(func(int) error { os.Exit(3); return nil })},
			{Name: "exiting at once", Role: Peer, Isolated: true, New: func(string) (*Task, error) { os.Exit(0); return nil, nil }},
			{Name: "hanging", Role: Peer, Isolated: true, New: running(func(int) error { time.Sleep(time.Hour); return nil })},
		},
	}}}
}

// truncated is what happens to every mapping library but one: the file becomes
// shorter, and a load of what was there is a SIGBUS.
func truncated(dir string) (*Task, error) {
	f, err := os.Create(filepath.Join(dir, "truncated"))
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(4096); err != nil {
		return nil, err
	}
	b, err := syscall.Mmap(int(f.Fd()), 0, 4096, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		return nil, err
	}
	return &Task{
		Run:   func(int) error { return f.Truncate(0) },
		Check: func(int) error { return fmt.Errorf("read %d", b[0]) },
	}, nil
}

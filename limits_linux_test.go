package filemap_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// holes makes a file of size bytes that are all holes.
func holes(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sparse")
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, size)); err != nil {
		t.Skipf("needs a file system with files of %d bytes: %v", size, err)
	}
	return path
}

// TestLimitsOfProcess runs itself with less memory than a file has bytes.
func TestLimitsOfProcess(t *testing.T) {
	const name, size = "FILEMAP_TEST_LIMIT", 1 << 30
	checks := map[string]func(path string) error{"RLIMIT_AS": underAddressLimit, "RLIMIT_DATA": underDataLimit}
	if which, path, child := strings.Cut(os.Getenv(name), " "); child {
		if err := checks[which](path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("checked")
		os.Exit(0)
	}
	path := holes(t, size)
	for which := range checks {
		child := exec.Command(os.Args[0], "-test.run", "^TestLimitsOfProcess$")
		child.Env = append(os.Environ(), name+"="+which+" "+path)
		out, err := child.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "checked") {
			t.Errorf("%s: %v\n%.2000s", which, err, out)
		}
	}
}

// statusOf returns a number of /proc/self/status, in bytes.
func statusOf(name string) (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, rest, found := bytes.Cut(status, []byte(name+":"))
	if !found {
		return 0, errors.New("no " + name)
	}
	kib, err := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
	return kib << 10, err
}

// leave allows this process more bytes than it has, of what /proc/self/status names.
func leave(resource int, name string, more int64) error {
	has, err := statusOf(name)
	if err != nil {
		return err
	}
	return unix.Setrlimit(resource, &unix.Rlimit{Cur: uint64(has + more), Max: unix.RLIM_INFINITY})
}

func refusal(what string, err error, limit string) error {
	if !errors.Is(err, filemap.ErrMapLimit) || !strings.Contains(err.Error(), limit) {
		return fmt.Errorf("%s: got %w, want ErrMapLimit that names %s", what, err, limit)
	}
	return nil
}

func nothing([]byte) error { return nil }

func underAddressLimit(path string) error {
	if err := leave(unix.RLIMIT_AS, "VmSize", 512<<20); err != nil {
		return err
	}
	_, openErr := filemap.Open(path)
	m, err := filemap.Open(path, filemap.OrRead)
	if err != nil {
		return err
	}
	if m.Backing() != filemap.Read {
		return fmt.Errorf("with OrRead the backing is %v", m.Backing())
	}
	unmapped, err := filemap.Open(path, filemap.Unmapped, filemap.ReadWrite)
	if err != nil {
		return err
	}
	_, readErr := m.ReadAt(make([]byte, 4096), 1<<29)
	_, anonErr := filemap.Anonymous(1 << 30)
	return errors.Join(readErr,
		refusal("Open", openErr, "RLIMIT_AS"),
		refusal("Anonymous", anonErr, "RLIMIT_AS"),
		refusal("Whole", filemap.Whole(path, nothing), "RLIMIT_AS"),
		refusal("View", m.View(0, filemap.ToEnd, nothing), "RLIMIT_AS"),
		refusal("View of Unmapped", unmapped.View(0, filemap.ToEnd, nothing), "RLIMIT_AS"),
		refusal("Update of Unmapped", unmapped.Update(1, 1<<30-1, nothing), "RLIMIT_AS"),
		m.View(1<<20, 1<<20, nothing), m.View(1<<20, 8<<20, nothing), unmapped.Update(0, 100, nothing),
		m.Close(), unmapped.Close())
}

func underDataLimit(path string) error {
	if err := leave(unix.RLIMIT_DATA, "VmData", 256<<20); err != nil {
		return err
	}
	_, privateErr := filemap.Open(path, filemap.Private)
	_, stagedErr := filemap.Open(path, filemap.ReadWrite, filemap.Staged)
	_, anonErr := filemap.Anonymous(1<<30, filemap.NoReserve)
	m, err := filemap.Open(path) // shared memory is not data
	if err != nil {
		return err
	}
	return errors.Join(
		refusal("Private", privateErr, "RLIMIT_DATA"),
		refusal("Staged", stagedErr, "RLIMIT_DATA"),
		refusal("Anonymous", anonErr, "RLIMIT_DATA"),
		m.View(1<<29, 4096, nothing), m.Close())
}

// A copy of more than there is memory is refused, whatever the file's size says.
func TestViewOfMoreThanMemory(t *testing.T) {
	want := filemap.ErrMapLimit
	if bits.UintSize == 32 {
		want = filemap.ErrTooLarge
	}
	m := open(t, holes(t, 8<<40), filemap.Unmapped, filemap.ReadWrite)
	wantError(t, m.View(0, filemap.ToEnd, nothing), want)
	wantError(t, m.Update(1, filemap.ToEnd, nothing), want)
	b := make([]byte, 10)
	if _, err := m.ReadAt(b, 7<<40); err != nil {
		t.Error(err)
	}
	for _, n := range []int64{0, 1, 1 << 20, 1<<20 + 1, 5 << 20} {
		err := m.Update(7<<40, n, func(b []byte) error {
			if int64(len(b)) != n || len(bytes.Trim(b, "\x00")) > 0 {
				t.Errorf("%d bytes of %d, or not zeros", len(b), n)
			}
			for i := range b {
				b[i] = 0
			}
			return nil
		})
		if err != nil {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A copy is given back however its use ends.
func TestCopyIsGivenBack(t *testing.T) {
	const size, times = 4 << 20, 20
	m := open(t, holes(t, size), filemap.Unmapped)
	stop := errors.New("stop")
	before := statusBytes(t, "VmData")
	for range times {
		if err := m.View(0, size, func([]byte) error { return stop }); !errors.Is(err, stop) {
			t.Fatal(err)
		}
		func() {
			defer func() { _ = recover() }()
			_ = m.View(0, size, func([]byte) error { panic(stop) })
		}()
	}
	if more := statusBytes(t, "VmData") - before; more > times*size {
		t.Errorf("%d bytes of private memory more than before %d copies of %d", more, 2*times, size)
	}
}

func statusBytes(t *testing.T, name string) int64 {
	t.Helper()
	n, err := statusOf(name)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

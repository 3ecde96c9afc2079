package compare

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const (
	callsEnv   = "FILEMAP_COMPARE_CALLS"     // the pattern
	callsDir   = "FILEMAP_COMPARE_CALLS_DIR" // where the file is
	beginMark  = "/begin of runs of "
	endMark    = "/end of runs"
	callsRuns  = 5
	callsBytes = 400_000
)

// TestSystemCallsAreWhatStraceSees runs every contender under strace and compares
// the calls of its thread with those it counted.
func TestSystemCallsAreWhatStraceSees(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("needs strace")
	}
	if testing.Short() {
		t.Skip("starts processes")
	}
	for _, fs := range []struct {
		name string
		dir  func(t *testing.T) string
	}{{"device", (*testing.T).TempDir}, {"memory", inMemory}, {"overlay", onOverlay}} {
		t.Run(fs.name, func(t *testing.T) {
			dir := fs.dir(t)
			for _, pattern := range []Pattern{Increment, RandomRead} {
				t.Run(string(pattern), func(t *testing.T) { traceCalls(t, strace, pattern, dir) })
			}
		})
	}
}

func inMemory(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "filemap-calls-")
	if err != nil {
		t.Skipf("needs a tmpfs at /dev/shm: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func onOverlay(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	merged := filepath.Join(dir, "merged")
	layers := "lowerdir=" + dir + "/lower,upperdir=" + dir + "/upper,workdir=" + dir + "/work"
	if err := unix.Mount("overlay", merged, "overlay", 0, layers); err != nil {
		t.Skipf("needs root and overlayfs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(merged, 0); err != nil {
			t.Error(err)
		}
	})
	return merged
}

func traceCalls(t *testing.T, strace string, pattern Pattern, dir string) {
	log := filepath.Join(t.TempDir(), "log")
	c := exec.Command(strace, "-f", "-qq", "-o", log, os.Args[0], "-test.run=^TestCallsChild$")
	c.Env = append(os.Environ(), callsEnv+"="+string(pattern), callsDir+"="+dir)
	out, err := c.CombinedOutput()
	if bytes.Contains(out, []byte("Operation not permitted")) {
		t.Skipf("needs permission to trace: %s", out)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	compareCalls(t, string(text), string(out))
}

// compareCalls counts the log's calls between each pair of marks, in the thread
// that made the marks.
func compareCalls(t *testing.T, log, counted string) {
	thread, name, calls, checked := "", "", 0, 0
	var seen []string
	for line := range strings.Lines(log) {
		id, call, _ := strings.Cut(strings.TrimSpace(line), " ")
		// A 32-bit system's calls have other names.
		call = strings.ReplaceAll(strings.TrimSpace(call), "mmap2(", "mmap(")
		if _, after, found := strings.Cut(call, beginMark); found {
			name, _, _ = strings.Cut(after, `"`)
			if name == NamePager {
				name = "" // writes back in several threads; its own statistics count
				continue
			}
			thread, calls, seen = id, 0, nil
			continue
		}
		if name == "" || id != thread || strings.HasPrefix(call, "<...") || strings.HasPrefix(call, "---") {
			continue
		}
		if !strings.Contains(call, endMark) {
			// The runtime's own are none of the contender's.
			if !runtimeCall(call) && !addressCall(call) {
				calls++
				seen = append(seen, call)
			}
			continue
		}
		want := name + "=" + humanCount(float64(calls)) + "\n"
		if checked++; !strings.Contains(counted, want) {
			t.Errorf("strace saw %sthe contenders counted\n%s\n%s", want, counted, strings.Join(seen, "\n"))
		}
		name = ""
	}
	if checked == 0 {
		t.Errorf("the log has no marks")
	}
}

func runtimeCall(call string) bool {
	for _, own := range []string{"futex", "rt_sig", "sched_yield", "nanosleep", "epoll_", "getpid", "tgkill", "madvise(0xc0", "clone", "sigaltstack", "gettid"} {
		if strings.HasPrefix(call, own) {
			return true
		}
	}
	// The heap grows.
	return strings.HasPrefix(call, "mmap(") && strings.Contains(call, "MAP_ANONYMOUS") && !strings.Contains(call, "PROT_NONE, MAP_PRIVATE|MAP_FIXED")
}

// addressCall: what the library does to choose addresses and to give them back
// depends on where the kernel puts a mapping, and is documented as not counted.
func addressCall(call string) bool {
	return strings.HasPrefix(call, "munmap(") ||
		strings.HasPrefix(call, "mmap(0x") && strings.Contains(call, "MAP_SHARED|MAP_FIXED")
}

// TestCallsChild is the traced process.
func TestCallsChild(t *testing.T) {
	pattern := Pattern(os.Getenv(callsEnv))
	if pattern == "" {
		t.Skip("is started by TestSystemCallsAreWhatStraceSees")
	}
	runtime.LockOSThread()
	o, err := Options{Pattern: pattern, Dir: os.Getenv(callsDir)}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	target := newTestTarget(t, &o, callsBytes)
	j := newJob(target.path, target.integers, &o)
	if j.pattern.random() {
		j.shares[0].operations = 20
	}
	for _, c := range contenders(pattern) {
		task, err := c.setup(j)
		if err != nil {
			t.Fatal(err)
		}
		j.prepare(1)
		if err := task.run(j); err != nil {
			t.Fatal(err)
		}
		j.prepare(1)
		_, _ = os.Stat(beginMark + c.name)
		for range callsRuns {
			err = task.run(j)
		}
		_, _ = os.Stat(endMark)
		if err != nil {
			t.Fatal(err)
		}
		os.Stdout.WriteString(c.name + "=" + humanCount(float64(j.shares[0].calls)) + "\n")
		if err := task.close(); err != nil {
			t.Fatal(err)
		}
	}
}

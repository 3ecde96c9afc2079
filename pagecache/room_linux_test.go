package pagecache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap/internal/sys"
)

// machine is a /proc and /sys with limits.
func machine(t *testing.T, files map[string]string) (proc, sysfs string) {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(root, "proc"), filepath.Join(root, "sys")
}

func TestMayLock(t *testing.T) {
	const mib = 1 << 20
	for name, c := range map[string]struct {
		files        map[string]string
		bytes, count int64
		want         string // "" for room
	}{
		"nothing known": {nil, mib, 1, ""},
		"enough":        {map[string]string{"proc/meminfo": "MemAvailable: 2048 kB\n"}, mib, 1, ""},
		"no memory":     {map[string]string{"proc/meminfo": "MemFree: 9 kB\nMemAvailable: 1024 kB\n"}, mib, 1, "memory that is available: 1048576"},
		"group": {map[string]string{
			"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/b/memory.current": "5\n",
			"sys/fs/cgroup/a/memory.max": "2097152\n", "sys/fs/cgroup/a/memory.current": "1048576\n", "sys/fs/cgroup/a/memory.stat": "anon 1\nactive_file 512\n",
		}, mib, 1, "1049088 that the control group /a has left"},
		"group, of files": {map[string]string{
			"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "2097152\n", "sys/fs/cgroup/a/memory.current": "2097152\n", "sys/fs/cgroup/a/memory.stat": "active_file 1048576\ninactive_file 524288\n",
		}, mib, 1, ""},
		"high": {map[string]string{
			"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.high": "4096\n", "sys/fs/cgroup/a/memory.current": "0\n",
		}, mib, 1, "control group /a"},
		"version 1": {map[string]string{
			"proc/self/cgroup": "5:cpu,memory:/x\n0::/\n", "sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/x/memory.usage_in_bytes": "4096\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "524288\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "4096\n",
		}, mib, 1, "control group /"},
		"mappings":     {map[string]string{"proc/sys/vm/max_map_count": "100\n", "proc/self/maps": strings.Repeat("x\n", 40)}, mib, 61, "61 files are more than a process may map: 100"},
		"few mappings": {map[string]string{"proc/sys/vm/max_map_count": "100\n", "proc/self/maps": strings.Repeat("x\n", 40)}, mib, 60, ""},
	} {
		proc, sysfs := machine(t, c.files)
		err := mayLock(proc, sysfs, c.bytes, c.count)
		if (err == nil) != (c.want == "") || err != nil && (!errors.Is(err, ErrNoRoom) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// No descriptor is needed for each file, and letting go is one call each.
func TestLockOfManyFiles(t *testing.T) {
	dir := t.TempDir()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	const files = 300
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	few := before
	few.Cur = 100
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Setrlimit(unix.RLIMIT_NOFILE, &before) }()
	var holds []*Hold
	for i := range files {
		h, err := Lock(context.Background(), filepath.Join(dir, strconv.Itoa(i)), Extent{}, nil)
		if errors.Is(err, ErrNoRoom) {
			t.Skipf("needs the right to lock memory: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Bytes() != 1 || h.MemoryBytes() != int64(sys.PageSize) {
			t.Errorf("%d bytes in %d", h.Bytes(), h.MemoryBytes())
		}
		holds = append(holds, h)
	}
	for _, h := range holds {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestChildLocks is in a control group; TestLockInAControlGroup runs it.
func TestChildLocks(t *testing.T) {
	path := os.Getenv("FILEMAP_LOCK")
	if path == "" {
		t.Skip("is started by TestLockInAControlGroup")
	}
	group := os.Getenv("FILEMAP_GROUP")
	if err := os.WriteFile(filepath.Join(group, "cgroup.procs"), []byte(strconv.Itoa(os.Getpid())), 0); err != nil {
		t.Fatal(err)
	}
	h, err := Lock(context.Background(), path, Extent{Length: 32 << 20}, nil)
	if err != nil {
		t.Fatalf("a part that fits: %v", err)
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	h, err = Lock(context.Background(), path, Extent{}, nil)
	fmt.Printf("LOCK %v %v\n", errors.Is(err, ErrNoRoom), err)
	if err == nil {
		_ = h.Close()
	}
}

// It is told before the kernel kills.
func TestLockInAControlGroup(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	group, limit := "", ""
	for root, file := range map[string]string{"/sys/fs/cgroup/memory": "memory.limit_in_bytes", "/sys/fs/cgroup": "memory.max"} {
		dir, err := os.MkdirTemp(root, "filemap-lock-")
		if err != nil {
			continue
		}
		defer os.Remove(dir)
		// Without making it: the root of version 1 is no control group.
		f, err := os.OpenFile(filepath.Join(dir, file), os.O_WRONLY, 0)
		if err != nil {
			continue
		}
		_, err = f.WriteString(strconv.Itoa(100 << 20))
		if err := errors.Join(err, f.Close()); err == nil {
			group, limit = dir, file
			break
		}
	}
	if limit == "" {
		t.Skip("needs a memory control group")
	}
	path := onDisk(t, 0)
	if err := os.Truncate(path, 200<<20); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestChildLocks$")
	cmd.Env = append(os.Environ(), "FILEMAP_LOCK="+path, "FILEMAP_GROUP="+group)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "LOCK true") || !strings.Contains(string(out), "control group") {
		t.Errorf("%v\n%s", err, out)
	}
}

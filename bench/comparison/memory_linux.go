package comparison

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memoryLimit is a memory cgroup of this process's own: what it touches from then
// on, and the page cache of files that it reads, is held to so many bytes
// together, and the kernel reclaims within them. Memory that it had before is not
// counted.
type memoryLimit struct{ parent, dir string }

// limitMemory makes the cgroup and moves this process into it. It needs root.
func limitMemory(bytes int64) (*memoryLimit, error) {
	parent, limitName, err := memoryController()
	if err != nil {
		return nil, err
	}
	l := &memoryLimit{parent, filepath.Join(parent, fmt.Sprintf("filemap-bench-%d", os.Getpid()))}
	if err := os.Mkdir(l.dir, 0o755); err != nil {
		return nil, fmt.Errorf("needs a memory cgroup: %w: %w", err, errors.ErrUnsupported)
	}
	err = l.set(l.dir, limitName, strconv.FormatInt(bytes, 10))
	if err == nil {
		err = l.set(l.dir, "cgroup.procs", strconv.Itoa(os.Getpid()))
	}
	if err != nil {
		return nil, fmt.Errorf("needs a memory cgroup: %w: %w", errors.Join(err, os.Remove(l.dir)), errors.ErrUnsupported)
	}
	return l, nil
}

// removeStaleLimits removes the cgroups of contenders that were killed.
func removeStaleLimits() {
	if parent, _, err := memoryController(); err == nil {
		stale, _ := filepath.Glob(filepath.Join(parent, "filemap-bench-*")) // the pattern is good
		for _, dir := range stale {
			_ = os.Remove(dir) // fails while a process is in it
		}
	}
}

// memoryController finds where memory cgroups are made, version 1 or 2, and what
// their limit is called.
func memoryController() (dir, limitName string, err error) {
	const v1, v2 = "/sys/fs/cgroup/memory", "/sys/fs/cgroup"
	if _, err := os.Stat(filepath.Join(v1, "memory.limit_in_bytes")); err == nil {
		return v1, "memory.limit_in_bytes", nil
	}
	controllers, err := os.ReadFile(filepath.Join(v2, "cgroup.subtree_control"))
	if err != nil || !strings.Contains(string(controllers), "memory") {
		return "", "", fmt.Errorf("needs the memory controller of cgroups: %w", errors.ErrUnsupported)
	}
	return v2, "memory.max", nil
}

func (l *memoryLimit) set(dir, name, value string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(value), 0)
}

// leave moves the process back and removes the cgroup, whose page cache goes.
func (l *memoryLimit) leave() error {
	if l == nil {
		return nil
	}
	err := l.set(l.parent, "cgroup.procs", strconv.Itoa(os.Getpid()))
	if emptyErr := l.set(l.dir, "memory.force_empty", "0"); !errors.Is(emptyErr, fs.ErrNotExist) {
		err = errors.Join(err, emptyErr)
	}
	return errors.Join(err, os.Remove(l.dir))
}

// deviceReadBytes is how much this process has had read from devices.
func deviceReadBytes() (int64, error) {
	text, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if value, found := strings.CutPrefix(line, "read_bytes: "); found {
			return strconv.ParseInt(strings.TrimSpace(value), 10, 64)
		}
	}
	return 0, fmt.Errorf("needs read_bytes in /proc/self/io: %w", errors.ErrUnsupported)
}

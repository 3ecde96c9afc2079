package pagecache

import (
	"bufio"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/sys"
)

// Locked memory cannot be taken back. What does not fit makes the kernel kill: the
// limits are asked before.

// ErrNoRoom says that more was to be locked than this process may, or than there is
// memory for.
var ErrNoRoom = errors.New("there is no room to lock it")

// MayLock tells, before anything is done, whether there is room to [Lock] files whose
// pages have so many bytes: nil, or an error that matches [ErrNoRoom] and names the
// limit: RLIMIT_MEMLOCK, the memory limit of a control group, the memory that is
// available, or how many mappings a process may have (vm.max_map_count).
func MayLock(bytes int64, files int64) error { return mayLock(defaultProc, "/sys", bytes, files) }

// mayLockBytes asks about RLIMIT_MEMLOCK alone.
func mayLockBytes(bytes int64) error {
	err := sys.MayLock(bytes)
	if err == nil {
		return nil
	}
	if limit, known := sys.LockLimit(); known {
		return noRoom("%d bytes are more than this user may lock: %d (RLIMIT_MEMLOCK; ulimit -l, LimitMEMLOCK= or CAP_IPC_LOCK raise it)", bytes, limit)
	}
	return noRoom("%d bytes cannot be locked: %v", bytes, err)
}

func mayLock(proc, sysfs string, bytes, files int64) error {
	if err := mayLockBytes(bytes); err != nil {
		return err
	}
	// A page table for each 2 MiB.
	need := bytes + bytes/256
	if group, room, known := groupRoom(proc, sysfs); known && need > room {
		return noRoom("%d bytes are more than the %d that the control group %s has left of its memory limit", bytes, max(room, 0), group)
	}
	if available, known := availableMemory(proc); known && need > available {
		return noRoom("%d bytes are more than the memory that is available: %d", bytes, available)
	}
	if most, known := readNumber(filepath.Join(proc, "sys/vm/max_map_count")); known && files > 1 {
		if used := countLines(filepath.Join(proc, "self/maps")); files > most-used {
			return noRoom("%d files are more than a process may map: %d (sysctl vm.max_map_count raises it)", files, most)
		}
	}
	return nil
}

func noRoom(format string, values ...any) error {
	return &reworded{fmt.Sprintf(format, values...), ErrNoRoom}
}

func readNumber(file string) (int64, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	return n, err == nil
}

func countLines(file string) (n int64) {
	f, err := os.Open(file)
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); n++ {
	}
	return n
}

// availableMemory reads /proc/meminfo.
func availableMemory(proc string) (int64, bool) {
	fields := readFields(filepath.Join(proc, "meminfo"))
	kb, known := fields["MemAvailable:"]
	return kb << 10, known
}

// readFields reads lines of a name and a number.
func readFields(file string) map[string]int64 {
	fields := map[string]int64{}
	text, err := os.ReadFile(file)
	if err != nil {
		return fields
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		if n, err := strconv.ParseInt(words[1], 10, 53); err == nil {
			fields[words[0]] = n
		}
	}
	return fields
}

// groupRoom is how much the control groups of this process have left, the strictest of
// it and those above it, of version 2 or 1: what of their use is pages of files is
// left too, since the kernel takes it back.
func groupRoom(proc, sysfs string) (name string, room int64, known bool) {
	text, err := os.ReadFile(filepath.Join(proc, "self/cgroup"))
	if err != nil {
		return "", 0, false
	}
	room = math.MaxInt64
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		root, usage, prefix, limits := filepath.Join(sysfs, "fs/cgroup"), "memory.current", "", []string{"memory.max", "memory.high"}
		if strings.Contains(","+parts[1]+",", ",memory,") {
			root, usage, prefix, limits = filepath.Join(root, "memory"), "memory.usage_in_bytes", "total_", []string{"memory.limit_in_bytes"}
		} else if parts[1] != "" {
			continue
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			dir := filepath.Join(root, at)
			for _, limit := range limits {
				most, is := readNumber(filepath.Join(dir, limit))
				used, counted := readNumber(filepath.Join(dir, usage))
				if !is || !counted {
					continue // "max", or no such file
				}
				stat := readFields(filepath.Join(dir, "memory.stat"))
				left := most - used + stat[prefix+"active_file"] + stat[prefix+"inactive_file"]
				if left < room {
					name, room, known = at, left, true
				}
			}
			if at == "/" {
				break
			}
		}
	}
	return name, room, known
}

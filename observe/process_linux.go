package observe

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/sys"
)

// statOf returns the fields of /proc/PID/stat that follow the name, which may hold
// anything: the first is the process's state, the 3rd of proc_pid_stat(5).
func statOf(proc string, pid int) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	if len(fields) <= statStart {
		return nil, errors.New("/proc/PID/stat is short")
	}
	return fields, nil
}

// Places of fields in what statOf returns.
const (
	statState = 0
	statFlags = 9 - 3
	statMinor = 10 - 3 // minor faults
	statMajor = 12 - 3
	statStart = 22 - 3 // when it started, in ticks since boot
)

// faultsSoFar reads what a process had until now.
func faultsSoFar(proc string, pid int) (u sys.Usage, known bool) {
	fields, err := statOf(proc, pid)
	if err != nil {
		return sys.Usage{}, false
	}
	var minorErr, majorErr error
	u.MinorFaults, minorErr = strconv.ParseInt(fields[statMinor], 10, 64)
	u.MajorFaults, majorErr = strconv.ParseInt(fields[statMajor], 10, 64)
	return u, minorErr == nil && majorErr == nil
}

// target is a process that was running already.
type target struct {
	pid   int
	start string // tells it from a later one of the same number
}

// kernelThread is PF_KTHREAD of the kernel's include/linux/sched.h.
const kernelThread = 0x200000

func findTarget(proc string, pid int) (target, error) {
	fields, err := statOf(proc, pid)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return target{}, fmt.Errorf("there is no such process: %w", fs.ErrNotExist)
	case err != nil:
		return target{}, cause(err)
	case isDead(fields):
		return target{}, errors.New("the process has ended; its parent has not asked for its status yet")
	}
	if flags, err := strconv.ParseUint(fields[statFlags], 10, 64); err == nil && flags&kernelThread != 0 {
		return target{}, errors.New("is a part of the kernel, which has no memory of its own to trace")
	}
	return target{pid, fields[statStart]}, nil
}

func isDead(fields []string) bool { return strings.ContainsAny(fields[statState], "ZXx") }

// ended tells whether it is gone, or a zombie.
func (t target) ended(proc string) bool {
	fields, err := statOf(proc, t.pid)
	return err != nil || fields[statStart] != t.start || isDead(fields)
}

// commandLine is what the process was started as. One that begins just now has none yet.
func (t target) commandLine(proc string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(t.pid), "cmdline"))
	if err != nil {
		return nil, cause(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00"), nil
}

// threads lists a process's threads.
func threads(proc string, pid int) ([]int, error) {
	entries, err := os.ReadDir(filepath.Join(proc, strconv.Itoa(pid), "task"))
	if err != nil {
		return nil, cause(err)
	}
	var found []int
	for _, e := range entries {
		if thread, err := strconv.Atoi(e.Name()); err == nil {
			found = append(found, thread)
		}
	}
	return found, nil
}

// mappings tells what a process maps already, as records like those of what it maps
// from now on.
func mappings(proc string, pid int, at uint64) ([]perfRecord, error) {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "maps"))
	if err != nil {
		return nil, cause(err)
	}
	found := parseMaps(text)
	for i := range found {
		found[i].PID, found[i].TID, found[i].Time = int32(pid), int32(pid), at
	}
	return found, nil
}

// parseMaps reads proc_pid_maps(5):
//
//	7f0c0a000000-7f0c0a200000 rw-s 00001000 fe:01 246761      /tmp/a file
func parseMaps(text []byte) []perfRecord {
	var found []perfRecord
	for line := range strings.Lines(string(text)) {
		r := perfRecord{Type: perfRecordMmap2}
		var beyond uint64
		var mode string
		n, err := fmt.Sscanf(line, "%x-%x %s %x %x:%x %d", &r.Addr, &beyond, &mode, &r.Offset, &r.Major, &r.Minor, &r.Inode)
		const fields = 7
		if err != nil || n < fields || beyond <= r.Addr {
			continue
		}
		r.Length = beyond - r.Addr
		if at := strings.IndexAny(line, "/["); at >= 0 {
			r.Name = strings.ReplaceAll(strings.TrimSuffix(line[at:], "\n"), `\012`, "\n")
		}
		found = append(found, r)
	}
	return found
}

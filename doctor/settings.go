package doctor

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// Setting is a number that the machine is set to.
type Setting struct {
	Name   string `json:"name"`
	Unit   string `json:"unit"`           // "bytes", "kB", "count", "percent", "mode"
	Value  *int64 `json:"value"`          // null if it is not known, or without limit, or a word
	Word   string `json:"word,omitempty"` // what is set, where that is a word: "madvise"
	Source string `json:"source"`         // where it was read
	Reason string `json:"reason"`         // why it is null: "unlimited", "needs root"
}

// unlimited is the reason of a limit that is none.
const unlimited = "unlimited"

// single are settings that are a number in a file of their own; where there is none
// the kernel does not have the setting, and it is left out.
var single = []struct{ name, unit, root, path string }{
	{"max_map_count", "count", "proc", "sys/vm/max_map_count"},
	{"overcommit_memory", "mode", "proc", "sys/vm/overcommit_memory"},
	{"overcommit_ratio", "percent", "proc", "sys/vm/overcommit_ratio"},
	{"swappiness", "count", "proc", "sys/vm/swappiness"},
	{"dirty_ratio", "percent", "proc", "sys/vm/dirty_ratio"},
	{"dirty_bytes", "bytes", "proc", "sys/vm/dirty_bytes"},
	{"dirty_background_ratio", "percent", "proc", "sys/vm/dirty_background_ratio"},
	{"dirty_background_bytes", "bytes", "proc", "sys/vm/dirty_background_bytes"},
	{"vfs_cache_pressure", "count", "proc", "sys/vm/vfs_cache_pressure"},
	{"zone_reclaim_mode", "mode", "proc", "sys/vm/zone_reclaim_mode"},
	{"perf_event_paranoid", "mode", "proc", "sys/kernel/perf_event_paranoid"},
	{"unprivileged_userfaultfd", "mode", "proc", "sys/vm/unprivileged_userfaultfd"},
	{"io_uring_disabled", "mode", "proc", "sys/kernel/io_uring_disabled"},
	{"fault_around", "bytes", "sys", "kernel/debug/fault_around_bytes"},
}

func settings(o Options) []Setting {
	all := []Setting{}
	for _, s := range single {
		root := o.Proc
		if s.root == "sys" {
			root = o.Sys
		}
		found := readNumber(s.name, s.unit, filepath.Join(root, s.path))
		if found.Reason != notThere {
			all = append(all, found)
		}
	}
	all = append(all, limits(o)...)
	all = append(all, memory(o)...)
	all = append(all, swap(o))
	all = append(all, cgroup(o)...)
	return append(all, largeFolios(o)...)
}

// notThere is the reason of a setting that this kernel does not have.
const notThere = "this kernel has none"

func readNumber(name, unit, file string) Setting {
	s := Setting{Name: name, Unit: unit, Source: file}
	text, err := os.ReadFile(file)
	if err != nil {
		s.Reason = reasonOf(err)
		return s
	}
	return s.parse(strings.TrimSpace(string(text)))
}

func reasonOf(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return notThere
	case errors.Is(err, fs.ErrPermission):
		return needsRoot()
	}
	return err.Error()
}

// parse reads a number, or one of the words for no limit.
func (s Setting) parse(text string) Setting {
	if text == "max" || text == unlimited {
		s.Reason = unlimited
		return s
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		s.Reason = fmt.Sprintf("is no number: %.40q", text)
		return s
	}
	s.Value = &n
	return s
}

// limits reads /proc/self/limits (proc_pid_limits(5)), columns of fixed width.
func limits(o Options) []Setting {
	source := filepath.Join(o.Proc, "self/limits")
	f, err := os.Open(source)
	if err != nil {
		return []Setting{{Name: "memlock", Unit: "bytes", Source: source, Reason: reasonOf(err)}}
	}
	defer f.Close()
	var found []Setting
	for lines := bufio.NewScanner(f); lines.Scan(); {
		for title, s := range map[string]Setting{
			"Max locked memory ": {Name: "memlock", Unit: "bytes", Source: source},
			"Max address space ": {Name: "address_space", Unit: "bytes", Source: source},
			"Max open files ":    {Name: "open_files", Unit: "count", Source: source},
		} {
			if rest, is := strings.CutPrefix(lines.Text(), title); is {
				if fields := strings.Fields(rest); len(fields) > 0 {
					found = append(found, s.parse(fields[0]))
				}
			}
		}
	}
	return found
}

// memory reads /proc/meminfo (proc_meminfo(5)): "MemTotal:  24 kB".
func memory(o Options) []Setting {
	source := filepath.Join(o.Proc, "meminfo")
	wanted := []struct{ title, name string }{{"MemTotal", "memory"}, {"MemAvailable", "memory_available"}, {"Dirty", "dirty"}, {"Writeback", "writeback"}}
	text, err := os.ReadFile(source)
	if err != nil {
		return []Setting{{Name: "memory", Unit: "bytes", Source: source, Reason: reasonOf(err)}}
	}
	values := map[string]string{}
	for line := range strings.Lines(string(text)) {
		title, value, _ := strings.Cut(line, ":")
		values[title] = strings.TrimSuffix(strings.TrimSpace(value), " kB")
	}
	found := make([]Setting, 0, len(wanted))
	for _, w := range wanted {
		s := Setting{Name: w.name, Unit: "bytes", Source: source}.parse(values[w.title])
		if s.Value != nil && *s.Value < math.MaxInt64>>10 {
			*s.Value <<= 10
		}
		found = append(found, s)
	}
	return found
}

// swap adds up /proc/swaps (proc_swaps(5)).
func swap(o Options) Setting {
	s := Setting{Name: "swap", Unit: "bytes", Source: filepath.Join(o.Proc, "swaps")}
	text, err := os.ReadFile(s.Source)
	if err != nil {
		s.Reason = reasonOf(err)
		return s
	}
	total := int64(0)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 5 || fields[0] == "Filename" {
			continue
		}
		kb, err := strconv.ParseInt(fields[2], 10, 53)
		if err != nil {
			s.Reason = fmt.Sprintf("a line is %.60q", line)
			return s
		}
		total += kb << 10
	}
	s.Value = &total
	return s
}

// cgroup reads the limits of the memory cgroup that this process is in, of
// version 2, or 1. The strictest of it and those above it is what counts.
func cgroup(o Options) []Setting {
	text, err := os.ReadFile(filepath.Join(o.Proc, "self/cgroup"))
	if err != nil {
		return nil
	}
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		switch {
		case len(parts) != 3:
		case parts[0] == "0" && parts[1] == "":
			if found := cgroupLimits(filepath.Join(o.Sys, "fs/cgroup"), parts[2], "memory.current", "memory.swap.max", "memory.max", "memory.high"); found != nil {
				return found
			}
		case strings.Contains(","+parts[1]+",", ",memory,"):
			return cgroupLimits(filepath.Join(o.Sys, "fs/cgroup/memory"), parts[2], "memory.usage_in_bytes", "", "memory.limit_in_bytes")
		}
	}
	return nil
}

// cgroupUnlimited is from where on version 1 means no limit: the largest number of
// whole pages.
const cgroupUnlimited = math.MaxInt64 - 1<<20

// cgroupLimits finds the strictest limit of a group and those above it: above
// memory.high version 2 takes pages away, above memory.max nothing is to be had.
func cgroupLimits(root, group, usage, swap string, limits ...string) []Setting {
	var strictest *Setting
	for at := path.Clean("/" + group); ; at = path.Dir(at) {
		for _, limit := range limits {
			s := readNumber("cgroup_memory_limit", "bytes", filepath.Join(root, at, limit))
			if s.Value != nil && *s.Value >= cgroupUnlimited {
				s.Value, s.Reason = nil, unlimited
			}
			if s.Reason != notThere && (strictest == nil || s.Value != nil && (strictest.Value == nil || *s.Value < *strictest.Value)) {
				strictest = &s
			}
		}
		if at == "/" {
			break
		}
	}
	if strictest == nil {
		return nil
	}
	dir := filepath.Dir(strictest.Source)
	found := []Setting{*strictest, readNumber("cgroup_memory_used", "bytes", filepath.Join(dir, usage))}
	if swap != "" {
		found = append(found, readNumber("cgroup_swap_limit", "bytes", filepath.Join(dir, swap)))
	}
	return found
}

// largeFolios are a choice of several words, the one in brackets is set. For files
// the file system decides; these are for shared and anonymous memory.
func largeFolios(o Options) []Setting {
	var found []Setting
	for _, name := range []string{"enabled", "shmem_enabled"} {
		source := filepath.Join(o.Sys, "kernel/mm/transparent_hugepage", name)
		text, err := os.ReadFile(source)
		if err != nil {
			continue
		}
		_, rest, _ := strings.Cut(string(text), "[")
		word, _, ok := strings.Cut(rest, "]")
		s := Setting{Name: "transparent_hugepage_" + name, Unit: "mode", Source: source, Word: word, Reason: "is a word"}
		if ok {
			found = append(found, s)
		}
	}
	return found
}

// value of a setting, if it is known.
func (r *Report) value(name string) (int64, bool) {
	for _, s := range r.Settings {
		if s.Name == name && s.Value != nil {
			return *s.Value, true
		}
	}
	return 0, false
}

func (r *Report) ability(name string) Ability {
	for _, a := range r.Abilities {
		if a.Name == name {
			return a
		}
	}
	return Ability{}
}

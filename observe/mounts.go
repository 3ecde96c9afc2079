//go:build linux

package observe

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mount is a line of /proc/self/mounts.
type mount struct{ Source, Dir, Kind, Options string }

func readMounts(proc string) ([]mount, error) {
	text, err := os.ReadFile(filepath.Join(proc, "self/mounts"))
	if err != nil {
		return nil, err
	}
	return parseMounts(text), nil
}

// parseMounts reads proc_pid_mounts(5): fields separated by blanks, in which
// blanks and the like are written as \040.
func parseMounts(text []byte) []mount {
	var found []mount
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		found = append(found, mount{unescapeMount(f[0]), unescapeMount(f[1]), f[2], f[3]})
	}
	return found
}

func unescapeMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// memoryGroup is where this process's memory is limited.
type memoryGroup struct {
	Version int    // of the control groups: 1 or 2
	Mount   string // where they are mounted
	Own     string // this process's, below Mount
}

// findMemoryGroup finds the memory controller: version 1's own hierarchy if it is
// there, since version 2 then has no memory controller, else version 2.
func findMemoryGroup(proc string) (memoryGroup, bool) {
	mounts, err := readMounts(proc)
	if err != nil {
		return memoryGroup{}, false
	}
	own, err := os.ReadFile(filepath.Join(proc, "self/cgroup"))
	if err != nil {
		return memoryGroup{}, false
	}
	v1, v2 := parseOwnGroups(own)
	for _, m := range mounts {
		if m.Kind == "cgroup" && strings.Contains(","+m.Options+",", ",memory,") {
			return memoryGroup{1, m.Dir, v1}, true
		}
	}
	for _, m := range mounts {
		if m.Kind == "cgroup2" {
			return memoryGroup{2, m.Dir, v2}, true
		}
	}
	return memoryGroup{}, false
}

// parseOwnGroups reads /proc/PID/cgroup: "4:memory:/a/b", "0::/c".
func parseOwnGroups(text []byte) (memory, unified string) {
	memory, unified = "/", "/"
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) != 3 {
			continue
		}
		switch {
		case parts[1] == "":
			unified = parts[2]
		case strings.Contains(","+parts[1]+",", ",memory,"):
			memory = parts[2]
		}
	}
	return memory, unified
}

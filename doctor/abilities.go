package doctor

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
)

// Ability is something that can be done, or not.
type Ability struct {
	Name      string `json:"name"`
	For       string `json:"for"`       // what it is good for
	Available bool   `json:"available"` // to this user, here
	Reason    string `json:"reason"`    // why it is not
}

// tried are the abilities that a call finds out.
var tried = []struct {
	ability   sys.Ability
	name, use string
	since     string // the kernel that has it
	refused   string // what to do when it is there and refused
	root      string // that, for a root; "" for the same
}{
	{sys.AbleCachestat, "cachestat", "pages: cached, dirty and evicted pages of a file", "Linux 6.5", "allow it in the sandbox", ""},
	{sys.AblePopulate, "populate", "loading without stalls of the Go scheduler (MADV_POPULATE_READ)", "Linux 5.14", "allow it in the sandbox", ""},
	{sys.AbleProcessAdvice, "process_madvise", "evict: pages that other processes map", "Linux 5.10", "run as root", "needs CAP_SYS_PTRACE and CAP_SYS_NICE"},
	{sys.AblePagemapScan, "pagemap_scan", "finding written pages quickly", "Linux 6.7", "allow it in the sandbox", ""},
	{sys.AbleUserfault, "userfaultfd", "exact tracking of written pages", "Linux 6.7", "sysctl vm.unprivileged_userfaultfd=1, or rights to /dev/userfaultfd", "allow it in the sandbox"},
	{sys.AbleUring, "io_uring", "many reads at once from few threads", "Linux 5.1", "sysctl kernel.io_uring_disabled=0, or allow it in the sandbox", ""},
	{sys.AblePerf, "perf", "trace without root: every page fault with its address", "Linux 2.6.31", "sysctl kernel.perf_event_paranoid=2, or CAP_PERFMON", "needs CAP_PERFMON, or allow it in the sandbox"},
}

func abilities(o Options) []Ability {
	found := make([]Ability, 0, len(tried)+3)
	for _, t := range tried {
		a := Ability{Name: t.name, For: t.use}
		switch err := sys.Able(t.ability); {
		case err == nil:
			a.Available = true
		case errors.Is(err, errors.ErrUnsupported):
			a.Reason = "needs " + t.since
		default:
			a.Reason = "refused (" + err.Error() + "): " + t.refused
			if os.Geteuid() == 0 && t.root != "" {
				a.Reason = "refused (" + err.Error() + "): " + t.root
			}
		}
		found = append(found, a)
	}
	return append(found, tracefs(o), frames(), debugfs(o))
}

// tracefs is found where it is mounted; mounting it takes root.
func tracefs(o Options) Ability {
	a := Ability{Name: "tracefs", For: "trace: each step of a fault, and who reads a file"}
	dir, err := mounted(o.Proc, "tracefs")
	switch {
	case err != nil:
		return a.readable(err)
	case dir != "":
		return a.readable(tryInstance(undo.Name(filepath.Join(dir, "instances"), "filemap-doctor-")))
	case sys.Able(sys.AbleTracefs) == nil:
		a.Available = true
		a.Reason = "not mounted: filemap mounts it for itself while it is used"
		return a
	}
	a.Reason = "not mounted: mount -t tracefs nodev /sys/kernel/tracing, as root"
	if os.Geteuid() == 0 {
		a.Reason = "not mounted, and mounting it needs CAP_SYS_ADMIN, which this root does not have"
	}
	return a
}

// tryInstance makes what a trace works with, and takes it away again: if it is killed
// in between, the next run of any verb does.
func tryInstance(instance string) error {
	var made undo.Journal
	err := made.Make(undo.Instance, instance, func() error { return os.Mkdir(instance, 0o700) })
	if err == nil {
		err = errors.Join(
			os.WriteFile(filepath.Join(instance, "tracing_on"), []byte("0"), 0),
			os.WriteFile(filepath.Join(instance, "trace_clock"), []byte("mono"), 0))
	}
	return errors.Join(err, made.Close())
}

// mounted returns where a file system of that type is mounted first, "" if nowhere.
func mounted(proc, kind string) (string, error) {
	f, err := os.Open(filepath.Join(proc, "self/mounts"))
	if err != nil {
		return "", err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 2 && fields[2] == kind && !strings.Contains(fields[1], "/filemap-tracefs-") { // a run's own
			// The kernel writes spaces and the like in octal.
			return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(fields[1]), nil
		}
	}
	return "", nil
}

func frames() Ability {
	return Ability{Name: "kpageflags", For: "pages: folio sizes, and which cgroup pays"}.readable(sys.Able(sys.AbleFrames))
}

func debugfs(o Options) Ability {
	a := Ability{Name: "debugfs", For: "reading and changing fault_around_bytes"}
	f, err := os.OpenFile(filepath.Join(o.Sys, "kernel/debug/fault_around_bytes"), os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		a.Reason = "not mounted: mount -t debugfs nodev /sys/kernel/debug, as root"
		return a
	}
	if err == nil {
		err = f.Close()
	}
	return a.readable(err)
}

// needsRoot is what to do where a file of the kernel is refused.
func needsRoot() string {
	if os.Geteuid() == 0 {
		return "needs CAP_SYS_ADMIN, which this root does not have, or is refused by a sandbox"
	}
	return "needs root"
}

func (a Ability) readable(err error) Ability {
	switch {
	case err == nil:
		a.Available = true
	case errors.Is(err, fs.ErrPermission):
		a.Reason = needsRoot()
	case errors.Is(err, errors.ErrUnsupported):
		a.Reason = "this kernel has none"
	case errors.Is(err, fs.ErrNotExist):
		a.Reason = "this kernel has none"
	default:
		a.Reason = err.Error()
	}
	return a
}

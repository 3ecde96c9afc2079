package observe

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/filemap-go/filemap/internal/undo"
)

// groups is a machine whose control groups are of version 2, as files.
func groups(t *testing.T, controllers, handedOn string) (tr *tracing, root string) {
	t.Helper()
	proc, root := t.TempDir(), t.TempDir()
	for path, text := range map[string]string{
		filepath.Join(proc, "self/mounts"):            "cgroup2 " + root + " cgroup2 rw 0 0\n",
		filepath.Join(proc, "self/cgroup"):            "0::/user.slice\n",
		filepath.Join(root, "cgroup.controllers"):     controllers + "\n",
		filepath.Join(root, "cgroup.subtree_control"): handedOn + "\n",
	} {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	tr = &tracing{session: session{doc: &Document{}, proc: proc}, o: &Options{MemoryLimit: 8 << 20}}
	t.Cleanup(func() { must(t, tr.journal.Close()) })
	return tr, root
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	must(t, err)
	return strings.TrimSpace(string(text))
}

func TestGroupOfVersion2(t *testing.T) {
	for _, c := range []struct{ name, handedOn, during, after string }{
		{"to be handed on", "cpu", "+memory", "-memory"},
		{"handed on already", "cpu memory pids", "cpu memory pids", "cpu memory pids"},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr, root := groups(t, "cpu io memory", c.handedOn)
			must(t, tr.makeGroup())
			if filepath.Dir(tr.group) != root {
				t.Errorf("the group %s is not below %s, where no processes are in the way", tr.group, root)
			}
			if got := read(t, tr.group, "memory.max"); got != "8388608" {
				t.Errorf("memory.max is %q", got)
			}
			if got := read(t, root, "cgroup.subtree_control"); got != c.during {
				t.Errorf("cgroup.subtree_control was told %q", got)
			}
			must(t, os.Remove(filepath.Join(tr.group, "memory.max"))) // as the kernel's go by themselves
			must(t, tr.journal.Close())
			if _, err := os.Stat(tr.group); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s is left: %v", tr.group, err)
			}
			if got := read(t, root, "cgroup.subtree_control"); got != c.after {
				t.Errorf("cgroup.subtree_control was told %q at the end", got)
			}
		})
	}
}

// Another run's limit would end with the controller.
func TestControllerStaysForOtherRuns(t *testing.T) {
	tr, root := groups(t, "memory", "")
	must(t, tr.makeGroup())
	must(t, os.Remove(filepath.Join(tr.group, "memory.max")))
	must(t, os.Mkdir(filepath.Join(root, undo.GroupPrefix+"1"), 0o755))
	must(t, tr.journal.Close())
	if got := read(t, root, "cgroup.subtree_control"); got != "+memory" {
		t.Errorf("cgroup.subtree_control was told %q", got)
	}
}

func TestGroupsWithoutMemory(t *testing.T) {
	tr, root := groups(t, "cpu io", "cpu")
	if err := tr.makeGroup(); err == nil || !strings.Contains(err.Error(), "no memory controller") {
		t.Errorf("%v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(root, undo.GroupPrefix+"*")); len(left) > 0 || read(t, root, "cgroup.subtree_control") != "cpu" {
		t.Errorf("something was done: %v", left)
	}
}

// The kernel's answer where a group has processes of its own.
func TestBusyGroupIsExplained(t *testing.T) {
	err := explainBusy("/sys/fs/cgroup", &os.PathError{Op: "write", Path: "x", Err: syscall.EBUSY})
	if err == nil || !strings.Contains(err.Error(), "outside of the container") || !errors.Is(err, syscall.EBUSY) {
		t.Errorf("%v", err)
	}
	if explainBusy("/", nil) != nil {
		t.Error("nothing is wrong")
	}
}

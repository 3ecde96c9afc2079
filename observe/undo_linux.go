package observe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
)

func ownedByMe(st fs.FileInfo) bool { return sys.OwnedBy(st, os.Geteuid()) }

// unmount takes away what is mounted at dir, and dir itself.
func unmount(dir string) error {
	mounted, err := isMountPoint("/proc", dir)
	if err != nil {
		return err
	}
	if mounted {
		if err := sys.Unmount(dir); err != nil {
			return err
		}
	}
	return gone(os.Remove(dir))
}

// isMountPoint looks dir up in /proc/self/mounts.
func isMountPoint(proc, dir string) (bool, error) {
	mounts, err := readMounts(proc)
	if err != nil {
		return false, err
	}
	for _, m := range mounts {
		if m.Dir == dir {
			return true, nil
		}
	}
	return false, nil
}

// swapOff ends the use of a swap file, if it is one.
func swapOff(path string) error {
	text, err := os.ReadFile("/proc/swaps")
	if err != nil {
		return err
	}
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		resolved = path
	}
	if !strings.Contains(string(text), escapeMount(resolved)+" ") && !strings.Contains(string(text), escapeMount(resolved)+"\t") {
		return nil
	}
	return sys.SwapOff(path)
}

// removeGroup kills what is in a control group and removes it. The kernel takes a
// moment to let its processes go.
func removeGroup(dir string) error {
	const patience = 5 * time.Second
	var err error
	for began := time.Now(); time.Since(began) < patience; time.Sleep(10 * time.Millisecond) {
		if err = gone(os.Remove(dir)); err == nil {
			return nil
		}
		_ = os.WriteFile(filepath.Join(dir, "cgroup.kill"), []byte("1"), 0) // version 2 has it
	}
	return errors.Join(errors.New("something is still in it"), err)
}

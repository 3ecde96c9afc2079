package pagecache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/sys/sandbox"
)

// What a sandbox refuses is no right that is missing: the next best source is asked.
// What /proc does not show is not counted as none.

var refusals = map[string]struct {
	errno unix.Errno
	calls []uintptr
}{
	"cachestat EPERM":          {unix.EPERM, []uintptr{unix.SYS_CACHESTAT}},
	"cachestat EACCES":         {unix.EACCES, []uintptr{unix.SYS_CACHESTAT}},
	"cachestat ENOSYS":         {unix.ENOSYS, []uintptr{unix.SYS_CACHESTAT}},
	"cachestat, mincore EPERM": {unix.EPERM, []uintptr{unix.SYS_CACHESTAT, unix.SYS_MINCORE}},
	"statx EPERM":              {unix.EPERM, []uintptr{unix.SYS_STATX}},
}

func refuse(t *testing.T, name string) {
	t.Helper()
	r := refusals[name]
	if err := sandbox.Refuse(r.errno, r.calls...); err != nil {
		t.Skipf("needs seccomp: %v", err)
	}
}

// readable lets other users look at path, below a temporary directory of this one's.
func readable(t *testing.T, path string) string {
	t.Helper()
	for dir := filepath.Dir(path); len(dir) > 1; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		if err == nil && st.Mode().Perm()&0o001 == 0 {
			if err := os.Chmod(dir, st.Mode().Perm()|0o011); err != nil {
				t.Fatal(err)
			}
		}
	}
	return path
}

func TestASandboxRefuses(t *testing.T) {
	path := readable(t, onDisk(t, 64*sys.PageSize))
	readPages(t, path, span{3, 20})
	keepPages(t, path, span{3, 20})
	me := uint32(os.Geteuid())
	for name, r := range refusals {
		t.Run(name, func(t *testing.T) {
			f := lookAs(t, me, path, "FILEMAP_REFUSED="+name)
			switch {
			case strings.Contains(name, "mincore"):
				if f.CachedPages != nil || f.Ranges != nil || !strings.Contains(f.Unknown["cached_pages"], "refused") || strings.Contains(f.Unknown["cached_pages"], "root") {
					t.Errorf("%+v", f)
				}
			case f.CachedPages == nil || *f.CachedPages != 17 || count(f.pageSet(t)) != 17:
				t.Errorf("%+v", f)
			case strings.Contains(name, "cachestat") && (f.Method != "mincore" || f.DirtyPages != nil || f.Unknown["dirty_pages"] == ""):
				t.Errorf("%+v", f)
			case r.errno == unix.EPERM && f.Method == "mincore" && !strings.Contains(f.Unknown["dirty_pages"], "sandbox"):
				t.Errorf("the reason is %q", f.Unknown["dirty_pages"])
			}
			if me == 0 { // what others may not know they are not told by mincore either
				if f := lookAs(t, nobodyUser, path, "FILEMAP_REFUSED="+name); f.CachedPages != nil && strings.Contains(name, "cachestat") {
					t.Errorf("another user is told %d", *f.CachedPages)
				}
			}
		})
	}
}

// A root without the rights of root is not told to be root.
func TestRootWithoutRights(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	path := readable(t, onDisk(t, 64*sys.PageSize))
	if err := errors.Join(os.Chown(path, nobodyUser, nobodyUser), os.Chmod(path, 0o444)); err != nil {
		t.Fatal(err)
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("needs setpriv")
	}
	cmd := exec.Command(setpriv, "--bounding-set=-all", "--inh-caps=-all", "/proc/self/exe", "-test.run=^TestChildLooks$")
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	cmd.Args[3] = self
	cmd.Env = append(os.Environ(), "FILEMAP_LOOK_AT="+path, "FILEMAP_LOOK_AT_MAPPED=1")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "root)") || !strings.Contains(string(out), "CAP_FOWNER") {
		t.Errorf("%v\n%s", err, out)
	}
}

// A record of nothing is not made where nothing is known.
func TestNothingIsRecordedOfTheUnknown(t *testing.T) {
	if os.Getenv("FILEMAP_SAVE") != "" {
		refuse(t, "cachestat, mincore EPERM")
		w, err := NewWarmSetWriter(&bytes.Buffer{})
		if err != nil {
			t.Fatal(err)
		}
		_, err = w.Add(context.Background(), os.Getenv("FILEMAP_SAVE"))
		if total, _ := w.Close(); !errors.Is(err, ErrUnknown) || total.Files != 0 || !strings.Contains(err.Error(), "refused") {
			t.Errorf("%+v, %v", total, err)
		}
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestNothingIsRecordedOfTheUnknown$")
	cmd.Env = append(os.Environ(), "FILEMAP_SAVE="+onDisk(t, 64*sys.PageSize))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// procWith mounts another /proc.
func procWith(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount")
	}
	dir, err := os.MkdirTemp("", "filemap-proc-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(dir) })
	mountAt(t, dir, "-t", "proc", "-o", options, "proc")
	return dir
}

// A process of another user maps the file, and /proc does not list it.
func TestHiddenProcessesAreNotNone(t *testing.T) {
	for _, options := range []string{"hidepid=0", "hidepid=1", "hidepid=2", "hidepid=4"} {
		t.Run(options, func(t *testing.T) {
			proc := procWith(t, options)
			path := readable(t, onDisk(t, 64*sys.PageSize))
			m, err := filemap.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if err := m.Populate(context.Background(), 0, filemap.ToEnd, nil); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(path, nobodyUser, nobodyUser); err != nil {
				t.Fatal(err)
			}
			f := lookAs(t, nobodyUser, path, "FILEMAP_PROC="+proc, "FILEMAP_LOOK_AT_MAPPED=1")
			if f.CachedPages == nil || *f.CachedPages != 64 {
				t.Fatalf("%+v", f)
			}
			if f.MappedPages != nil || f.Unknown["mapped_pages"] == "" {
				t.Errorf("this process maps it, and mapped is %v: %v", f.MappedPages, f.Unknown)
			}
			p, err := ScanProcesses(context.Background(), proc)
			if err != nil {
				t.Fatal(err)
			}
			mine := look(t, path, Query{Mapped: p, Proc: proc})
			if mine.MappedPagesAtLeast != 64 || p.Unseen != "" && mine.MappedPages != nil {
				t.Errorf("root: %+v", mine)
			}
		})
	}
}

// In a container of its own a process sees no others, and says so.
func TestProcessesOutsideOfAContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("needs unshare")
	}
	path := onDisk(t, 64*sys.PageSize)
	m, err := filemap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Populate(context.Background(), 0, filemap.ToEnd, nil); err != nil {
		t.Fatal(err)
	}
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(unshare, "--pid", "--fork", "--mount-proc", self, "-test.run=^TestChildLooks$")
	cmd.Env = append(os.Environ(), "FILEMAP_LOOK_AT="+path, "FILEMAP_LOOK_AT_MAPPED=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), `"mapped_pages":null`) || !strings.Contains(string(out), "outside of this container") {
		t.Errorf("%v\n%s", err, out)
	}
}

// Where /proc is of another PID namespace a number there is another process here, whose
// memory stays as it is.
func TestEvictWithForeignProc(t *testing.T) {
	if path := os.Getenv("FILEMAP_EVICT_AT"); path != "" {
		r, err := Evict(context.Background(), path, EvictOptions{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(r.Stayed)
		return
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		t.Skip("needs unshare")
	}
	path := onDisk(t, 64*sys.PageSize)
	m, err := filemap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if err := m.Populate(context.Background(), 0, filemap.ToEnd, nil); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(unshare, "--pid", "--fork", self, "-test.run=^TestEvictWithForeignProc$")
	cmd.Env = append(os.Environ(), "FILEMAP_EVICT_AT="+path)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "{64 mapped by a process that /proc, of another PID namespace") {
		t.Errorf("%v\n%s", err, out)
	}
}

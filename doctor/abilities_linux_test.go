package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys/sandbox"
	"github.com/filemap-go/filemap/internal/undo"
	"github.com/filemap-go/filemap/pagecache"
)

// An ability that doctor says there is works when it is used, and one that it says
// there is not does not: for another user, and for a root with fewer rights.

// used is what the child could do when it did it.
type used struct {
	Abilities        []Ability
	Frames, Evicting bool
	Settings         []Setting
}

// refusable are the calls of each ability that is one.
var refusable = map[string]uintptr{
	"cachestat": unix.SYS_CACHESTAT, "process_madvise": unix.SYS_PROCESS_MADVISE,
	"userfaultfd": unix.SYS_USERFAULTFD, "io_uring": unix.SYS_IO_URING_SETUP, "perf": unix.SYS_PERF_EVENT_OPEN,
}

// TestChildUses tries, and does it; TestAbilitiesAreAsUsed runs it.
func TestChildUses(t *testing.T) {
	path := os.Getenv("FILEMAP_USE")
	if path == "" {
		t.Skip("is started by TestAbilitiesAreAsUsed")
	}
	if name := os.Getenv("FILEMAP_REFUSED"); name != "" {
		if err := sandbox.Refuse(unix.EPERM, refusable[name]); err != nil {
			t.Skipf("needs seccomp: %v", err)
		}
	}
	r, err := Examine(context.Background(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	u := used{Abilities: r.Abilities, Settings: r.Settings}
	f, err := pagecache.Look(context.Background(), path, pagecache.Query{Frames: true})
	if err != nil {
		t.Fatal(err)
	}
	u.Frames = f.Frames != nil
	if os.Getenv("FILEMAP_REFUSED") == "" {
		e, err := pagecache.Evict(context.Background(), path, pagecache.EvictOptions{})
		u.Evicting = err == nil && e.AfterPages != nil && *e.AfterPages == 0
	}
	text, err := json.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("USED%s\n", text)
}

// use runs the child behind a command that takes rights away.
func use(t *testing.T, path string, behind []string, env ...string) used {
	t.Helper()
	dir, err := os.MkdirTemp("", "filemap-user-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self := filepath.Join(dir, "user")
	program, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(self, program, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	line := append(append([]string{}, behind...), self, "-test.run=^TestChildUses$")
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = "/"
	cmd.Env = append(append(os.Environ(), "FILEMAP_USE="+path), env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	out, err := cmd.CombinedOutput()
	_, text, found := strings.Cut(string(out), "USED")
	if strings.Contains(string(out), "needs seccomp") {
		t.Skip("needs seccomp")
	}
	var u used
	if err != nil || !found || json.NewDecoder(strings.NewReader(text)).Decode(&u) != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return u
}

func (u *used) ability(name string) Ability {
	for _, a := range u.Abilities {
		if a.Name == name {
			return a
		}
	}
	return Ability{}
}

// mapped makes a file of user's in memory that this process maps, root by default.
func mapped(t *testing.T, user int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "filemap-used-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "file")
	if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(path, make([]byte, 1<<16), 0o644), os.Chown(path, user, user)); err != nil {
		t.Fatal(err)
	}
	m, err := filemap.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	if err := m.Populate(context.Background(), 0, filemap.ToEnd, nil); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAbilitiesAreAsUsed(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to have less than its rights")
	}
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("needs setpriv")
	}
	const nobody = 65534
	for name, c := range map[string]struct {
		behind []string
		owner  int
		env    string
	}{
		"root":                 {nil, 0, ""},
		"nobody":               {[]string{setpriv, "--reuid=nobody", "--regid=nogroup", "--clear-groups"}, nobody, ""},
		"root but SYS_ADMIN":   {[]string{setpriv, "--bounding-set=-sys_admin"}, 0, ""},
		"root but SYS_NICE":    {[]string{setpriv, "--bounding-set=-sys_nice"}, 0, ""},
		"root but any right":   {[]string{setpriv, "--bounding-set=-all"}, 0, ""},
		"root but SYS_PTRACE ": {[]string{setpriv, "--bounding-set=-sys_ptrace,-sys_resource"}, 0, ""},
	} {
		t.Run(name, func(t *testing.T) {
			path := mapped(t, c.owner)
			u := use(t, path, c.behind)
			if got := u.ability("kpageflags"); got.Available != u.Frames {
				t.Errorf("%+v, and looking at frames works: %v", got, u.Frames)
			}
			f, err := pagecache.Look(context.Background(), path, pagecache.Query{})
			if err != nil {
				t.Fatal(err)
			}
			if inMemory := f.FileSystem == "tmpfs"; !inMemory {
				if got := u.ability("process_madvise"); got.Available != u.Evicting {
					t.Errorf("%+v, and evicting works: %v", got, u.Evicting)
				}
			}
			if strings.Contains(name, "root") {
				for _, a := range u.Abilities {
					if strings.HasSuffix(a.Reason, "needs root") || strings.Contains(a.Reason, "run as root") {
						t.Errorf("root is told: %+v", a)
					}
				}
			}
			// Where it is mounted already, its files are root's.
			a := u.ability("tracefs")
			if strings.Contains(a.Reason, "not mounted") && name != "root" && a.Available != (name == "root but SYS_NICE" || strings.Contains(name, "PTRACE")) {
				t.Errorf("%+v", a)
			}
		})
	}
}

// What a sandbox refuses is not there, and root is not what is missing.
func TestAbilitiesInASandbox(t *testing.T) {
	path := mapped(t, os.Geteuid())
	for name := range refusable {
		t.Run(name, func(t *testing.T) {
			u := use(t, path, nil, "FILEMAP_REFUSED="+name)
			a := u.ability(name)
			if a.Available || !strings.Contains(a.Reason, "refused") || os.Geteuid() == 0 && strings.Contains(a.Reason, "run as root") {
				t.Errorf("%+v", a)
			}
		})
	}
}

// A choice of words is shown as the word.
func TestWordsAreNoNumbers(t *testing.T) {
	r, err := Examine(context.Background(), machine(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range r.Settings {
		if strings.Contains(s.Reason, "no number") {
			t.Errorf("%+v", s)
		}
		if s.Name == "transparent_hugepage_enabled" && s.Word != "madvise" {
			t.Errorf("%+v", s)
		}
	}
}

// An instance is made to find out, and goes again.
func TestInstanceIsTakenAway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	var refused error
	done := make(chan struct{})
	go func() { // its thread, which sees a mount that nobody else does, ends with it
		defer close(done)
		runtime.LockOSThread()
		dir := t.TempDir()
		err := errors.Join(unix.Unshare(unix.CLONE_NEWNS), unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""))
		if err == nil {
			err = unix.Mount("nodev", dir, "tracefs", 0, "")
		}
		if err != nil {
			refused = err
			return
		}
		instance := undo.Name(filepath.Join(dir, "instances"), "filemap-doctor-")
		if err := tryInstance(instance); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(instance); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("it stays: %v", err)
		}
		_ = unix.Unmount(dir, unix.MNT_DETACH)
	}()
	<-done
	if refused != nil {
		t.Skipf("needs tracefs: %v", refused)
	}
}

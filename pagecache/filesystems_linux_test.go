package pagecache

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/sys"
)

// Every source is asked about files of each file system that this kernel has, beside
// what others' tools say, by a user that may know and by one that may not.

// place is a mounted file system with a file in it, and what is expected of it.
type place struct {
	name     string
	method   string // the source that tells the truth there
	readOnly bool
	make     func(t *testing.T, dir, content string) (file string) // content is a file to copy
}

var places = []place{
	{"tmpfs", "cachestat", false, func(t *testing.T, dir, content string) string {
		mountAt(t, dir, "-t", "tmpfs", "-o", "size=32m", "tmpfs")
		return copyInto(t, dir, content)
	}},
	{"ext4", "cachestat", false, func(t *testing.T, dir, content string) string {
		return onImage(t, dir, content, "mkfs.ext4", "-q", "-F")
	}},
	{"xfs", "cachestat", false, func(t *testing.T, dir, content string) string {
		return onImage(t, dir, content, "mkfs.xfs", "-q", "-f")
	}},
	{"btrfs", "cachestat", false, func(t *testing.T, dir, content string) string {
		return onImage(t, dir, content, "mkfs.btrfs", "-q", "-f")
	}},
	{"btrfs reflink in a subvolume", "cachestat", false, func(t *testing.T, dir, content string) string {
		file := onImage(t, dir, content, "mkfs.btrfs", "-q", "-f")
		runTool(t, "btrfs", "-q", "subvolume", "create", filepath.Join(dir, "sub"))
		runTool(t, "cp", "--reflink=always", file, filepath.Join(dir, "sub/file"))
		runTool(t, "sync", "-f", filepath.Join(dir, "sub/file"))
		return filepath.Join(dir, "sub/file")
	}},
	{"overlayfs lower", "mincore", false, func(t *testing.T, dir, content string) string {
		return onOverlay(t, dir, content, "lower")
	}},
	{"overlayfs upper", "mincore", false, func(t *testing.T, dir, content string) string {
		return onOverlay(t, dir, content, "upper")
	}},
	{"squashfs", "cachestat", true, func(t *testing.T, dir, content string) string {
		return onPackedImage(t, dir, content, "mksquashfs", func(from, image string) []string { return []string{from, image, "-quiet", "-no-progress"} })
	}},
	{"erofs", "cachestat", true, func(t *testing.T, dir, content string) string {
		return onPackedImage(t, dir, content, "mkfs.erofs", func(from, image string) []string { return []string{"--quiet", image, from} })
	}},
	{"FUSE", "cachestat", false, func(t *testing.T, dir, content string) string { return onFUSE(t, dir, content, false) }},
	{"FUSE passthrough", "mincore", false, func(t *testing.T, dir, content string) string { return onFUSE(t, dir, content, true) }},
}

func runTool(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs %s", name)
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// mountAt mounts, until the test ends.
func mountAt(t *testing.T, dir string, args ...string) {
	t.Helper()
	out, err := exec.Command("mount", append(args, dir)...).CombinedOutput()
	if err != nil {
		t.Skipf("needs to mount %s: %s", args, out)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, 0); err != nil && unix.Unmount(dir, unix.MNT_DETACH) != nil {
			t.Errorf("unmounting %s: %v", dir, err)
		}
	})
}

func copyInto(t *testing.T, dir, content string) string {
	t.Helper()
	file := filepath.Join(dir, "file")
	runTool(t, "cp", content, file)
	runTool(t, "sync", "-f", file)
	return file
}

func onImage(t *testing.T, dir, content, mkfs string, args ...string) string {
	image := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, 512<<20); err != nil {
		t.Fatal(err)
	}
	runTool(t, mkfs, append(args, image)...)
	mountAt(t, dir, "-o", "loop", image)
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return copyInto(t, dir, content)
}

func onPackedImage(t *testing.T, dir, content, mkfs string, args func(from, image string) []string) string {
	from, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	if err := os.Chmod(from, 0o755); err != nil {
		t.Fatal(err)
	}
	runTool(t, "cp", "-p", content, filepath.Join(from, "file"))
	runTool(t, mkfs, args(from, image)...)
	mountAt(t, dir, "-o", "loop,ro", image)
	return filepath.Join(dir, "file")
}

func onOverlay(t *testing.T, dir, content, layer string) string {
	layers := t.TempDir()
	for dir := layers; len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"lower", "upper", "work"} {
		if err := os.Mkdir(filepath.Join(layers, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	copyInto(t, filepath.Join(layers, layer), content)
	mountAt(t, dir, "-t", "overlay", "overlay", "-o",
		"lowerdir="+filepath.Join(layers, "lower")+",upperdir="+filepath.Join(layers, "upper")+",workdir="+filepath.Join(layers, "work"))
	return filepath.Join(dir, "file")
}

const nobodyUser = 65534

// inPlaces runs a test for a file of owner in each place, 907 pages of no zeros.
func inPlaces(t *testing.T, owner int, test func(t *testing.T, p place, path string)) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount")
	}
	content := filepath.Join(t.TempDir(), "content")
	bytes := make([]byte, 907*sys.PageSize)
	for i := range bytes {
		bytes[i] = byte(i*i>>8 + i)
	}
	if err := errors.Join(os.WriteFile(content, bytes, 0o644), os.Chown(content, owner, owner)); err != nil {
		t.Fatal(err)
	}
	for _, p := range places {
		t.Run(p.name, func(t *testing.T) {
			dir, err := os.MkdirTemp("", "filemap-place-")
			if err == nil {
				err = os.Chmod(dir, 0o755)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Remove(dir) })
			path := p.make(t, dir, content)
			if !p.readOnly {
				if err := os.Chown(path, owner, owner); err != nil {
					t.Fatal(err)
				}
			}
			test(t, p, path)
		})
	}
}

// readByAnother has another program read all of the file.
func readByAnother(t *testing.T, path string) {
	t.Helper()
	runTool(t, "cat", path)
}

// others is what the tools of others count of a file, as a user.
func others(t *testing.T, user uint32, path string) map[string]int64 {
	found := map[string]int64{}
	for name, ask := range map[string]struct {
		args    []string
		pattern string
	}{
		"fincore": {[]string{"--noheadings", "--output", "PAGES", path}, `(\d+)`},
		"vmtouch": {[]string{path}, `Resident Pages: (\d+)/`},
		"pcstat":  {[]string{"-json", path}, `"cached":(\d+)`},
	} {
		program, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		c := exec.Command(program, ask.args...)
		if int(user) != os.Geteuid() {
			c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		}
		out, err := c.Output()
		match := regexp.MustCompile(ask.pattern).FindSubmatch(out)
		if err != nil || match == nil {
			t.Errorf("%s: %v\n%s", name, err, out)
			continue
		}
		found[name], _ = strconv.ParseInt(string(match[1]), 10, 64)
	}
	return found
}

// What is in memory is what the tools of others say that ask mincore as root.
func TestEachFileSystem(t *testing.T) {
	inPlaces(t, 0, func(t *testing.T, p place, path string) {
		ctx := context.Background()
		if _, err := Evict(ctx, path, EvictOptions{}); err != nil && p.name != "tmpfs" {
			t.Fatal(err)
		}
		readByAnother(t, path)
		release := keepAll(t, path)
		f := look(t, path, Query{Ranges: true})
		if f.CachedPages == nil || *f.CachedPages != 907 || count(f.pageSet(t)) != 907 {
			t.Fatalf("cached %v: %+v", f.CachedPages, f)
		}
		if p.method != "" && f.Method != p.method {
			t.Errorf("asked %s, want %s", f.Method, p.method)
		}
		if (f.DirtyPages == nil) != (f.Method == "mincore") || f.DirtyPages == nil && f.Unknown["dirty_pages"] == "" {
			t.Errorf("dirty %v, %v", f.DirtyPages, f.Unknown)
		}
		for tool, n := range others(t, 0, path) {
			if n != 907 {
				t.Errorf("%s says %d, we say 907", tool, n)
			}
		}
		m, err := filemap.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := m.Residency(t.Context(), 0, filemap.ToEnd)
		if err := errors.Join(err, m.Close()); err != nil || !r.Known || r.ResidentPages != 907 {
			t.Errorf("Residency: %+v, %v", r, err)
		}
		release()
		steer(t, p, path)
	})
}

// keepAll locks all of the file, and reads what the kernel took back before.
func keepAll(t *testing.T, path string) (release func()) {
	t.Helper()
	m, err := filemap.Open(path)
	if err == nil {
		err = m.Lock(0, filemap.ToEnd)
	}
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

// nearly is all pages: the kernel may take a few back at any time.
func nearly(n *int64) bool { return n != nil && *n <= 907 && *n > 800 }

// steer changes what is in memory, and every answer is of the file.
func steer(t *testing.T, p place, path string) {
	ctx := context.Background()
	var record strings.Builder
	w, err := NewWarmSetWriter(&record)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := w.Add(ctx, path); err != nil || !nearly(&n) {
		t.Errorf("saved %d pages, %v", n, err)
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if p.name == "tmpfs" {
		return // it does not leave memory
	}
	if p.name == "FUSE passthrough" { // its pages are those of a file that is nobody's to see here
		if r := evict(t, path, EvictOptions{}); len(r.Stayed) != 1 || !strings.Contains(r.Stayed[0].Reason, "another file") {
			t.Errorf("%+v", r)
		}
		return
	}
	if r := evict(t, path, EvictOptions{}); !nearly(r.BeforePages) || *r.AfterPages != 0 || *look(t, path, Query{}).CachedPages != 0 {
		t.Fatalf("evicted: before %d, after %d: %+v", *r.BeforePages, *r.AfterPages, r)
	}
	for tool, n := range others(t, 0, path) {
		if n != 0 {
			t.Errorf("%s says %d after the eviction", tool, n)
		}
	}
	if _, err := Restore(ctx, strings.NewReader(record.String()), RestoreOptions{}, func(r Restored) error {
		if r.Err != nil || !nearly(r.Result.AfterPages) || *r.Result.BeforePages != 0 {
			t.Errorf("restored: %+v, %v", r.Result, r.Err)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	evict(t, path, EvictOptions{})
	if r := warm(t, path, WarmOptions{}); !nearly(r.AfterPages) || *r.BeforePages != 0 {
		t.Errorf("warmed: %+v, now %d", r, *r.AfterPages)
	}
	hold, err := Lock(ctx, path, Extent{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	r, err := hold.Measure(ctx)
	if err != nil || *r.AfterPages != 907 {
		t.Errorf("locked: %+v, %v", r, err)
	}
	if e := evict(t, path, EvictOptions{}); *e.AfterPages != 907 {
		t.Errorf("%d pages are left of what is locked: %+v", *e.AfterPages, e)
	}
	if err := hold.Close(); err != nil {
		t.Fatal(err)
	}
}

// A user that owns the file is told; one that does not is told that it is unknown.
func TestEachFileSystemAsNobody(t *testing.T) {
	for name, owner := range map[string]int{"its own": nobodyUser, "another's": 0} {
		t.Run(name, func(t *testing.T) {
			inPlaces(t, owner, func(t *testing.T, p place, path string) {
				readByAnother(t, path)
				f := lookAs(t, nobodyUser, path)
				if owner == nobodyUser { // to others mincore(2), and so these tools, call every page resident
					for tool, n := range others(t, nobodyUser, path) {
						if !nearly(&n) {
							t.Errorf("%s says %d to the owner, we say %v", tool, n, f.CachedPages)
						}
					}
				}
				switch {
				case owner == nobodyUser && !nearly(f.CachedPages):
					t.Errorf("the owner is told %+v", f)
				case owner == 0 && strings.HasPrefix(p.name, "FUSE"):
					// What it permits, its process decides, and so the kernel tells.
					if f.CachedPages != nil && !nearly(f.CachedPages) {
						t.Errorf("another user is told %d", *f.CachedPages)
					}
				case owner == 0 && (f.CachedPages != nil || f.Ranges != nil || f.Unknown["cached_pages"] != ErrUnknown.Error()):
					t.Errorf("another user is told %+v", f)
				}
			})
		})
	}
}

// lookAs runs this program as another user.
func lookAs(t *testing.T, user uint32, path string, env ...string) *File {
	t.Helper()
	dir, err := os.MkdirTemp("", "filemap-looker-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	self := filepath.Join(dir, "looker")
	program, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), os.WriteFile(self, program, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestChildLooks$")
	cmd.Dir = "/"
	cmd.Env = append(append(os.Environ(), "FILEMAP_LOOK_AT="+path), env...)
	if int(user) != os.Geteuid() {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
	}
	out, err := cmd.CombinedOutput()
	_, text, found := strings.Cut(string(out), "LOOK")
	if strings.Contains(string(out), "needs seccomp") {
		t.Skip("needs seccomp")
	}
	if err != nil || !found {
		t.Fatalf("%v\n%s", err, out)
	}
	var f File
	if err := json.NewDecoder(strings.NewReader(text)).Decode(&f); err != nil {
		t.Fatal(err)
	}
	return &f
}

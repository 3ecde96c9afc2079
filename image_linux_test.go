package filemap_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// A power cut, as near as it comes without one: a writer works on an ext4 that lies
// in a file, and at a random moment that file is cloned, which its own file system
// (XFS) does at one instant. The clone is what the device has got by then. It is
// mounted, its journal is replayed as after a power cut, and what was promised must
// be there.

// cutDisk is an ext4 in a file of an XFS in a file.
type cutDisk struct {
	dir, image, mounted string
	clones              int
}

func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// mountImage mounts the file system in an image, until the returned function.
func mountImage(t *testing.T, image, at string) (unmount func()) {
	t.Helper()
	if err := os.MkdirAll(at, 0o700); err != nil {
		t.Fatal(err)
	}
	tool(t, "mount", "-o", "loop", image, at)
	done := false
	unmount = func() {
		if !done {
			done = true
			unmountBusy(t, at)
		}
	}
	t.Cleanup(unmount)
	return unmount
}

// unmountBusy unmounts what may be busy longer: a loop device lets its file go some
// time after its own file system was unmounted, which other tests' mount namespaces
// may hold. What stays busy goes with them.
func unmountBusy(t *testing.T, at string) {
	t.Helper()
	for range 50 {
		if err := unix.Unmount(at, 0); err != unix.EBUSY {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
		t.Errorf("unmounting %s: %v", at, err)
	}
}

func sparseFile(t *testing.T, path string, size int64) string {
	t.Helper()
	f, err := os.Create(path)
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
	f.Close()
	return path
}

func newCutDisk(t *testing.T) *cutDisk {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root to mount")
	}
	for _, name := range []string{"mkfs.xfs", "mkfs.ext4", "mount"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs %s", name)
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		t.Skip("needs loop devices")
	}
	dir := t.TempDir()
	outer := sparseFile(t, filepath.Join(dir, "xfs"), 512<<20)
	tool(t, "mkfs.xfs", "-q", "-m", "reflink=1", outer)
	mountImage(t, outer, filepath.Join(dir, "outer"))
	d := &cutDisk{dir: filepath.Join(dir, "outer"), mounted: filepath.Join(dir, "inner")}
	d.image = sparseFile(t, filepath.Join(d.dir, "ext4"), 64<<20)
	tool(t, "mkfs.ext4", "-q", "-F", d.image)
	mountImage(t, d.image, d.mounted)
	return d
}

// clone is the disk of this instant. Each is another file: a loop device that has
// not let go of the last one yet would be used again, and what it had cached.
func (d *cutDisk) clone(t *testing.T) string {
	t.Helper()
	from, err := os.Open(d.image)
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	d.clones++
	to, err := os.Create(filepath.Join(d.dir, fmt.Sprint("clone", d.clones)))
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	if err := unix.IoctlFileClone(int(to.Fd()), int(from.Fd())); err != nil {
		t.Fatal(err)
	}
	return to.Name()
}

// spokenLines hands out the last generation that a child spoke of.
type spokenLines struct{ path string }

func (s spokenLines) last() uint64 {
	b, _ := os.ReadFile(s.path)
	b = b[:bytes.LastIndexByte(b, '\n')+1] // of whole lines
	lines := strings.Fields(string(b))
	if len(lines) == 0 {
		return 0
	}
	n, _ := strconv.ParseUint(lines[len(lines)-1], 10, 64)
	return n
}

// cutMany clones the disk of a writer of a kind, again and again, and has check
// look at path on it; spoken is what the writer had spoken of before that.
func cutMany(t *testing.T, kind, name string, prepare func(dir string) string, check func(path string, spoken uint64) error) {
	d := newCutDisk(t)
	path := prepare(d.mounted)
	if err := exec.Command("sync", "-f", d.mounted).Run(); err != nil {
		t.Fatal(err)
	}
	speech := spokenLines{filepath.Join(t.TempDir(), "spoken")}
	out, err := os.Create(speech.path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashEnv+"="+kind+" "+path)
	child.Stdout, child.Stderr = out, out
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	}()
	cuts := max(kills(t)/50, 4)
	for cut := range cuts {
		time.Sleep(rand.N(30 * time.Millisecond))
		for deadline := time.Now().Add(time.Minute); speech.last() < uint64(cut+1); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				said, _ := os.ReadFile(speech.path)
				t.Fatalf("the writer does not get on: %s", said)
			}
		}
		spoken := speech.last()
		clone := d.clone(t)
		unmount := mountImage(t, clone, filepath.Join(d.dir, "after"))
		if err := check(filepath.Join(d.dir, "after", name), spoken); err != nil {
			t.Errorf("cut %d, %d was spoken of: %v", cut, spoken, err)
		}
		unmount()
		if err := os.Remove(clone); err != nil {
			t.Error(err)
		}
	}
}

// TestPowerCutAtomic: an image of any moment holds one generation, whole, and no
// older one than was spoken of.
func TestPowerCutAtomic(t *testing.T) {
	cutMany(t, "atomic", "generations", func(dir string) string { return newGenerations(t, dir) },
		func(path string, spoken uint64) error {
			m, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
			if err != nil {
				return err
			}
			defer closeQuietly(t, m)
			found, err := checkGeneration(m.Bytes())
			if err == nil && found < spoken {
				err = fmt.Errorf("generation %d", found)
			}
			return err
		})
}

// TestPowerCutSync: what Sync has made durable is there: bytes, size and name.
func TestPowerCutSync(t *testing.T) {
	cutMany(t, "synced", "made", func(dir string) string { return filepath.Join(dir, "made") },
		func(path string, spoken uint64) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if len(b) != generationPages*filemap.PageBytes() {
				return fmt.Errorf("the file has %d bytes", len(b))
			}
			for back := range uint64(generationPages) {
				if back >= spoken {
					break
				}
				n := spoken - back
				if got := binary.NativeEndian.Uint64(b[int(n%generationPages)*filemap.PageBytes():]); got < n {
					return fmt.Errorf("a page has generation %d, %d was synced", got, n)
				}
			}
			return nil
		})
}

// TestPowerCutAppend: every record up to the last Sync is there, in order; what is
// behind is what was appended since, or zeros where that is not.
func TestPowerCutAppend(t *testing.T) {
	cutMany(t, "appended", "log", func(dir string) string { return filepath.Join(dir, "log") },
		func(path string, spoken uint64) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			number := uint64(1)
			for ; ; number++ {
				want := appendedRecord(number)
				if len(b) < len(want) || !bytes.Equal(b[:len(want)], want) {
					break
				}
				b = b[len(want):]
			}
			if number <= spoken {
				return fmt.Errorf("record %d is not there, or another", number)
			}
			return nil
		})
}

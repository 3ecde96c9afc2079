//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/filemap-go/filemap/internal/faultfs"
)

func init() {
	if code, child := faultfs.Main(); child {
		os.Exit(code)
	}
}

const page = 4096

// patience is how long what should happen at once may take.
const patience = 30 * time.Second

// ready is a mount with a file "data" of n bytes, and a script.
func ready(t *testing.T, n int, script string) (*faultfs.FS, []byte) {
	t.Helper()
	f := faultfs.New(t)
	content := make([]byte, n)
	for i := range content {
		content[i] = byte(i*7 + i>>8*13)
	}
	if err := os.WriteFile(f.Backing("data"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	play(t, f, script)
	return f, content
}

func play(t *testing.T, f *faultfs.FS, script string) {
	t.Helper()
	if err := f.Script(script); err != nil {
		t.Fatal(err)
	}
}

func counts(t *testing.T, f *faultfs.FS) faultfs.Counts {
	t.Helper()
	c, err := f.Counts()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func wait(t *testing.T, f *faultfs.FS, wanted func(faultfs.Counts) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := f.Wait(ctx, wanted); err != nil {
		t.Fatal(err)
	}
}

// openData opens "data" through the mount until the test ends.
func openData(t *testing.T, f *faultfs.FS, flags int) *os.File {
	t.Helper()
	file, err := os.OpenFile(f.Path("data"), flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

// readPage reads one page and checks it.
func readPage(t *testing.T, file *os.File, content []byte, off int64) error {
	t.Helper()
	p := make([]byte, page)
	n, err := file.ReadAt(p, off)
	if !bytes.Equal(p[:n], content[off:][:n]) {
		t.Errorf("page at %d: wrong bytes", off)
	}
	return err
}

func TestNamesAndBytes(t *testing.T) {
	f := faultfs.New(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Mkdir(f.Path("d"), 0o700))
	must(os.WriteFile(f.Path("d/a"), []byte("hello"), 0o600))
	must(os.Rename(f.Path("d/a"), f.Path("b")))
	must(os.WriteFile(f.Path("b"), []byte("hi"), 0o600))
	if got, err := os.ReadFile(f.Backing("b")); string(got) != "hi" || err != nil {
		t.Errorf("below: %q, %v", got, err)
	}
	file, err := os.OpenFile(f.Path("b"), os.O_RDWR|os.O_APPEND, 0)
	must(err)
	_, err = file.WriteString(" there")
	must(err)
	must(file.Sync())
	must(os.Remove(f.Path("b")))
	if st, err := file.Stat(); err != nil || st.Size() != 8 {
		t.Errorf("removed, but open: %v, %v", st, err)
	}
	got := make([]byte, 8)
	if _, err := file.ReadAt(got, 0); err != nil || string(got) != "hi there" {
		t.Errorf("removed, but open: %q, %v", got, err)
	}
	must(file.Close())
	if _, err := os.Stat(f.Path("b")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
	must(os.WriteFile(f.Path("d/c"), nil, 0o600))
	if err := os.Remove(f.Path("d")); !errors.Is(err, syscall.ENOTEMPTY) {
		t.Errorf("removing a full directory: %v", err)
	}
	entries, err := os.ReadDir(f.Path("d"))
	must(err)
	if len(entries) != 1 || entries[0].Name() != "c" {
		t.Errorf("entries %v", entries)
	}
	dir, err := os.Open(f.Path("d"))
	must(err)
	must(dir.Sync())
	must(dir.Close())
	if c := counts(t, f); c.Requests[faultfs.Sync] != 2 || c.Requests[faultfs.Write] == 0 || c.Requests[faultfs.Open] < 4 {
		t.Errorf("counts %+v", c)
	}
}

func TestErrors(t *testing.T) {
	f, content := ready(t, 8*page, "read data[4096,8192) error EIO times 2")
	file := openData(t, f, os.O_RDWR)
	if err := readPage(t, file, content, 0); err != nil {
		t.Error(err)
	}
	if err := readPage(t, file, content, page); !errors.Is(err, syscall.EIO) {
		t.Errorf("got %v", err)
	}
	if c := counts(t, f); c.Failed != 2 {
		t.Errorf("read(2) asks twice; counts %+v", c)
	}
	if err := readPage(t, file, content, page); err != nil {
		t.Errorf("after two times: %v", err)
	}

	play(t, f, "write data error ENOSPC after 3\nallocate * error ENOSPC\nsync data error EIO times 1")
	for i := range 5 {
		_, err := file.WriteAt([]byte("x"), int64(i*page))
		if failed := errors.Is(err, syscall.ENOSPC); failed != (i >= 3) {
			t.Errorf("write %d: %v", i+1, err)
		}
	}
	if err := syscall.Fallocate(int(file.Fd()), 0, 0, 1<<20); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("fallocate: %v", err)
	}
	if err := file.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v", err)
	}
	if err := file.Sync(); err != nil {
		t.Errorf("second sync: %v", err)
	}
	play(t, f, "open data error EMFILE")
	if _, err := os.Open(f.Path("data")); !errors.Is(err, syscall.EMFILE) {
		t.Errorf("open: %v", err)
	}
	if err := f.Reset(); err != nil {
		t.Error(err)
	}
	if c := counts(t, f); c.Failed != 0 || len(c.Requests) != 0 {
		t.Errorf("after Reset %+v", c)
	}
}

func TestNoReadaheadAndEvict(t *testing.T) {
	f, content := ready(t, 64*page, "")
	file := openData(t, f, os.O_RDONLY)
	for round := range 2 {
		for range 2 { // the second time from the page cache
			for _, i := range []int64{0, 1, 2, 3, 10} {
				if err := readPage(t, file, content, i*page); err != nil {
					t.Error(err)
				}
			}
		}
		if got := counts(t, f).Requests[faultfs.Read]; got != 5*(round+1) {
			t.Errorf("%d reads of 5 pages, %d times evicted", got, round)
		}
		if err := f.Evict("data"); err != nil {
			t.Error(err)
		}
	}
	if err := f.Evict("nobody"); err != nil {
		t.Error(err)
	}
}

func TestHold(t *testing.T) {
	f, content := ready(t, 8*page, "read data[4096,8192) hold")
	file := openData(t, f, os.O_RDONLY)
	done := make(chan error, 1)
	go func() { done <- readPage(t, file, content, page) }()
	wait(t, f, func(c faultfs.Counts) bool { return c.Held == 1 })
	if err := readPage(t, file, content, 3*page); err != nil {
		t.Error(err)
	}
	select {
	case err := <-done:
		t.Errorf("the held read returned: %v", err)
	default:
	}
	if err := f.Release(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if c := counts(t, f); c.Held != 0 || c.Expired != 0 {
		t.Errorf("%+v", c)
	}
}

func TestDelay(t *testing.T) {
	f, content := ready(t, page, "read data delay 20ms")
	began := time.Now()
	if err := readPage(t, openData(t, f, os.O_RDONLY), content, 0); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took < 20*time.Millisecond {
		t.Errorf("took %v", took)
	}
}

// TestShort: of a file opened direct a short answer is a short read(2); of
// another it is the end of the file.
func TestShort(t *testing.T) {
	f, content := ready(t, 2*page, "open data direct\nread data short 100")
	p := make([]byte, 300)
	n, err := syscall.Pread(int(openData(t, f, os.O_RDONLY).Fd()), p, 50)
	if n != 100 || err != nil || !bytes.Equal(p[:100], content[50:150]) {
		t.Errorf("direct: %d, %v", n, err)
	}
	play(t, f, "read data short 100")
	n, err = syscall.Pread(int(openData(t, f, os.O_RDONLY).Fd()), p, 50)
	if n != 50 || err != nil {
		t.Errorf("cached: %d, %v", n, err)
	}
	if c := counts(t, f); c.Shortened != 2 {
		t.Errorf("%+v", c)
	}
}

func TestTruncate(t *testing.T) {
	f, content := ready(t, 8*page, "truncate data 10000 after 2 reads")
	file := openData(t, f, os.O_RDONLY)
	if err := readPage(t, file, content, 7*page); err != nil {
		t.Error(err)
	}
	if err := readPage(t, file, content, 6*page); err != nil && err != io.EOF {
		t.Error(err)
	}
	wait(t, f, func(c faultfs.Counts) bool { return c.Truncated == 1 })
	if st, err := file.Stat(); err != nil || st.Size() != 10_000 {
		t.Errorf("%v, %v", st, err)
	}
	if n, err := file.ReadAt(make([]byte, page), 7*page); n != 0 || err != io.EOF {
		t.Errorf("beyond the end: %d, %v", n, err)
	}
	play(t, f, "truncate data 100")
	if n, err := file.ReadAt(make([]byte, page), 0); n != 100 || err != io.EOF {
		t.Errorf("truncated at once: %d, %v", n, err)
	}
	if err := f.Script("truncate nobody 1"); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("truncating what is not there: %v", err)
	}
}

// TestMapping: what faults and writeback meet, without a fault in Go code: that
// is the library's to try.
func TestMapping(t *testing.T) {
	f, content := ready(t, 4*page, "")
	file := openData(t, f, os.O_RDWR)
	m, err := syscall.Mmap(int(file.Fd()), 0, 4*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	}()
	if !bytes.Equal(m, content) {
		t.Error("wrong bytes")
	}
	m[5000] = 'x'
	play(t, f, "write data error ENOSPC times 1")
	if err := file.Sync(); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("sync of a page that finds no room: %v", err)
	}
	m[5001] = 'y'
	if err := file.Sync(); err != nil {
		t.Error(err)
	}
	if below, _ := os.ReadFile(f.Backing("data")); string(below[5000:5002]) != "xy" {
		t.Error("the stores did not arrive")
	}
}

// TestDirectCannotBeMapped: as with file systems that have no mappings.
func TestDirectCannotBeMapped(t *testing.T) {
	f, _ := ready(t, page, "open data direct")
	file := openData(t, f, os.O_RDWR)
	m, err := syscall.Mmap(int(file.Fd()), 0, page, syscall.PROT_READ, syscall.MAP_SHARED)
	if !errors.Is(err, syscall.ENODEV) {
		t.Errorf("%d bytes, %v", len(m), err)
	}
}

func TestUnmountSaysWhatIsOpen(t *testing.T) {
	f, err := faultfs.Mount(t.TempDir(), t.TempDir())
	if errors.Is(err, faultfs.ErrNeedsFUSE) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(f.Path("data"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := f.Unmount(); err == nil || !strings.Contains(err.Error(), "busy") {
		t.Errorf("unmount: %v", err)
	}
	if _, err := file.ReadAt(make([]byte, 1), 0); !errors.Is(err, syscall.ENOTCONN) {
		t.Errorf("reading what is gone: %v", err)
	}
}

// TestKill: nothing is left in this process's mounts, before or after.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	f, err := faultfs.Mount(dir, t.TempDir())
	if errors.Is(err, faultfs.ErrNeedsFUSE) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("this process sees the mount (%v)", err)
	}
	if err := f.Kill(); err != nil {
		t.Error(err)
	}
	if _, err := f.Counts(); err == nil || !strings.Contains(err.Error(), "Counts") {
		t.Errorf("asked when it is gone: %v", err)
	}
}

const orphanEnv = "FILEMAP_FAULTFS_ORPHAN"

// TestChildEndsWithItsParent: a test program that is killed while a read of its
// mapping is held leaves neither process nor mount behind.
func TestChildEndsWithItsParent(t *testing.T) {
	if dir := os.Getenv(orphanEnv); dir != "" {
		beOrphan(dir)
		return
	}
	if f, err := faultfs.Mount(t.TempDir(), t.TempDir()); err != nil {
		t.Skip(err)
	} else if err := f.Unmount(); err != nil {
		t.Error(err)
	}
	dir := t.TempDir()
	parent := exec.Command(os.Args[0], "-test.run=^TestChildEndsWithItsParent$")
	parent.Env = append(os.Environ(), orphanEnv+"="+dir)
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 200)
	n, err := out.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	proc, _, _ := strings.Cut(strings.TrimPrefix(string(line[:n]), "/proc/"), "/")
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		status, err := os.ReadFile("/proc/" + proc + "/stat")
		if err != nil || bytes.Contains(status, []byte(") Z ")) {
			break // gone, or dead and nobody's to wait for
		}
		if time.Now().After(deadline) {
			t.Fatalf("process %s is still there: %s", proc, status)
		}
	}
}

// beOrphan mounts, touches a page that is held, says where, and stays.
func beOrphan(dir string) {
	backing, mount := filepath.Join(dir, "backing"), filepath.Join(dir, "mount")
	check := func(err error) {
		if err != nil {
			panic(err)
		}
	}
	check(os.Mkdir(backing, 0o700))
	check(os.Mkdir(mount, 0o700))
	check(os.WriteFile(filepath.Join(backing, "data"), make([]byte, page), 0o600))
	f, err := faultfs.Mount(mount, backing)
	check(err)
	check(f.Script("read data hold"))
	file, err := os.Open(f.Path("data"))
	check(err)
	m, err := syscall.Mmap(int(file.Fd()), 0, page, syscall.PROT_READ, syscall.MAP_SHARED)
	check(err)
	go func() { _ = bytes.Clone(m) }()
	check(f.Wait(context.Background(), func(c faultfs.Counts) bool { return c.Held == 1 }))
	_, err = os.Stdout.WriteString(f.Path(""))
	check(err)
	select {}
}

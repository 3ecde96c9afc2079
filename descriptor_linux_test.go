package filemap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// openAs opens a file of n patterned bytes with flags of open(2).
func openAs(t *testing.T, n, flags int) (*os.File, string) {
	t.Helper()
	path := writeFile(t, pattern(n))
	fd, err := unix.Open(path, flags|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.EINVAL) && flags&unix.O_DIRECT != 0 {
		t.Skip("needs a file system with direct I/O")
	}
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), path)
	t.Cleanup(func() { _ = f.Close() })
	return f, path
}

func flagsOf(t *testing.T, f *os.File) int {
	t.Helper()
	flags, err := unix.FcntlInt(f.Fd(), unix.F_GETFL, 0)
	if err != nil {
		t.Fatal(err)
	}
	return flags
}

// What a mode that stores does with its descriptor, each from a page of its own.
var storing = map[string][]filemap.Option{
	"shared":   {filemap.ReadWrite},
	"staged":   {filemap.ReadWrite, filemap.Staged},
	"unmapped": {filemap.ReadWrite, filemap.Unmapped},
	"or read":  {filemap.ReadWrite, filemap.OrRead},
	"reserve":  {filemap.ReadWrite, filemap.Reserve(1 << 22)},
}

func TestOpenFileWithFlagsThatMoveWrites(t *testing.T) {
	for name, flag := range map[string]int{"O_APPEND": unix.O_APPEND, "O_DIRECT": unix.O_DIRECT, "both": unix.O_APPEND | unix.O_DIRECT} {
		for mode, options := range storing {
			t.Run(name+" "+mode, func(t *testing.T) {
				const size = 3*65536 + 100
				f, path := openAs(t, size, unix.O_RDWR|flag)
				before := flagsOf(t, f)
				m, err := filemap.OpenFile(f, options...)
				if err != nil {
					t.Fatal(err)
				}
				defer closeQuietly(t, m)
				want := pattern(size)
				for _, off := range []int64{10, 65536, size - 3} {
					if _, err := m.WriteAt([]byte("new"), off); err != nil {
						t.Error(err)
					}
					copy(want[off:], "new")
				}
				if err := m.Sync(); err != nil {
					t.Error(err)
				}
				wantContents(t, path, want)
				got := make([]byte, size)
				if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
					t.Errorf("reading it back: %v, equal %v", err, bytes.Equal(got, want))
				}
				if mode == "reserve" {
					for _, n := range []int{100, 40_000, 100} {
						piece := pattern(n)
						if off, err := m.Append(piece); err != nil || off != int64(len(want)) {
							t.Errorf("append of %d: at %d, %v; want %d", n, off, err, len(want))
						}
						want = append(want, piece...)
					}
					if err := errors.Join(m.Resize(m.Len()+5), m.Close()); err != nil {
						t.Error(err)
					}
					wantContents(t, path, append(want, 0, 0, 0, 0, 0))
				}
				if after := flagsOf(t, f); after != before {
					t.Errorf("the caller's flags went from %#o to %#o", before, after)
				}
			})
		}
	}
}

func wantContents(t *testing.T, path string, want []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(got, want) {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		t.Errorf("the file has %d bytes, want %d; the first difference is at %d (%v)", len(got), len(want), at, err)
	}
}

func TestOpenFileDirectReads(t *testing.T) {
	const size = 2*65536 + 17
	f, _ := openAs(t, size, unix.O_RDONLY|unix.O_DIRECT)
	for _, options := range [][]filemap.Option{{filemap.ReadOnly}, {filemap.Private}, {filemap.Unmapped}} {
		m, err := filemap.OpenFile(f, options...)
		if err != nil {
			t.Fatal(err)
		}
		got := make([]byte, size-1)
		if _, err := m.ReadAt(got, 1); err != nil || !bytes.Equal(got, pattern(size)[1:]) {
			t.Errorf("%v: %v", options, err)
		}
		closeQuietly(t, m)
	}
}

// Flags that are set on the caller's descriptor afterwards move no write of the Map's.
func TestOpenFileThenFlagsAreSet(t *testing.T) {
	for name, flag := range map[string]int{"O_APPEND": unix.O_APPEND, "O_DIRECT": unix.O_DIRECT} {
		for mode, options := range storing {
			t.Run(name+" "+mode, func(t *testing.T) {
				const size = 2*65536 + 100
				f, path := openAs(t, size, unix.O_RDWR)
				m, err := filemap.OpenFile(f, options...)
				if err != nil {
					t.Fatal(err)
				}
				defer closeQuietly(t, m)
				if _, err := unix.FcntlInt(f.Fd(), unix.F_SETFL, flagsOf(t, f)|flag); errors.Is(err, unix.EINVAL) {
					t.Skip("needs a file system with direct I/O")
				} else if err != nil {
					t.Fatal(err)
				}
				want := pattern(size)
				for _, off := range []int64{10, 65536, size - 3} {
					if _, err := m.WriteAt([]byte("new"), off); err != nil {
						t.Error(err)
					}
					copy(want[off:], "new")
				}
				if mode == "reserve" {
					if _, err := m.Append(pattern(40_000)); err != nil {
						t.Error(err)
					}
					want = append(want, pattern(40_000)...)
				}
				if err := errors.Join(m.Sync(), m.Close()); err != nil {
					t.Error(err)
				}
				wantContents(t, path, want)
			})
		}
	}
}

// A file without a name is opened once more all the same.
func TestOpenFileOfUnlinkedFile(t *testing.T) {
	f, path := openAs(t, 10_000, unix.O_RDWR|unix.O_APPEND)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	m, err := filemap.OpenFile(f, filemap.ReadWrite, filemap.Staged)
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(t, m)
	if _, err := m.WriteAt([]byte("new"), 10); err != nil {
		t.Fatal(err)
	}
	if err := m.Sync(); err != nil {
		t.Fatal(err)
	}
	want := pattern(10_000)
	copy(want[10:], "new")
	got := make([]byte, 10_001)
	if n, _ := f.ReadAt(got, 0); n != len(want) || !bytes.Equal(got[:n], want) {
		t.Errorf("the file has %d bytes, or other ones", n)
	}
}

func TestOpenFileRefusesAccess(t *testing.T) {
	all := map[string][]filemap.Option{"read only": {filemap.ReadOnly}, "private": {filemap.Private}, "unmapped for reading": {filemap.Unmapped}}
	for name, options := range all {
		for _, flags := range []int{unix.O_WRONLY, unix.O_PATH} {
			f, _ := openAs(t, 5000, flags)
			_, err := filemap.OpenFile(f, options...)
			t.Log(name, err)
			wantError(t, err, filemap.ErrDescriptor)
		}
	}
	for name, options := range storing {
		for _, flags := range []int{unix.O_RDONLY, unix.O_WRONLY, unix.O_PATH} {
			f, _ := openAs(t, 5000, flags)
			_, err := filemap.OpenFile(f, options...)
			t.Log(name, err)
			wantError(t, err, filemap.ErrDescriptor)
			if flags != unix.O_PATH {
				wantError(t, err, fs.ErrPermission)
			}
		}
	}
}

// memfd makes a file in memory with seals.
func memfd(t *testing.T, n int, seals int) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("sealed", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		t.Skipf("needs memfd_create: %v", err)
	}
	f := os.NewFile(uintptr(fd), "sealed")
	t.Cleanup(func() { _ = f.Close() })
	if _, err := f.Write(pattern(n)); err != nil {
		t.Fatal(err)
	}
	seal(t, f, seals)
	return f
}

func seal(t *testing.T, f *os.File, seals int) {
	t.Helper()
	if _, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, seals); err != nil {
		t.Fatal(err)
	}
}

func wantNamed(t *testing.T, err, target error, names ...string) {
	t.Helper()
	wantError(t, err, target)
	for _, name := range names {
		if err != nil && !strings.Contains(err.Error(), name) {
			t.Errorf("%q does not name %s", err, name)
		}
	}
}

func TestOpenFileOfFileSealedAgainstWrites(t *testing.T) {
	for name, seals := range map[string]int{"F_SEAL_WRITE": unix.F_SEAL_WRITE, "F_SEAL_FUTURE_WRITE": unix.F_SEAL_FUTURE_WRITE} {
		f := memfd(t, 10_000, seals)
		for _, options := range storing {
			_, err := filemap.OpenFile(f, options...)
			wantNamed(t, err, filemap.ErrImmutable, name)
			wantError(t, err, fs.ErrPermission)
		}
		path := fmt.Sprintf("/proc/self/fd/%d", f.Fd())
		_, err := filemap.Open(path, filemap.ReadWrite)
		wantNamed(t, err, filemap.ErrImmutable, name)
		_, err = filemap.Create(path, 100, filemap.Overwrite)
		wantNamed(t, err, filemap.ErrImmutable, name)
		wantContents(t, path, pattern(10_000)) // Overwrite has not emptied it
		m, err := filemap.OpenFile(f, filemap.Private)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.WriteAt([]byte("mine"), 5); err != nil {
			t.Error(err)
		}
		closeQuietly(t, m)
	}
}

// A seal may come when the file is mapped already.
func TestSealedWhileMapped(t *testing.T) {
	for _, options := range [][]filemap.Option{{filemap.ReadWrite, filemap.Staged}, {filemap.ReadWrite, filemap.Unmapped}} {
		f := memfd(t, 10_000, 0)
		m, err := filemap.OpenFile(f, options...)
		if err != nil {
			t.Fatal(err)
		}
		defer closeQuietly(t, m)
		seal(t, f, unix.F_SEAL_WRITE)
		_, err = m.WriteAt([]byte("new"), 10)
		if err == nil {
			err = m.Sync()
		}
		wantNamed(t, err, filemap.ErrImmutable, "F_SEAL_WRITE")
	}
}

func TestSealedLength(t *testing.T) {
	reserve := []filemap.Option{filemap.ReadWrite, filemap.Reserve(1 << 20)}
	for name, seals := range map[string]int{"F_SEAL_GROW": unix.F_SEAL_GROW, "F_SEAL_SHRINK": unix.F_SEAL_SHRINK} {
		f := memfd(t, 10_000, seals)
		m, err := filemap.OpenFile(f, reserve...)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []int{10, 40_000} {
			_, err := m.Append(make([]byte, n))
			wantNamed(t, err, filemap.ErrImmutable, name)
		}
		n := int64(20_000)
		if name == "F_SEAL_SHRINK" {
			n = 100
		}
		wantNamed(t, m.Resize(n), filemap.ErrImmutable, name)
		if m.Len() != 10_000 {
			t.Errorf("%s: Len is %d now", name, m.Len())
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
		wantContents(t, fmt.Sprintf("/proc/self/fd/%d", f.Fd()), pattern(10_000))
	}
	f := memfd(t, 10_000, 0)
	m, err := filemap.OpenFile(f, reserve...)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Append([]byte("ahead")); err != nil {
		t.Fatal(err)
	}
	seal(t, f, unix.F_SEAL_SHRINK)
	wantNamed(t, m.Trim(), filemap.ErrImmutable, "F_SEAL_SHRINK")
	wantNamed(t, m.Close(), filemap.ErrImmutable, "F_SEAL_SHRINK")
}

// chattr adds attributes to a file until the test ends.
func chattr(t *testing.T, path string, flags int) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	fd := int(f.Fd())
	before, err := unix.IoctlGetInt(fd, unix.FS_IOC_GETFLAGS)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, before|flags)
	}
	if err != nil {
		_ = f.Close()
		t.Skipf("needs root, and a file system with attributes: %v", err)
	}
	t.Cleanup(func() {
		_ = unix.IoctlSetPointerInt(fd, unix.FS_IOC_SETFLAGS, before)
		_ = f.Close()
	})
}

const immutable, appendOnly = 0x10, 0x20 // FS_IMMUTABLE_FL, FS_APPEND_FL of linux/fs.h

func TestImmutableWhileMapped(t *testing.T) {
	path := writeFile(t, nil)
	if err := os.Truncate(path, 1<<20); err != nil { // holes, which ask for blocks
		t.Fatal(err)
	}
	m := open(t, path, filemap.ReadWrite, filemap.Reserve(1<<21))
	staged := open(t, path, filemap.ReadWrite, filemap.Staged)
	if _, err := staged.WriteAt([]byte("mine"), 8192); err != nil {
		t.Fatal(err)
	}
	before, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	chattr(t, path, immutable)
	if _, err := before.WriteAt([]byte{0}, 0); err == nil {
		t.Skip("needs a file system that keeps immutable files from those that have them open")
	}
	_, err = m.WriteAt([]byte("new"), 70_000)
	wantNamed(t, err, filemap.ErrImmutable, "chattr +i")
	err = m.Guard(func() error { m.Bytes()[5000] = 1; return nil })
	wantNamed(t, err, filemap.ErrImmutable, "chattr +i")
	wantNamed(t, filemap.Store(m, 100_000, uint32(7)), filemap.ErrImmutable, "chattr +i")
	err = m.AdviseDestructive(filemap.Remove, 0, int64(filemap.PageBytes()))
	wantNamed(t, err, filemap.ErrImmutable, "chattr +i")
	wantError(t, m.Advise(filemap.PopulateWrite, 0, 4096), filemap.ErrImmutable)
	_, err = filemap.Open(path, filemap.ReadWrite)
	wantNamed(t, err, filemap.ErrImmutable, "chattr +i")
	_, err = filemap.Create(path, 4096, filemap.Overwrite)
	wantNamed(t, err, filemap.ErrImmutable, "chattr +i")
	wantNamed(t, staged.Sync(), filemap.ErrImmutable, "chattr +i")
	b := make([]byte, 1<<20)
	if _, err := m.ReadAt(b, 0); err != nil {
		t.Error(err)
	}
}

func TestAppendOnlyFile(t *testing.T) {
	path := writeFile(t, pattern(5000))
	chattr(t, path, appendOnly)
	_, err := filemap.Open(path, filemap.ReadWrite)
	wantNamed(t, err, filemap.ErrImmutable, "chattr +a")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, options := range storing {
		_, err := filemap.OpenFile(f, options...)
		wantNamed(t, err, filemap.ErrImmutable, "chattr +a")
	}
	m := open(t, path)
	if string(m.Bytes()[:100]) != string(pattern(100)) {
		t.Error("wrong bytes")
	}
}

package filemap_test

import (
	"bytes"
	"errors"
	"os"
	"sync"
	"testing"

	"github.com/filemap-go/filemap"
)

// firstOf returns the first of the files that can be read here.
func firstOf(t *testing.T, paths ...string) (path string, content []byte) {
	t.Helper()
	for _, path := range paths {
		if content, err := os.ReadFile(path); err == nil {
			return path, content
		}
	}
	t.Skipf("needs one of %q", paths)
	return "", nil
}

// TestUnsizedFiles: what the kernel makes up as it is read, whatever size it says.
func TestUnsizedFiles(t *testing.T) {
	for name, paths := range map[string][]string{
		"procfs":       {"/proc/version", "/proc/cpuinfo"},
		"long procfs":  {"/proc/kallsyms", "/proc/devices"},
		"sysfs":        {"/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/ksm/run", "/sys/devices/system/cpu/online"},
		"cgroup":       {"/sys/fs/cgroup/cgroup.controllers", "/sys/fs/cgroup/memory/memory.swappiness"},
		"binary sysfs": {"/sys/kernel/notes", "/sys/kernel/btf/vmlinux"},
	} {
		t.Run(name, func(t *testing.T) {
			path, want := firstOf(t, paths...)
			_, err := filemap.Open(path)
			if !errors.Is(err, filemap.ErrNotRegular) && !errors.Is(err, filemap.ErrUnmappable) {
				t.Errorf("Open: %v", err)
			}
			for _, options := range [][]filemap.Option{{filemap.OrRead}, {filemap.Unmapped}, {filemap.OrRead, filemap.Random, filemap.Populated}} {
				m := open(t, path, options...)
				got := make([]byte, len(want)+10)
				n, err := m.ReadAt(got, 0)
				if n != len(want) || m.Len() != int64(n) || !bytes.Equal(got[:n], want) {
					t.Errorf("%v: %d bytes of %d, Len %d, %v", options, n, len(want), m.Len(), err)
				}
				if err := m.View(0, filemap.ToEnd, func(b []byte) error {
					if !bytes.Equal(b, want) {
						t.Errorf("%v: View has %d bytes of %d, or other ones", options, len(b), len(want))
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
				if m.Backing() == filemap.Copied && len(want) > 0 {
					err := m.Guard(func() error { m.Bytes()[0] = 1; return nil })
					wantError(t, err, filemap.ErrReadOnly)
				}
			}
			if len(want) > 5 {
				m := open(t, path, filemap.OrRead, filemap.Range(2, 3))
				got := make([]byte, 3)
				if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, want[2:5]) {
					t.Errorf("a range is %q, want %q (%v)", got, want[2:5], err)
				}
			}
			_, err = filemap.Open(path, filemap.OrRead, filemap.Range(int64(len(want))+5000, 10))
			wantError(t, err, filemap.ErrBounds)
			if err := filemap.Whole(path, func(b []byte) error {
				if !bytes.Equal(b, want) {
					t.Errorf("Whole has %d bytes of %d, or other ones", len(b), len(want))
				}
				return nil
			}); err != nil {
				t.Errorf("Whole: %v", err)
			}
		})
	}
}

// A file whose reads fail is not an empty one.
func TestUnreadableWithoutSize(t *testing.T) {
	for _, options := range [][]filemap.Option{nil, {filemap.OrRead}} {
		_, err := filemap.Open("/proc/self/mem", options...)
		wantError(t, err, filemap.ErrIO)
	}
}

// TestOpenWhileFirstBytesCome opens a file that gets its first bytes at any time.
func TestOpenWhileFirstBytesCome(t *testing.T) {
	path := writeFile(t, nil)
	done := make(chan struct{})
	var writer sync.WaitGroup
	writer.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			if err := errors.Join(os.Truncate(path, 0), os.WriteFile(path, []byte("first"), 0o600)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 5000 {
		m, err := filemap.Open(path)
		if errors.Is(err, filemap.ErrBounds) {
			continue // it became shorter between two looks
		}
		if err != nil {
			t.Error(err)
			break
		}
		if n := m.Len(); n != 0 && n != 5 {
			t.Errorf("Len %d", n)
		}
		closeQuietly(t, m)
	}
	close(done)
	writer.Wait()
}

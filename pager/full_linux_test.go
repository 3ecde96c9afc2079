package pager

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/store"
)

// A full device is told as such, and nothing is lost.
func TestStoreIsFull(t *testing.T) {
	s := &odd{Memory: store.NewMemory(int64(4 * sys.PageSize))}
	p := newPager(t, 4, nil)
	m := mapStore(t, p, s, Options{Mode: Shared})
	if _, err := m.WriteAt([]byte("kept"), 0); err != nil {
		t.Fatal(err)
	}
	s.write = func([]byte, int64) (int, error) { return 0, syscall.ENOSPC }
	if err := m.Sync(ctx); !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	if err := m.Close(); !errors.Is(err, ErrNoSpace) {
		t.Error(err)
	}
	s.write = nil
	if err := m.Sync(ctx); err != nil {
		t.Error(err)
	}
}

// Changed pages that swap's device has no room for stay in memory; the fault that
// needs a frame of theirs says why it has none, and others go on.
func TestSwapDeviceIsFull(t *testing.T) {
	const frames, pages = 8, 16
	swap := &odd{Memory: store.NewMemory(int64(pages * sys.PageSize))}
	p := newPager(t, frames, func(c *Config) {
		c.DirectOnly = true
		c.Swap = Swap{Bytes: int64(pages * sys.PageSize), Store: swap}
	})
	m := mapStore(t, p, store.NewMemoryOf(patterned(pages)), Options{Mode: Private})
	full := func([]byte, int64) (int, error) { return 0, syscall.ENOSPC }
	swap.write = full
	want := patterned(pages)
	for page := range frames - 1 { // all but one frame are changed
		copy(want[page*sys.PageSize:], "changed")
		if _, err := m.WriteAt([]byte("changed"), int64(page*sys.PageSize)); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(want))
	for range 3 {
		for page := range pages { // through the one frame
			at := page * sys.PageSize
			if _, err := m.ReadAt(got[at:at+100], int64(at)); err != nil || !bytes.Equal(got[at:at+100], want[at:at+100]) {
				t.Fatalf("page %d: %v", page, err)
			}
		}
	}
	pin, err := m.Pin(ctx, int64((pages-1)*sys.PageSize), 8)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := m.Uint64(ctx, int64((pages-2)*sys.PageSize)); !errors.Is(err, ErrNoSpace) || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("a fault without a frame: %v", err)
		}
	}
	pin.Unpin()
	swap.write = nil
	if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
		t.Errorf("with room again: %v", err)
	}
}

// tool runs a program, or skips the test where there is none.
func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("needs %s", name)
	}
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// onBtrfs is a directory on a btrfs of its own.
func onBtrfs(t *testing.T, options string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	image, dir := filepath.Join(t.TempDir(), "image"), t.TempDir()
	if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 160<<20)); err != nil {
		t.Fatal(err)
	}
	tool(t, "mkfs.btrfs", "-q", "-f", image)
	if out, err := exec.Command("mount", "-o", "loop,"+options, image, dir).CombinedOutput(); err != nil {
		t.Skipf("needs to mount a btrfs: %s", out)
	}
	t.Cleanup(func() { tool(t, "umount", dir) })
	return dir
}

// fill writes to the file system until it is full.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "full"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	block := make([]byte, 1<<20)
	_, _ = rand.NewChaCha8([32]byte{}).Read(block) // nothing to compress
	for n := 0; err == nil && n < 256; n++ {       // more than the image has
		_, err = f.Write(block)
	}
	_ = f.Sync() // of what there was room for
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatal(err)
	}
}

// On a btrfs that is full, swap has what New has taken, again and again; a New that
// finds it full says so and leaves nothing.
func TestSwapOnFullBtrfs(t *testing.T) {
	for _, options := range []string{"noatime", "compress-force=zstd"} {
		t.Run(options, func(t *testing.T) {
			dir := onBtrfs(t, options)
			const pages = 1024
			path := filepath.Join(dir, "swap")
			config := Config{Budget: int64(64 * sys.PageSize), DirectOnly: true, Swap: Swap{Bytes: pages * int64(sys.PageSize), Path: path}}
			p, err := New(config)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = p.Close() }()
			fill(t, dir)
			m := mapStore(t, p, store.NewMemory(pages*int64(sys.PageSize)), Options{Mode: Private})
			word := make([]byte, 8)
			for round := range byte(3) {
				for page := range int64(pages) {
					word[0], word[1], word[2] = round+1, byte(page), byte(page>>8)
					if _, err := m.WriteAt(word, page*int64(sys.PageSize)); err != nil {
						t.Fatalf("round %d, page %d: %v", round, page, err)
					}
				}
			}
			for page := range int64(pages) {
				if _, err := m.ReadAt(word, page*int64(sys.PageSize)); err != nil || word[0] != 3 || word[1] != byte(page) || word[2] != byte(page>>8) {
					t.Fatalf("page %d: % x, %v", page, word, err)
				}
			}
			config.Swap.Path, config.Swap.Bytes = filepath.Join(dir, "second"), 64<<20
			if _, err := New(config); !errors.Is(err, ErrNoSpace) {
				t.Errorf("a second swap: %v", err)
			}
			if _, err := os.Stat(config.Swap.Path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("what it has left: %v", err)
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

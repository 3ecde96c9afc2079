package pager

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/store"
)

// What cannot work is refused at once, by an error that says what is wrong.
func TestBadConfig(t *testing.T) {
	page := int64(sys.PageSize)
	dir := t.TempDir()
	other := filepath.Join(dir, "a letter")
	if err := os.WriteFile(other, []byte("Dear Sir or Madam"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		config Config
		is     error
		says   string
	}{
		"no budget":            {Config{}, ErrConfig, "Budget is 0"},
		"negative budget":      {Config{Budget: -1}, ErrConfig, "Budget is -1"},
		"less than a page":     {Config{Budget: page - 1}, ErrConfig, "less than a page"},
		"odd page":             {Config{Budget: 1 << 20, PageBytes: 3 * sys.PageSize}, ErrConfig, "power of two"},
		"small page":           {Config{Budget: 1 << 20, PageBytes: sys.PageSize / 2}, ErrConfig, "power of two"},
		"huge page":            {Config{Budget: 1 << 30, PageBytes: 2 << 20}, ErrConfig, "power of two"},
		"unknown policy":       {Config{Budget: 1 << 20, Policy: "magic"}, ErrConfig, "magic"},
		"negative wait":        {Config{Budget: 1 << 20, PinWait: -1}, ErrConfig, "PinWait"},
		"swap without size":    {Config{Budget: 1 << 20, Swap: Swap{Path: filepath.Join(dir, "x")}}, ErrConfig, "Swap.Bytes is 0"},
		"swap below a page":    {Config{Budget: 1 << 20, Swap: Swap{Bytes: 1}}, ErrConfig, "less than a page"},
		"swap beyond slots":    {Config{Budget: 1 << 20, Swap: Swap{Bytes: 1 << 60}}, ErrConfig, "may be"},
		"two swaps":            {Config{Budget: 1 << 20, Swap: Swap{Bytes: page, Path: other, Store: store.NewMemory(page)}}, ErrConfig, "choose one"},
		"swap store too short": {Config{Budget: 1 << 20, Swap: Swap{Bytes: 2 * page, Store: store.NewMemory(page)}}, ErrConfig, "less than Swap.Bytes"},
		"swap is a letter":     {Config{Budget: 1 << 20, Swap: Swap{Bytes: page, Path: other}}, ErrSwapFile, "no swap file"},
		"swap is a folder":     {Config{Budget: 1 << 20, Swap: Swap{Bytes: page, Path: dir}}, ErrSwapFile, "not a regular file"},
		"swap in no folder":    {Config{Budget: 1 << 20, Swap: Swap{Bytes: page, Path: filepath.Join(dir, "no", "x")}}, os.ErrNotExist, "swap"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := New(test.config)
			if err == nil {
				_ = p.Close()
			}
			if !errors.Is(err, test.is) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%v, expected %q in it", err, test.says)
			}
		})
	}
	if b, err := os.ReadFile(other); err != nil || string(b) != "Dear Sir or Madam" {
		t.Errorf("the letter is %q now, %v", b, err)
	}
}

func TestBadOptions(t *testing.T) {
	page := int64(sys.PageSize)
	p := newPager(t, 4, nil)
	s := store.NewMemory(10*page + 5)
	sums, err := NewChecksums(10*page, sys.PageSize)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		options Options
		is      error
	}{
		"unknown mode":           {Options{Mode: 9}, ErrConfig},
		"misaligned":             {Options{Offset: 100}, ErrConfig},
		"before the store":       {Options{Offset: -page}, ErrBounds},
		"behind the store":       {Options{Offset: 11 * page}, ErrBounds},
		"too long":               {Options{Offset: page, Length: 10 * page}, ErrBounds},
		"negative length":        {Options{Length: -1}, ErrBounds},
		"no journal":             {Options{Mode: Transactional}, ErrConfig},
		"journal for nothing":    {Options{Mode: Shared, Journal: "x"}, ErrConfig},
		"check in a transaction": {Options{Mode: Transactional, Journal: "x", Check: sums}, ErrConfig},
	} {
		if _, err := p.Map(s, test.options); !errors.Is(err, test.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
	m := mapStore(t, p, s, Options{Offset: page, Length: 3*page + 7, Name: "a part"})
	if m.Len() != 3*page+7 || m.Name() != "a part" || m.Mode() != ReadOnly {
		t.Errorf("a mapping of %d bytes, %q, %v", m.Len(), m.Name(), m.Mode())
	}
	for name, test := range map[string]struct {
		do func() error
		is error
	}{
		"pin before":      {func() error { _, err := m.Pin(ctx, -1, 1); return err }, ErrBounds},
		"pin behind":      {func() error { _, err := m.Pin(ctx, 3*page+7, 1); return err }, ErrBounds},
		"pin across":      {func() error { _, err := m.Pin(ctx, 3*page, 8); return err }, ErrBounds},
		"pin negative":    {func() error { _, err := m.Pin(ctx, 0, -1); return err }, ErrBounds},
		"word across":     {func() error { _, err := m.Uint64(ctx, 3*page); return err }, ErrBounds},
		"write":           {func() error { _, err := m.PinWrite(ctx, 0, 1); return err }, ErrReadOnly},
		"write at":        {func() error { _, err := m.WriteAt([]byte{1}, 0); return err }, ErrReadOnly},
		"read before":     {func() error { _, err := m.ReadAt(make([]byte, 1), -1); return err }, ErrBounds},
		"prefetch behind": {func() error { _, err := m.Prefetch(page, 3*page); return err }, ErrBounds},
		"commit":          {func() error { return m.Commit(ctx) }, ErrMode},
		"discard":         {func() error { return m.Discard(ctx) }, ErrMode},
	} {
		if err := test.do(); !errors.Is(err, test.is) {
			t.Errorf("%s: %v", name, err)
		}
	}
	big := mapStore(t, p, s, Options{})
	if _, err := big.Pin(ctx, 0, int(5*page)); !errors.Is(err, ErrBudget) {
		t.Errorf("five pages in a budget of four: %v", err)
	}
	empty := mapStore(t, p, store.NewMemory(0), Options{Mode: Shared})
	if n, err := empty.ReadAt(make([]byte, 1), 0); n != 0 || err == nil {
		t.Errorf("an empty mapping has %d bytes, %v", n, err)
	}
	if err := empty.Sync(ctx); err != nil {
		t.Error(err)
	}
	if pin, err := empty.Pin(ctx, 0, 0); err != nil || len(pin.Bytes()) != 0 {
		t.Error(err)
	} else {
		pin.Unpin()
	}
}

// A swap file is made, locked, and removed; one that a crash left is used again.
func TestSwapFileRules(t *testing.T) {
	path := filepath.Join(t.TempDir(), "swap")
	config := Config{Budget: 1 << 20, Swap: Swap{Bytes: 8 * int64(sys.PageSize), Path: path}}
	first, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if err != nil || st.Size() != 9*int64(sys.PageSize) {
		t.Fatalf("%v, %v: slots and a header were expected", st, err)
	}
	if runtime.GOOS != "windows" && st.Mode().Perm() != 0o600 {
		t.Errorf("its permissions are %v", st.Mode())
	}
	if locks := runtime.GOOS != "js" && runtime.GOOS != "wasip1" && runtime.GOOS != "plan9"; locks {
		if _, err := New(config); !errors.Is(err, ErrSwapFile) || !errors.Is(err, sys.ErrLocked) {
			t.Errorf("a second pager on it: %v", err)
		}
	}
	left, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
	if err := os.WriteFile(path, left, 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := New(config)
	if err != nil {
		t.Fatal("one that a crash left behind: ", err)
	}
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after Close: %v", err)
	}
}

// The swap file is removed where it was made, wherever the process is by then; and
// what has taken its name is not.
func TestSwapFileIsRemovedWhereItIs(t *testing.T) {
	top := t.TempDir()
	here, there := filepath.Join(top, "here"), filepath.Join(top, "there")
	if err := errors.Join(os.Mkdir(here, 0o700), os.Mkdir(there, 0o700), os.WriteFile(filepath.Join(there, "swap"), []byte("mine"), 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(here)
	config := Config{Budget: 1 << 20, Swap: Swap{Bytes: 8 * int64(sys.PageSize), Path: "swap"}}
	p, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(there)
	if err := p.Close(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile("swap"); err != nil || string(b) != "mine" {
		t.Errorf("the file of that name elsewhere: %q, %v", b, err)
	}
	if _, err := os.Stat(filepath.Join(here, "swap")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the swap file is left: %v", err)
	}
}

// A file that begins as a swap file does, and is none.
func TestSwapFileOfAnother(t *testing.T) {
	path := filepath.Join(t.TempDir(), "swap")
	text := "filemap swap 1\nis what a swap file begins with; this one is about them, and goes on for a while."
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := New(Config{Budget: 1 << 20, Swap: Swap{Bytes: 8 * int64(sys.PageSize), Path: path}})
	if !errors.Is(err, ErrSwapFile) {
		t.Errorf("it was taken: %v", err)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != text {
		t.Errorf("it was written to: %v", err)
	}
}

// Without a path nothing is left behind, not even while it is used.
func TestSwapWithoutPath(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	p, err := New(Config{Budget: 1 << 20, Swap: Swap{Bytes: 1 << 20}})
	if err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 0 && runtime.GOOS != "windows" {
		t.Errorf("%v, %v", names, err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("after Close: %v, %v", names, err)
	}
	if err := p.Close(); !errors.Is(err, ErrClosed) {
		t.Errorf("a second Close: %v", err)
	}
	if _, err := p.Map(store.NewMemory(1), Options{}); !errors.Is(err, ErrClosed) {
		t.Errorf("Map after Close: %v", err)
	}
}

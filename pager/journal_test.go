package pager

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/filemap-go/filemap/pager/store"
)

// named is a store of somebody else's that has a file.
type named struct {
	store.Store
	path string
}

func (n named) Path() string { return n.path }

// The store itself, by whatever name, is no journal, and is not touched.
func TestJournalIsTheStore(t *testing.T) {
	dir := t.TempDir()
	path, link, symlink := filepath.Join(dir, "store"), filepath.Join(dir, "link"), filepath.Join(dir, "symlink")
	content := make([]byte, 1<<20) // zeros, as an empty journal could be
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(dir, "empty") // which any journal begins as
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := newPager(t, 4, nil).Map(named{store.NewMemory(0), empty}, Options{Mode: Transactional, Journal: empty}); !errors.Is(err, ErrConfig) {
		t.Errorf("an empty store as its own journal: %v", err)
	}
	journals := []string{path, filepath.Join(dir, ".", "..", filepath.Base(dir), "store")}
	if os.Link(path, link) == nil {
		journals = append(journals, link)
	}
	if os.Symlink(path, symlink) == nil {
		journals = append(journals, symlink)
	}
	f, err := store.Open(path, store.Options{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	stores := map[string]store.Store{"file": f, "other": named{store.NewMemory(1 << 20), path}}
	for name, s := range stores {
		for _, journal := range journals {
			p := newPager(t, 4, nil)
			if _, err := p.Map(s, Options{Mode: Transactional, Journal: journal}); !errors.Is(err, ErrConfig) {
				t.Errorf("%s: the journal %s of the store %s: %v", name, journal, path, err)
			}
			if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, content) {
				t.Fatalf("%s: the store has %d bytes of %d now, %v", name, len(got), len(content), err)
			}
		}
	}
}

// A commit to a store that has become shorter, or longer, meanwhile is refused before it
// is in the journal, where it could not be taken back.
func TestCommitToAStoreOfAnotherSize(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "store")
	const size = 64 << 10
	for _, other := range []int64{size / 4, 2 * size} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := store.Open(path, store.Options{Write: true, Buffered: true})
		if err != nil {
			t.Fatal(err)
		}
		m, err := newPager(t, 8, nil).Map(f, Options{Mode: Transactional, Journal: filepath.Join(dir, "journal")})
		if errors.Is(err, errors.ErrUnsupported) {
			t.Skipf("unsupported on %s: %v", runtime.GOOS, err)
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := m.WriteAt([]byte("new"), size-100); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(path, other); err != nil {
			t.Fatal(err)
		}
		if err := m.Commit(t.Context()); !errors.Is(err, ErrBounds) || errors.Is(err, ErrPending) {
			t.Errorf("%d bytes: %v, want ErrBounds", other, err)
		}
		if st, err := os.Stat(path); err != nil || st.Size() != other {
			t.Errorf("the store has %d bytes now, %v", st.Size(), err)
		}
		if err := os.Truncate(path, size); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(m.Commit(t.Context()), m.Close(), f.Close()); err != nil {
			t.Error(err)
		}
		if b, err := os.ReadFile(path); err != nil || len(b) != size || string(b[size-100:size-97]) != "new" {
			t.Errorf("%d bytes, or others, %v", len(b), err)
		}
	}
}

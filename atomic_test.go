package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/filemap-go/filemap"
)

func openAtomic(t testing.TB, path string, options ...filemap.Option) *filemap.Map {
	t.Helper()
	return open(t, path, append([]filemap.Option{filemap.ReadWrite, filemap.Atomic}, options...)...)
}

func store(t testing.TB, m *filemap.Map, off int64, b string) {
	t.Helper()
	if _, err := m.WriteAt([]byte(b), off); err != nil {
		t.Fatal(err)
	}
}

func TestCommit(t *testing.T) {
	page := int64(filemap.PageBytes())
	want := pattern(int(9*page) + 5)
	path := writeFile(t, want)
	m := openAtomic(t, path)
	if r := m.Recovery(); r.State != filemap.NotNeeded || r.Journal == "" {
		t.Errorf("recovery %+v", r)
	}
	for round := range 3 {
		for _, off := range []int64{0, 3*page - 1, int64(len(want)) - 4} {
			store(t, m, off, "new"+string(rune('0'+round)))
			copy(want[off:], "new"+string(rune('0'+round)))
		}
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(content(t, path), want) || !bytes.Equal(m.Bytes(), want) {
			t.Error("the file is not as committed")
		}
		wantDirty(t, m, nil)
	}
	store(t, m, 77, "discarded")
	if err := m.Discard(); err != nil {
		t.Fatal(err)
	}
	if err := m.Sync(); err != nil || !bytes.Equal(content(t, path), want) {
		t.Errorf("after Discard and Sync, %v, the file is not as committed", err)
	}
	wantError(t, m.SyncRange(0, page), filemap.ErrOption)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	wantError(t, m.Commit(), filemap.ErrClosed)
	if r := openAtomic(t, path).Recovery(); r.State != filemap.NotNeeded {
		t.Errorf("after Close: recovery %+v", r)
	}
}

func TestAtomicIsForOneWriter(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	link := filepath.Join(t.TempDir(), "link")
	err := os.Symlink(path, link)
	if _, readErr := os.ReadFile(link); err != nil || readErr != nil { // Wine's cannot be read
		link = path
	}
	m := openAtomic(t, path)
	for _, name := range []string{path, link} {
		_, err := filemap.Open(name, filemap.ReadWrite, filemap.Atomic)
		wantError(t, err, filemap.ErrLocked)
	}
	_, err = filemap.Create(path, 100, filemap.Atomic, filemap.Overwrite)
	wantError(t, err, filemap.ErrLocked)
	if !bytes.Equal(content(t, path), pattern(10_000)) {
		t.Error("a Create that was refused emptied the file")
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	openAtomic(t, link)
}

func TestAtomicOptions(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	for _, options := range [][]filemap.Option{
		{filemap.Atomic},
		{filemap.ReadWrite, filemap.AdoptJournal},
		{filemap.ReadWrite, filemap.Atomic, filemap.OrRead},
	} {
		_, err := filemap.Open(path, options...)
		wantError(t, err, filemap.ErrOption)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	_, err = filemap.OpenFile(f, filemap.ReadWrite, filemap.Atomic)
	wantError(t, err, filemap.ErrOption)
	m := open(t, path, filemap.ReadWrite, filemap.Staged)
	wantError(t, m.Commit(), filemap.ErrOption)
	if m.Recovery() != (filemap.Recovery{}) {
		t.Error("a Map that is not Atomic has a recovery")
	}
}

func TestAtomicCreate(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	m, err := filemap.Create(path, 10_000, filemap.Atomic)
	skipUnsupported(t, err)
	if err != nil {
		t.Fatal(err)
	}
	store(t, m, 5000, "committed")
	if err := errors.Join(m.Commit(), m.Close()); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); len(got) != 10_000 || string(got[5000:5009]) != "committed" {
		t.Error("the file is not as committed")
	}
	_, err = filemap.Create(path, 100, filemap.Atomic)
	wantError(t, err, fs.ErrExist)
	m, err = filemap.Create(path, 100, filemap.Atomic, filemap.Overwrite)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := content(t, path); !bytes.Equal(got, make([]byte, 100)) {
		t.Errorf("overwritten: %d bytes, not zero", len(got))
	}
	if runtime.GOOS != "linux" {
		return // a system that has no call for blocks would write them, all of an exabyte
	}
	// One that fails leaves nothing behind.
	other := filepath.Join(dir, "other")
	_, err = filemap.Create(other, 1<<60, filemap.Atomic)
	if err == nil {
		t.Fatal("made a file of an exabyte")
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 2 {
		t.Errorf("left behind: %v, %v", names, err)
	}
}

// The journal of a file that was replaced must not meet the new one.
func TestForeignJournal(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	crashed, _ := crashedCopy(t, path)
	fresh := writeFile(t, pattern(10_000))
	if err := os.Rename(crashed+filemap.JournalSuffix, fresh+filemap.JournalSuffix); err != nil {
		t.Fatal(err)
	}
	_, err := filemap.Open(fresh, filemap.ReadWrite, filemap.Atomic)
	wantError(t, err, filemap.ErrForeignJournal)
	if _, err := filemap.ReadCommitted(context.Background(), fresh, make([]byte, 1), 0); !errors.Is(err, filemap.ErrForeignJournal) {
		t.Errorf("a reader: %v", err)
	}
	if !bytes.Equal(content(t, fresh), pattern(10_000)) {
		t.Error("a foreign journal was applied")
	}
	m := openAtomic(t, fresh, filemap.AdoptJournal)
	if r := m.Recovery(); r.State != filemap.Applied {
		t.Errorf("adopted: %+v", r)
	}
}

// crashedCopy commits to the file at path and returns a copy of it, and of its
// journal, from before the commit was over: the journal whole, the file untouched.
func crashedCopy(t *testing.T, path string) (copied string, want []byte) {
	t.Helper()
	m := openAtomic(t, path)
	before := content(t, path)
	store(t, m, 3, "committed")
	if err := m.Commit(); err != nil {
		t.Fatal(err)
	}
	copied = writeFile(t, before)
	if err := os.WriteFile(copied+filemap.JournalSuffix, content(t, path+filemap.JournalSuffix), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return copied, content(t, path)
}

func TestAdoptedJournalIsApplied(t *testing.T) {
	copied, want := crashedCopy(t, writeFile(t, pattern(10_000)))
	m := openAtomic(t, copied, filemap.AdoptJournal)
	r := m.Recovery()
	if r.State != filemap.Applied || r.Changed != 1 || r.Extents != 1 {
		t.Errorf("recovery %+v", r)
	}
	if !bytes.Equal(m.Bytes(), want) || !bytes.Equal(content(t, copied), want) {
		t.Error("the commit is not there")
	}
}

func TestJournalInTheWay(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	if err := os.WriteFile(path+filemap.JournalSuffix, []byte("something else"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
	skipUnsupported(t, err)
	wantError(t, err, filemap.ErrNotJournal)
	if string(content(t, path+filemap.JournalSuffix)) != "something else" {
		t.Error("it was written over")
	}
}

func TestJournalGone(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	m := openAtomic(t, path)
	journal := path + filemap.JournalSuffix
	if err := os.Rename(journal, journal+".away"); err != nil {
		t.Fatal(err)
	}
	store(t, m, 0, "kept")
	wantError(t, m.Commit(), filemap.ErrJournalGone)
	if !bytes.Equal(content(t, path), pattern(10_000)) {
		t.Error("the file was written")
	}
	if string(m.Bytes()[:4]) != "kept" {
		t.Error("the store is lost")
	}
}

func TestDirtyLimitAtCommit(t *testing.T) {
	page := filemap.PageBytes()
	path := writeFile(t, pattern(8*page))
	m := openAtomic(t, path, filemap.DirtyLimit(int64(2*page)))
	b := m.Bytes()
	for i := 0; i < 8*page; i += page {
		b[i]++
	}
	wantError(t, m.Commit(), filemap.ErrDirtyLimit)
	if !bytes.Equal(content(t, path), pattern(8*page)) {
		t.Error("the file was written")
	}
	if err := m.SetDirtyLimit(int64(8 * page)); err != nil {
		t.Fatal(err)
	}
	if err := m.Commit(); err != nil {
		t.Error(err)
	}
}

// Readers of another Map's commits see whole ones.
func TestReadCommitted(t *testing.T) {
	if os.Getenv("FILEMAP_EMULATOR") == "wine" {
		t.Skip("needs a Windows that keeps the time at which a file was made")
	}
	page := filemap.PageBytes()
	path := writeFile(t, make([]byte, 8*page))
	m := openAtomic(t, path)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			p := make([]byte, 8*page+1)
			for {
				n, err := filemap.ReadCommitted(context.Background(), path, p, 0)
				if n != 8*page || !errors.Is(err, io.EOF) {
					t.Errorf("%d bytes, %v", n, err)
					return
				}
				if !bytes.Equal(p[:n], bytes.Repeat(p[:1], n)) {
					t.Error("a mixture of commits")
					return
				}
				select {
				case <-stop:
					return
				default:
				}
			}
		})
	}
	for g := range 100 {
		if err := m.Update(0, filemap.ToEnd, func(b []byte) error {
			for i := range b {
				b[i] = byte(g)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := m.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
	// Of a crashed one too, without anybody recovering it; and of a file that never
	// had a journal.
	plain := writeFile(t, pattern(100))
	p := make([]byte, 10)
	if n, err := filemap.ReadCommitted(context.Background(), plain, p, 90); n != 10 || err != nil || !bytes.Equal(p, pattern(100)[90:]) {
		t.Errorf("%d bytes, %v", n, err)
	}
	_, err := filemap.ReadCommitted(context.Background(), plain+"none", p, 0)
	wantError(t, err, fs.ErrNotExist)
	_, err = filemap.ReadCommitted(context.Background(), plain, p, -1)
	wantError(t, err, filemap.ErrBounds)
}

//go:build unix

package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// Where an Atomic file and its journal are, who has them, and that a directory
// stays the one that it was.

func try(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// A child that another goroutine has just forked has every descriptor until its
// exec, and with them the locks.
func TestAtomicReopenBesideForks(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	try(t, openAtomic(t, path).Close())
	missing := filepath.Join(t.TempDir(), "missing")
	stop := make(chan struct{})
	var forks sync.WaitGroup
	forks.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = exec.Command(missing).Run() // which forks before it finds out
			}
		}
	})
	defer forks.Wait()
	defer close(stop)
	for n := range 300 {
		m, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
		if err != nil {
			t.Fatalf("reopened for the %dth time: %v", n, err)
		}
		try(t, m.Close())
	}
}

// The lock is the file's: by whatever name, and wherever its journal would be, a
// second writer is refused.
func TestAtomicLockIsTheFiles(t *testing.T) {
	dir := t.TempDir()
	path, link, moved := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "moved")
	try(t, os.WriteFile(path, pattern(10_000), 0o600))
	m := openAtomic(t, path)
	refused := func(name string) {
		t.Helper()
		_, err := filemap.Open(name, filemap.ReadWrite, filemap.Atomic)
		wantError(t, err, filemap.ErrLocked)
		if err != nil && (!strings.Contains(err.Error(), "another Atomic Map") || strings.Contains(err.Error(), ".journal")) {
			t.Errorf("the error is about the journal and not about the file: %v", err)
		}
	}
	refused(path)
	if err := os.Link(path, link); err == nil {
		refused(link)
		try(t, os.Remove(link))
	}
	try(t, os.Rename(path, moved))
	refused(moved)
	// What has taken its name meanwhile has another's journal beside it.
	try(t, os.WriteFile(path, pattern(10_000), 0o600))
	_, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
	wantError(t, err, filemap.ErrLocked)
	try(t, m.Close())
}

// Nobody would find what is committed into a file that is not there any more.
func TestCommitIntoAFileThatIsGone(t *testing.T) {
	for name, leave := range map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".away") },
		"removed": os.Remove,
		"replaced": func(path string) error {
			return errors.Join(os.Rename(path, path+".away"), os.WriteFile(path, []byte("another"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := writeFile(t, pattern(10_000))
			m := openAtomic(t, path)
			store(t, m, 0, "kept")
			try(t, leave(path))
			wantError(t, m.Commit(), filemap.ErrFileGone)
			if string(m.Bytes()[:4]) != "kept" {
				t.Error("the store is lost")
			}
			if name == "removed" {
				return
			}
			if !bytes.Equal(content(t, path+".away"), pattern(10_000)) {
				t.Error("the file was written")
			}
			try(t, os.Rename(path+".away", path))
			if err := m.Commit(); err != nil || string(content(t, path)[:4]) != "kept" {
				t.Errorf("put back: %v", err)
			}
		})
	}
}

// Beside which name of several is the journal?
func TestAtomicOfSeveralNames(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	try(t, os.WriteFile(path, pattern(10_000), 0o600))
	try(t, openAtomic(t, path).Close())
	if err := os.Link(path, link); err != nil {
		t.Skipf("needs hard links: %v", err)
	}
	_, err := filemap.Open(link, filemap.ReadWrite, filemap.Atomic)
	wantError(t, err, filemap.ErrHardLinks)
	if _, err := os.Stat(link + filemap.JournalSuffix); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a journal was made: %v", err)
	}
	m := openAtomic(t, path)
	store(t, m, 0, "by its own name")
	try(t, m.Commit(), m.Close(), os.Remove(path))
	m = openAtomic(t, link)
	if string(m.Bytes()[:15]) != "by its own name" {
		t.Error("the commit is not there")
	}
}

// Neither os.Chdir nor a rename of a directory above it loses an Atomic file.
func TestAtomicInADirectoryThatMoves(t *testing.T) {
	top := t.TempDir()
	here, there := filepath.Join(top, "here"), filepath.Join(top, "there")
	try(t, os.MkdirAll(filepath.Join(here, "data"), 0o700), os.MkdirAll(filepath.Join(there, "data"), 0o700))
	name := filepath.Join("data", "file")
	for _, dir := range []string{here, there} {
		try(t, os.WriteFile(filepath.Join(dir, name), pattern(10_000), 0o600))
	}
	t.Chdir(here)
	m := openAtomic(t, name)
	t.Chdir(there)
	store(t, m, 0, "one")
	try(t, m.Commit())
	try(t, os.Rename(here, here+"2"))
	store(t, m, 10, "two")
	try(t, m.Commit())
	try(t, os.Rename(filepath.Join(here+"2", "data"), filepath.Join(here+"2", "data2")))
	store(t, m, 20, "three")
	try(t, m.Commit(), m.Close())
	want := pattern(10_000)
	for off, b := range map[int]string{0: "one", 10: "two", 20: "three"} {
		copy(want[off:], b)
	}
	if !bytes.Equal(content(t, filepath.Join(here+"2", "data2", "file")), want) {
		t.Error("the file is not as committed")
	}
	if !bytes.Equal(content(t, filepath.Join(there, name)), pattern(10_000)) {
		t.Error("another file of that name was written")
	}
}

// The first Sync makes the entry durable in the directory in which it was made.
func TestCreateInADirectoryThatMoves(t *testing.T) {
	for name, options := range map[string][]filemap.Option{
		"shared": nil, "staged": {filemap.Staged}, "read": {filemap.Unmapped}, "no descriptor": {filemap.NoDescriptor},
	} {
		t.Run(name, func(t *testing.T) {
			top := t.TempDir()
			try(t, os.MkdirAll(filepath.Join(top, "here", "data"), 0o700))
			t.Chdir(filepath.Join(top, "here"))
			m, err := filemap.Create(filepath.Join("data", "file"), 10_000, options...)
			skipUnsupported(t, err)
			try(t, err)
			t.Chdir(top)
			store(t, m, 0, "one")
			try(t, m.Sync(), m.Sync(), m.Close())
			t.Chdir(filepath.Join(top, "here"))
			if m, err = filemap.Create(filepath.Join("data", "other"), 10_000, options...); err != nil {
				t.Fatal(err)
			}
			try(t, os.Rename("data", "data2"))
			store(t, m, 0, "two")
			try(t, m.Sync(), m.Close())
			if got := content(t, filepath.Join("data2", "other")); string(got[:3]) != "two" {
				t.Error("the store is not there")
			}
		})
	}
}

// Users that may read the file may read its journal, and no others.
func TestJournalHasTheFilesAccess(t *testing.T) {
	defer unix.Umask(unix.Umask(0o077))
	for _, mode := range []fs.FileMode{0o644, 0o600, 0o664, 0o640, 0o755} {
		path := writeFile(t, pattern(10_000))
		try(t, os.Chmod(path, mode))
		journal := path + filemap.JournalSuffix
		m := openAtomic(t, path)
		store(t, m, 0, "new")
		try(t, m.Commit())
		has := func(want fs.FileMode) {
			t.Helper()
			st, err := os.Stat(journal)
			if err != nil || st.Mode().Perm() != want {
				t.Errorf("of a file with %v the journal has %v, %v", mode, st.Mode(), err)
			}
		}
		has(mode & 0o666)
		if mode == 0o644 {
			try(t, os.Chmod(filepath.Dir(path), 0o755), os.Chmod(filepath.Dir(filepath.Dir(path)), 0o755))
			asNobody(t, func() {
				p := make([]byte, 3)
				if _, err := filemap.ReadCommitted(context.Background(), path, p, 0); err != nil || string(p) != "new" {
					t.Errorf("read by another user: %q, %v", p, err)
				}
			})
		}
		try(t, m.Close(), os.Chmod(path, 0o666))
		m = openAtomic(t, path) // a journal that is there follows, too
		has(0o666)
		try(t, m.Close())
	}
}

func TestJournalHasTheFilesOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to change an owner")
	}
	path := writeFile(t, pattern(10_000))
	try(t, os.Chown(path, 1234, 2345))
	try(t, openAtomic(t, path).Close())
	var st unix.Stat_t
	try(t, unix.Stat(path+filemap.JournalSuffix, &st))
	if st.Uid != 1234 || st.Gid != 2345 {
		t.Errorf("the journal is of user %d and group %d", st.Uid, st.Gid)
	}
}

// What is in a journal's place, or in that of one that is being made, and can be none
// is named, left alone, and nothing is left behind.
func TestNoFileInTheJournalsPlace(t *testing.T) {
	for kind, make := range map[string]func(name string) error{
		"a directory":     func(name string) error { return os.Mkdir(name, 0o700) },
		"a named pipe":    func(name string) error { return unix.Mkfifo(name, 0o600) },
		"leads nowhere":   func(name string) error { return os.Symlink("/nonexistent/journal", name) },
		"it is a directo": func(name string) error { return os.Symlink(os.TempDir(), name) },
	} {
		for _, suffix := range []string{filemap.JournalSuffix, filemap.JournalSuffix + ".new"} {
			path := writeFile(t, pattern(10_000))
			if err := make(path + suffix); err != nil {
				t.Skipf("needs such files: %v", err)
			}
			_, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
			wantError(t, err, filemap.ErrNotJournal)
			if err != nil && !strings.Contains(err.Error(), kind) {
				t.Errorf("%v, want %q in it", err, kind)
			}
			n, err := filemap.ReadCommitted(context.Background(), path, []byte{0}, 0)
			if suffix != filemap.JournalSuffix || kind == "leads nowhere" {
				try(t, err) // there is none
			} else if wantError(t, err, filemap.ErrNotJournal); n != 0 {
				t.Errorf("%d bytes", n)
			}
			names, err := os.ReadDir(filepath.Dir(path))
			if err != nil || len(names) != 2 {
				t.Errorf("%v, %v", names, err)
			}
		}
	}
}

// A directory has no commits, and is said to be one.
func TestReadCommittedOfADirectory(t *testing.T) {
	_, err := filemap.ReadCommitted(context.Background(), t.TempDir(), []byte{0}, 0)
	wantError(t, err, filemap.ErrNotRegular)
}

package undo

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/leaktest"
	"github.com/filemap-go/filemap/internal/sys"
)

func TestMain(m *testing.M) { os.Exit(leaktest.Run(m)) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// touch makes a file as an act.
func touch(j *Journal, path string) error {
	return j.Make(File, path, func() error { return os.WriteFile(path, []byte("x"), 0o600) })
}

// newPlace is a directory for journals, which a test alone has. It skips where a
// system has no locks.
func newPlace(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "journals")
	r, err := newRecordIn(dir)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("needs locks: %v", err)
	}
	must(t, err)
	r.close(nil)
	if exists(dir) {
		t.Error("the directory of journals stays although it is empty")
	}
	return dir
}

func TestEverythingIsUndoneLastFirst(t *testing.T) {
	dir := t.TempDir()
	var j Journal
	tree, file := filepath.Join(dir, "tree"), filepath.Join(dir, "tree", "dir", "file")
	must(t, j.Make(Dir, tree, func() error { return os.Mkdir(tree, 0o700) }))
	must(t, j.Make(Tree, filepath.Dir(file), func() error { return os.Mkdir(filepath.Dir(file), 0o700) }))
	must(t, touch(&j, file))
	kept := filepath.Join(dir, "kept")
	must(t, touch(&j, kept))
	j.Forget(File, kept)
	now := filepath.Join(dir, "now")
	must(t, touch(&j, now))
	must(t, errors.Join(j.Undo(File, now), j.Undo(File, now)))
	if exists(now) {
		t.Error("Undo left it")
	}
	must(t, j.Close())
	if exists(tree) || !exists(kept) {
		t.Errorf("tree %v, kept %v", exists(tree), exists(kept))
	}
	must(t, j.Close())
}

// What another has there already is no act of this run.
func TestWhatCouldNotBeMadeIsNotUndone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "of another")
	must(t, os.WriteFile(path, []byte("x"), 0o600))
	var j Journal
	err := j.Make(File, path, func() error {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
		if err == nil {
			_ = f.Close()
		}
		return err
	})
	if !errors.Is(err, os.ErrExist) {
		t.Errorf("%v", err)
	}
	if j.file != nil {
		t.Error("a journal of nothing is left open")
	}
	must(t, j.Close())
	if !exists(path) {
		t.Error("another's file is gone")
	}
}

// killed leaves a journal as a run does that is killed: nobody has its lock.
func killed(t *testing.T, place string, acts ...act) string {
	t.Helper()
	r, err := newRecordIn(place)
	must(t, err)
	must(t, r.write(acts, false))
	must(t, r.file.Close())
	return r.path
}

func TestLeftoversOfTheDeadAloneAreUndone(t *testing.T) {
	place, dir := newPlace(t), t.TempDir()
	odd := filepath.Join(dir, "name \xff\xfe\n")
	if err := os.WriteFile(odd, nil, 0o600); err != nil {
		odd = filepath.Join(dir, "name") // the system has no such names
		must(t, os.WriteFile(odd, nil, 0o600))
	}
	atWork, err := newRecordIn(place)
	must(t, err)
	busy := filepath.Join(dir, "busy")
	must(t, os.WriteFile(busy, nil, 0o600))
	must(t, atWork.write([]act{{File, busy}}, false))
	killed(t, place, act{File, odd}, act{File, filepath.Join(dir, "gone", "long ago")})
	killed(t, place) // before its first act
	var l Left
	l.cleanUp(place)
	if exists(odd) || !exists(busy) || len(l.Stays) > 0 || !slices.Contains(l.Undone, "file "+odd) {
		t.Errorf("%+v, %v, %v", l, exists(odd), exists(busy))
	}
	atWork.close(nil)
	if exists(place) {
		t.Error("the directory of journals stays although it is empty")
	}
}

// What cannot be undone is told once, tried by each, and keeps nobody from working.
func TestWhatCannotBeUndoneIsToldOnce(t *testing.T) {
	place, dir := newPlace(t), t.TempDir()
	full := filepath.Join(dir, "full")
	must(t, os.MkdirAll(filepath.Join(full, "of things"), 0o700))
	path := killed(t, place, act{Dir, full})
	for i := range 3 {
		var l Left
		l.cleanUp(place)
		if told := len(l.Stays) > 0 && strings.Contains(strings.Join(l.Stays, " "), full); told != (i == 0) || !exists(path) {
			t.Errorf("round %d: %q", i, l.Stays)
		}
	}
	must(t, os.RemoveAll(full))
	var l Left
	l.cleanUp(place)
	if len(l.Stays) > 0 || exists(path) || exists(place) {
		t.Errorf("%q, %v", l.Stays, exists(path))
	}
}

func TestJournalsOfOthersAreNotObeyed(t *testing.T) {
	place := newPlace(t)
	must(t, os.Mkdir(place, 0o700))
	must(t, os.Chmod(place, 0o777))
	st, err := os.Lstat(place)
	must(t, err)
	if sys.PrivateTo(st, os.Geteuid()) {
		t.Skip("needs modes: nothing here tells whose a directory is")
	}
	if err := isMine(place); err == nil {
		t.Error("anybody may write it")
	}
	if _, err := newRecordIn(place); err == nil {
		t.Error("a journal in it")
	}
}

func TestPathsOfAJournalAreWhole(t *testing.T) {
	place, dir := newPlace(t), t.TempDir()
	t.Chdir(dir)
	must(t, os.WriteFile("file", nil, 0o600))
	r, err := newRecordIn(place)
	must(t, err)
	for _, text := range []string{
		``, `{`, `{"acts":[{"kind":"file","path":"file"}]}`, `{"acts":[{"kind":"file","path_base64":"ZmlsZQ=="}]}`,
	} {
		must(t, r.file.Truncate(0))
		_, err := r.file.WriteAt([]byte(text), 0)
		must(t, err)
		var l Left
		if left := l.take(r); len(left) > 0 || !exists("file") {
			t.Errorf("%s: %v", text, left)
		}
	}
	r.close(nil)
}

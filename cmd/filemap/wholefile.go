package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
)

// wholeFile is a file that a flag names, and that is there as a whole or not at all.
// Every verb writes its files by one:
//
//  1. Before the work it is found out whether the file can be written. A symbolic
//     link is followed: what it names is written, and it stays.
//  2. What is written goes to a file without a name in the same directory, or, where
//     there is no such thing, to one of a name that nobody can guess. Whatever ends
//     the run, the first leaves nothing; the second is removed by discard, and after
//     a kill by the next run of any verb (package undo).
//  3. When all is written, and on the device, it takes the place of the old one. It
//     has the mode and owner of that, or, as a new file, what the umask says.
//
// Where the owner cannot be kept, or the directory not be written, the finished file
// is copied into the old one.
type wholeFile struct {
	path   string      // as it was named
	target string      // behind symbolic links
	before fs.FileInfo // what is there; nil for a new file
	part   *os.File
	name   string // of part; "" while it has none
	inside bool   // part is in the directory of target
	made   undo.Journal
}

// newWholeFile finds out, before the work, whether the file that a flag names can
// be written. It must not be any of the others.
func newWholeFile(flag, path string, others ...string) (*wholeFile, error) {
	w := &wholeFile{path: path}
	cannot := func(err error) (*wholeFile, error) {
		return nil, fmt.Errorf("--%s %s cannot be written: %w", flag, visible(path), err)
	}
	var err error
	irregular := fmt.Errorf("--%s %s is not a regular file: name another", flag, visible(path))
	// A link of /proc to a pipe, as /dev/stdout is, leads to no name.
	if st, err := os.Stat(path); err == nil && !st.Mode().IsRegular() {
		return nil, irregular
	}
	if w.target, w.before, err = followLinks(path); err != nil {
		return cannot(err)
	}
	if w.before != nil && !w.before.Mode().IsRegular() {
		return nil, irregular
	}
	for _, other := range others {
		if st, err := os.Stat(other); err == nil && w.before != nil && os.SameFile(st, w.before) {
			return nil, wrongUse{fmt.Errorf("--%s names FILE itself, which stays as it is: name another", flag)}
		}
	}
	if err := w.create(); err != nil {
		return cannot(err)
	}
	return w, nil
}

// samePlace tells whether two flags name one file, so that the later would replace
// the earlier.
func samePlace(a, b string) bool {
	a, aThere, errA := followLinks(a)
	b, bThere, errB := followLinks(b)
	if errA != nil || errB != nil {
		return false
	}
	if aThere != nil && bThere != nil {
		return os.SameFile(aThere, bThere)
	}
	aDir, errA := os.Stat(filepath.Dir(a))
	bDir, errB := os.Stat(filepath.Dir(b))
	return errA == nil && errB == nil && os.SameFile(aDir, bDir) && filepath.Base(a) == filepath.Base(b)
}

// apart refuses two flags that name one file.
func apart(flagA, a, flagB, b string) error {
	if a == "" || b == "" || !samePlace(a, b) {
		return nil
	}
	return wrongUse{fmt.Errorf("--%s and --%s name the same file: name two", flagA, flagB)}
}

// linksMost is how many symbolic links the kernel follows.
const linksMost = 40

// followLinks returns what path names behind symbolic links, which need not exist.
func followLinks(path string) (target string, st fs.FileInfo, err error) {
	for range linksMost {
		st, err = os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			return path, nil, nil
		}
		if err != nil || st.Mode()&fs.ModeSymlink == 0 {
			return path, st, err
		}
		to, err := os.Readlink(path)
		if err != nil {
			return path, nil, err
		}
		if !filepath.IsAbs(to) {
			to = filepath.Dir(path) + string(filepath.Separator) + to // ".." is the kernel's to resolve
		}
		path = to
	}
	return path, nil, errors.New("too many symbolic links")
}

// create makes the file that is written first.
func (w *wholeFile) create() error {
	perm := uint32(0o666)
	if w.before != nil {
		old, err := os.OpenFile(w.target, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		if err := old.Close(); err != nil {
			return err
		}
		perm = 0o600 // until it gets the old one's
	}
	dir := filepath.Dir(w.target)
	err := w.createIn(dir, perm)
	w.inside = err == nil
	if err != nil && w.before != nil {
		return w.createIn(os.TempDir(), perm)
	}
	return err
}

func (w *wholeFile) createIn(dir string, perm uint32) (err error) {
	if w.part, err = sys.CreateUnnamed(dir, perm); err == nil {
		return nil
	}
	name := unguessable(dir, w.target)
	err = w.made.Make(undo.File, name, func() error {
		w.part, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, fs.FileMode(perm))
		return err
	})
	if err == nil {
		w.name = name
	}
	return err
}

func unguessable(dir, target string) string {
	return filepath.Join(dir, "."+filepath.Base(target)+"."+rand.Text())
}

// is tells whether st is of this file: the one that is there, or the one being written.
func (w *wholeFile) is(st fs.FileInfo) bool {
	if w.before != nil && os.SameFile(w.before, st) {
		return true
	}
	part, err := w.part.Stat()
	return err == nil && os.SameFile(part, st)
}

// finish writes the file and puts it in its place.
func (w *wholeFile) finish(write func(io.Writer) error) error {
	if err := write(w.part); err != nil {
		return err
	}
	keep := error(nil)
	if w.before != nil {
		keep = sys.OwnLike(w.part, w.before)
		if keep == nil {
			keep = ignoreUnsupported(w.part.Chmod(w.before.Mode().Perm()))
		}
	}
	if err := w.part.Sync(); err != nil {
		return err
	}
	if !w.inside || keep != nil {
		return w.copy()
	}
	if w.name == "" {
		name := unguessable(filepath.Dir(w.target), w.target)
		if err := w.made.Make(undo.File, name, func() error { return sys.NameUnnamed(w.part, name) }); err != nil {
			return err
		}
		w.name = name
	}
	return w.replace()
}

// replace gives the finished file its name.
func (w *wholeFile) replace() error {
	if runtime.GOOS == "windows" { // which renames no open file
		if err := w.part.Close(); err != nil {
			return err
		}
	}
	err := os.Rename(w.name, w.target)
	if err != nil && w.before != nil && sys.IsBusy(err) {
		return w.copy() // it is mounted by itself
	}
	if err != nil {
		return err
	}
	w.made.Forget(undo.File, w.name)
	w.discard()
	return ignoreUnsupported(sys.SyncDirOf(w.target))
}

func ignoreUnsupported(err error) error {
	if errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// copy writes what is finished into the file that is there.
func (w *wholeFile) copy() error {
	if _, err := w.part.Seek(0, io.SeekStart); err != nil {
		return err
	}
	old, err := os.OpenFile(w.target, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = io.Copy(old, w.part)
	return errors.Join(err, old.Sync(), old.Close())
}

// discard removes what was not finished; after finish it does nothing.
func (w *wholeFile) discard() {
	if w == nil || w.part == nil {
		return
	}
	_ = w.part.Close()
	_ = w.made.Close()
	w.part, w.name = nil, ""
}

package undo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/filemap-go/filemap/internal/sys"
)

// record is a journal's file. It stays locked as long as its run is at work.
type record struct {
	path string
	file sys.File
	lock sys.Lock
}

// content is what is in it.
type content struct {
	PID  int   `json:"pid"` // for a reader: that the owner is at work is known by the lock
	Acts []act `json:"acts"`
	Told bool  `json:"told,omitempty"` // the user knows that these cannot be undone
}

// MarshalJSON keeps every byte of the path.
func (a act) MarshalJSON() ([]byte, error) {
	return json.Marshal(wire{a.Kind, a.Path, []byte(a.Path)})
}

// UnmarshalJSON accepts absolute paths only.
func (a *act) UnmarshalJSON(text []byte) error {
	var w wire
	if err := json.Unmarshal(text, &w); err != nil {
		return err
	}
	a.Kind, a.Path = w.Kind, string(w.Raw)
	if !filepath.IsAbs(a.Path) || filepath.Clean(a.Path) != a.Path {
		return fmt.Errorf("journal: path %q", a.Path)
	}
	return nil
}

type wire struct {
	Kind Kind   `json:"kind"`
	Path string `json:"path"` // for a reader
	Raw  []byte `json:"path_base64"`
}

const recordPattern = "run-*.json"

// newRecord makes one in the first directory that can be written.
func newRecord() (*record, error) {
	var errs error
	for _, dir := range directories() {
		r, err := newRecordIn(dir)
		if err == nil {
			return r, nil
		}
		errs = errors.Join(errs, err)
	}
	return nil, errs
}

func newRecordIn(dir string) (*record, error) {
	var err error
	for range 10 { // a run that ends may take an empty directory away, or a file not locked yet
		if err = os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if err = isMine(dir); err != nil {
			return nil, err
		}
		r := &record{path: Name(dir, "run-") + ".json"}
		if r.file, err = sys.OpenFile(r.path, sys.Write|sys.Create|sys.Excl, 0o600); err != nil {
			continue
		}
		if r.lock, err = r.file.TryLock(); err == nil && r.isNamed() {
			return r, nil
		}
		r.remove()
		if errors.Is(err, errors.ErrUnsupported) {
			break
		}
	}
	return nil, errors.Join(fmt.Errorf("%s: no journal can be made in it", dir), err)
}

func (r *record) isNamed() bool {
	same, err := r.file.SameAs(r.path)
	return same && err == nil
}

// write replaces the content. What is behind the first value is not read, so that
// one call does it.
func (r *record) write(acts []act, told bool) error {
	text, err := json.Marshal(content{os.Getpid(), acts, told})
	if err != nil {
		return err
	}
	_, err = r.file.WriteAt(append(text, '\n'), 0)
	return err
}

// close leaves the file where something is left in it.
func (r *record) close(left []act) {
	if len(left) > 0 {
		r.letGo()
		return
	}
	r.remove()
}

// letGo ends the lock, which a child that is just being forked would keep, and
// closes the file.
func (r *record) letGo() {
	_ = r.lock.Release()
	_ = r.file.Close()
}

// remove takes the file away, and the directory with the last of them.
func (r *record) remove() {
	_ = os.Remove(r.path)
	r.letGo()
	_ = os.Remove(filepath.Dir(r.path))
}

// directories are where journals may be, the best first. A directory is nobody
// else's.
func directories() []string {
	var found []string
	user := os.Geteuid()
	add := func(dir string) {
		if !slices.Contains(found, dir) {
			found = append(found, dir)
		}
	}
	if user == 0 {
		if st, err := os.Stat("/run"); err == nil && st.IsDir() {
			add("/run/filemap")
		}
	}
	add(filepath.Join(os.TempDir(), "filemap-"+strconv.Itoa(user)))
	if st, err := os.Stat("/tmp"); err == nil && st.IsDir() { // $TMPDIR need not stay the same
		add(filepath.Join("/tmp", "filemap-"+strconv.Itoa(user)))
	}
	return found
}

// isMine: nobody else may write down what this user's next run will do.
func isMine(dir string) error {
	st, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !st.IsDir() || !sys.PrivateTo(st, os.Geteuid()) {
		return fmt.Errorf("%s is not a directory of this user alone: remove it", dir)
	}
	return nil
}

// Left is what runs that were killed have left.
type Left struct {
	Undone []string // in words: "mount /tmp/…"
	Stays  []string // what could not be undone, and why; each is told once
}

// CleanUp undoes what runs of this user that were killed have left. What it cannot
// undo, such as a file on a file system that is read-only by now, stays in its
// journal and is tried again by the next; it keeps no run from its work.
func CleanUp() Left {
	var l Left
	for _, dir := range directories() {
		if isMine(dir) == nil {
			l.cleanUp(dir)
		}
	}
	return l
}

func (l *Left) cleanUp(dir string) {
	paths, _ := filepath.Glob(filepath.Join(dir, recordPattern))
	for _, path := range paths {
		r := &record{path: path}
		var err error
		if r.file, err = sys.OpenFile(path, sys.Write, 0); err != nil {
			continue // another run cleans up at the same time
		}
		if r.lock, err = r.file.TryLock(); err != nil || !r.isNamed() {
			r.letGo()
			continue // its run is at work
		}
		r.close(l.take(r))
	}
}

// take undoes the acts of a run that has ended.
func (l *Left) take(r *record) []act {
	var c content
	text, err := os.ReadFile(r.path)
	if err != nil || json.NewDecoder(bytes.NewReader(text)).Decode(&c) != nil {
		return nil // it was killed before its first act
	}
	left, err := undoAll(c.Acts)
	for _, a := range c.Acts {
		if !slices.Contains(left, a) {
			l.Undone = append(l.Undone, string(a.Kind)+" "+a.Path)
		}
	}
	if err != nil && !c.Told {
		l.Stays = append(l.Stays, strings.Split(err.Error(), "\n")...)
	}
	if len(left) > 0 {
		_ = r.write(left, true)
	}
	return left
}

// Package undo takes back what a run has made beside its result: scratch files,
// mounts, control groups, swap.
//
// A run notes each act in its [Journal] before the act, and undoes all of them, last
// first, when it ends. The journal is a file too, so that the next run of any verb
// undoes what one that was killed has left: [CleanUp].
//
//	journal file           locked by         CleanUp
//	run-1a2b….json         a run at work     leaves it alone
//	run-3c4d….json         nobody            undoes its acts, removes it
//
// The lock (flock(2) and its like) ends with the process, however that ends, and is
// known across containers, where a process number says nothing. Where no journal can
// be written, a run still undoes its acts at its end; only a kill leaves them.
package undo

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/filemap-go/filemap/internal/sys"
)

// Kind says how an act is undone.
type Kind string

// The kinds.
const (
	File     Kind = "file"     // a file was made: remove it
	Dir      Kind = "dir"      // so was a directory, which is empty by then
	Tree     Kind = "tree"     // or a directory with all that is in it
	Mount    Kind = "mount"    // something was mounted at a directory: unmount it
	Instance Kind = "instance" // a tracefs instance was made: stop and remove it
	Group    Kind = "group"    // a control group was made: empty and remove it
	Swap     Kind = "swap"     // a file is used as swap: end that
	Control  Kind = "control"  // a controller was turned on: "-memory" in cgroup.subtree_control
)

// GroupPrefix begins the names of the control groups that runs make.
const GroupPrefix = "filemap-trace-"

type act struct {
	Kind Kind
	Path string
}

// undo is harmless where there is nothing to undo: what is gone needs nothing.
func (a act) undo() error {
	if _, err := os.Lstat(a.Path); isGone(err) {
		return nil
	}
	var err error
	switch a.Kind {
	case File, Dir:
		err = os.Remove(a.Path)
	case Tree:
		err = os.RemoveAll(a.Path)
	case Mount:
		err = unmount(a.Path)
	case Instance:
		err = removeInstance(a.Path)
	case Group:
		err = removeGroup(a.Path)
	case Swap:
		err = swapOff(a.Path)
	case Control:
		err = handBack(a.Path)
	default:
		err = errors.New("no such kind of act")
	}
	if err != nil && !isGone(err) {
		return fmt.Errorf("undo %s %s: %w", a.Kind, a.Path, bare(err))
	}
	return nil
}

// bare strips the path that the caller says again.
func bare(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}

// isGone: not there, nor anything that it could be in.
func isGone(err error) bool { return errors.Is(err, fs.ErrNotExist) || sys.NotDirectory(err) }

// Journal is what one run has made. The zero value is ready: nothing is written until
// the first act. Methods may be called by several goroutines.
type Journal struct {
	mu      sync.Mutex
	acts    []act
	file    *record
	problem error // why there is no file
}

// Make notes an act and carries it out. On an error of do it is as if it had not been
// noted: do must have made nothing then.
func (j *Journal) Make(kind Kind, path string, do func() error) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	a := act{kind, path}
	j.mu.Lock()
	defer j.mu.Unlock()
	j.acts = append(j.acts, a)
	j.save()
	if err := do(); err != nil {
		j.drop(a)
		return err
	}
	return nil
}

// Undo undoes one act now, if it was made.
func (j *Journal) Undo(kind Kind, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return err
	}
	a := act{kind, path}
	j.mu.Lock()
	defer j.mu.Unlock()
	if !slices.Contains(j.acts, a) {
		return nil
	}
	if err := a.undo(); err != nil {
		return err
	}
	j.drop(a)
	return nil
}

// Forget drops an act that is not to be undone: what was made is to stay.
func (j *Journal) Forget(kind Kind, path string) {
	if path, err := filepath.Abs(path); err == nil {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.drop(act{kind, path})
	}
}

func (j *Journal) drop(a act) {
	if i := slices.Index(j.acts, a); i >= 0 {
		j.acts = slices.Delete(j.acts, i, i+1)
	}
	j.save()
}

// Close undoes everything, last first. What cannot be undone stays in the journal's
// file, for a later run.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	left, err := undoAll(j.acts)
	j.acts = left
	if len(left) > 0 {
		j.problem = nil // what kept the file from being written may be over
	}
	j.save()
	switch {
	case err != nil && j.problem != nil:
		err = fmt.Errorf("%w (no later run can know of it: %w)", err, j.problem)
	case err != nil:
		err = fmt.Errorf("%w (the next run tries again)", err)
	}
	if j.file != nil {
		j.file.close(left)
		j.file = nil
	}
	return err
}

// Problem says why a kill would leave what is made: nil while the journal's file can
// be written.
func (j *Journal) Problem() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.problem
}

// save brings the file up to date: it is there as long as there is something to undo.
func (j *Journal) save() {
	switch {
	case len(j.acts) == 0 && j.file != nil:
		j.file.close(nil)
		j.file = nil
		return
	case len(j.acts) == 0 || j.problem != nil:
		return
	case j.file == nil:
		j.file, j.problem = newRecord()
	}
	if j.problem == nil {
		j.problem = j.file.write(j.acts, false)
	}
}

// undoAll returns the acts that could not be undone.
func undoAll(acts []act) (left []act, err error) {
	for _, a := range slices.Backward(acts) {
		if undoErr := a.undo(); undoErr != nil {
			err = errors.Join(err, undoErr)
			left = append(left, a)
		}
	}
	slices.Reverse(left)
	return left, err
}

// Name returns the path of a new file or directory in dir, which no other run chooses
// as well.
func Name(dir, prefix string) string {
	return filepath.Join(dir, prefix+strings.ToLower(rand.Text()[:10]))
}

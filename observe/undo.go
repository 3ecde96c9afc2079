//go:build linux

package observe

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
)

// Everything that a run mounts, makes and limits is an act. It is written into
// the run's journal, a file of its own, before it is done, and undone in reverse
// order at the run's end. A run that is killed leaves its journal, by which the
// next one undoes what is left: CleanUp.

// Kinds of act.
const (
	actFile     = "file"     // a file was made: remove it
	actDir      = "dir"      // so was a directory
	actMount    = "mount"    // something was mounted at a directory: unmount it
	actInstance = "instance" // a tracefs instance was made: stop and remove it
	actGroup    = "group"    // a control group was made: empty and remove it
	actSwap     = "swap"     // a file is used as swap: end that
	actControl  = "control"  // a controller was turned on: "-memory" in cgroup.subtree_control
)

type act struct {
	Kind string `json:"kind"`
	Path string `json:"path"`
}

// journal is the record of one run.
type journal struct {
	path string
	acts []act
}

// owner says whose journal it is. A process number alone is used again.
type owner struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // when it started, by /proc/PID/stat
	Acts  []act  `json:"acts"`
}

// journalDir is where this user's journals are: a directory that is nobody else's.
func journalDir() (string, error) {
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("filemap-trace-%d", os.Geteuid()))
	if os.Geteuid() == 0 {
		if st, err := os.Stat("/run"); err == nil && st.IsDir() {
			dir = "/run/filemap-trace"
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	st, err := os.Lstat(dir)
	if err != nil {
		return "", err
	}
	if !st.IsDir() || st.Mode().Perm()&0o077 != 0 || !ownedByMe(st) {
		return "", fmt.Errorf("%s is not a directory of this user alone: remove it", dir)
	}
	return dir, nil
}

func newJournal() (*journal, error) {
	dir, err := journalDir()
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(dir, "run-*.json")
	if err != nil {
		return nil, err
	}
	return &journal{path: f.Name()}, f.Close()
}

// intend writes an act down. It comes before the act.
func (j *journal) intend(kind, path string) error {
	j.acts = append(j.acts, act{kind, path})
	return j.save()
}

func (j *journal) save() error {
	text, err := json.Marshal(owner{os.Getpid(), startOf("/proc", os.Getpid()), j.acts})
	if err != nil {
		return err
	}
	return os.WriteFile(j.path, text, 0o600)
}

// undo undoes everything, last first. What fails stays in the journal, and is
// tried again by the next run's CleanUp.
func (j *journal) undo() error {
	var failed []act
	var errs []error
	for len(j.acts) > 0 {
		last := j.acts[len(j.acts)-1]
		j.acts = j.acts[:len(j.acts)-1]
		if err := last.undo(); err != nil {
			errs = append(errs, fmt.Errorf("undo %s %s: %w", last.Kind, last.Path, err))
			failed = append([]act{last}, failed...)
		}
	}
	j.acts = failed
	if len(failed) > 0 {
		return errors.Join(append(errs, j.save())...)
	}
	return os.Remove(j.path)
}

// undo is harmless where there is nothing to undo.
func (a act) undo() error {
	switch a.Kind {
	case actFile:
		return gone(os.Remove(a.Path))
	case actDir:
		return gone(os.Remove(a.Path))
	case actMount:
		return unmount(a.Path)
	case actInstance:
		in := &instance{dir: a.Path}
		return in.remove()
	case actGroup:
		return removeGroup(a.Path)
	case actSwap:
		return swapOff(a.Path)
	case actControl:
		return handBack(a.Path)
	}
	return fmt.Errorf("no such act: %q", a.Kind)
}

// handBack turns the memory controller off, unless another run needs it by now.
func handBack(control string) error {
	others, err := filepath.Glob(filepath.Join(filepath.Dir(control), groupPrefix+"*"))
	if err != nil || len(others) > 0 {
		return err
	}
	if err := gone(os.WriteFile(control, []byte("-memory"), 0o600)); !sys.IsBusy(err) {
		return err
	}
	return nil // somebody else has handed it on
}

// groupPrefix begins the names of the control groups that runs make.
const groupPrefix = "filemap-trace-"

func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// CleanUp undoes what runs of this user that were killed have left: mounts,
// tracefs instances, control groups, swap files, copies. It returns what it
// found, in words. Every trace begins with it.
func CleanUp() ([]string, error) {
	dir, err := journalDir()
	if err != nil {
		return nil, &Error{Op: "clean up", Path: "journal", Err: err}
	}
	return cleanUp(dir, "/proc")
}

func cleanUp(dir, proc string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "run-*.json"))
	if err != nil {
		return nil, err
	}
	var found []string
	var errs []error
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // another run cleans up at the same time
		}
		left, err := parseJournal(text)
		if err != nil {
			// A run that is just beginning has written nothing yet.
			if st, statErr := os.Stat(path); statErr == nil && time.Since(st.ModTime()) > time.Minute {
				_ = os.Remove(path)
			}
			continue
		}
		if left.Start != "" && left.Start == startOf(proc, left.PID) {
			continue // at work
		}
		for _, a := range left.Acts {
			found = append(found, a.Kind+" "+a.Path)
		}
		errs = append(errs, (&journal{path: path, acts: left.Acts}).undo())
	}
	if err := errors.Join(errs...); err != nil {
		return found, &Error{Op: "clean up", Path: dir, Err: err}
	}
	return found, nil
}

func parseJournal(text []byte) (*owner, error) {
	var o owner
	if err := json.Unmarshal(text, &o); err != nil {
		return nil, err
	}
	for _, a := range o.Acts {
		if !filepath.IsAbs(a.Path) || strings.ContainsRune(a.Path, 0) {
			return nil, fmt.Errorf("journal: path %q", a.Path)
		}
	}
	return &o, nil
}

// startOf returns when a process started, in ticks since boot: the 22nd field of
// /proc/PID/stat, counted after the name, which may hold anything. It is "" of
// one that there is not.
func startOf(proc string, pid int) string {
	text, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
	if err != nil {
		return ""
	}
	end := strings.LastIndexByte(string(text), ')')
	fields := strings.Fields(string(text[end+1:]))
	const afterName = 22 - 3
	if len(fields) <= afterName {
		return ""
	}
	return fields[afterName]
}

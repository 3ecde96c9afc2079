//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"io"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// recorder is a store with a power switch that writes down each step, in the order
// in which they reach the store below: what a disk would have been told.
type recorder struct {
	below  store
	faults *faults

	mu        sync.Mutex // held during a step, so that there is one order
	off       bool       // the power is gone
	recording bool
	begin     int
	steps     []Step
	names     map[string]int // of the files that are known, by path
	last      int            // number given to a file
}

var _ store = (*recorder)(nil)

// recorded is an open file of a recorder.
type recorded struct {
	file
	recorder *recorder
	id       int
	name     string
}

func newRecorder(below store, faults *faults) *recorder {
	return &recorder{below: below, faults: faults, names: map[string]int{".": 0}}
}

// step does work, which is one step, and writes it down if it did something.
func (r *recorder) step(s *Step, work func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off {
		return syscall.EIO
	}
	if err := work(); err != nil {
		return err
	}
	if r.recording {
		r.steps = append(r.steps, *s)
	}
	if r.faults.decide(AnyStep, s.Name, 0, 0).cut {
		r.off = true
	}
	return nil
}

// look is for what changes nothing: it fails when the power is gone.
func (r *recorder) look() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.off {
		return syscall.EIO
	}
	return nil
}

// power switches it on or off.
func (r *recorder) power(on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.off = !on
}

// newFile gives a number to what has got a name. r.mu is held.
func (r *recorder) newFile(name string) int {
	r.last++
	r.names[name] = r.last
	return r.last
}

// number is that of a file, which may be new to us. r.mu is held.
func (r *recorder) number(name string) int {
	if id, known := r.names[name]; known {
		return id
	}
	return r.newFile(name)
}

func (r *recorder) open(name string, flags int, perm fs.FileMode) (f file, err error) {
	if err := r.look(); err != nil {
		return nil, err
	}
	var id int
	_, missing := r.below.stat(name)
	switch s := (&Step{Name: name}); {
	case missing != nil && flags&syscall.O_CREAT != 0:
		err = r.step(s, func() error {
			if f, err = r.below.open(name, flags, perm); err == nil {
				id = r.newFile(name)
				s.Op, s.File, s.Dir = StepCreate, id, r.number(path.Dir(name))
			}
			return err
		})
	case flags&syscall.O_TRUNC != 0:
		err = r.step(s, func() error {
			f, err = r.below.open(name, flags, perm)
			id = r.number(name)
			s.Op, s.File = StepTruncate, id
			return err
		})
	default:
		f, err = r.below.open(name, flags, perm)
		r.mu.Lock()
		defer r.mu.Unlock()
		id = r.number(name)
	}
	if err != nil {
		return nil, err
	}
	return &recorded{file: f, recorder: r, id: id, name: name}, nil
}

func (r *recorder) stat(name string) (fs.FileInfo, error) {
	if err := r.look(); err != nil {
		return nil, err
	}
	return r.below.stat(name)
}

func (r *recorder) list(name string) ([]fs.DirEntry, error) {
	if err := r.look(); err != nil {
		return nil, err
	}
	return r.below.list(name)
}

func (r *recorder) mkdir(name string, perm fs.FileMode) error {
	s := &Step{Op: StepMkdir, Name: name}
	return r.step(s, func() error {
		err := r.below.mkdir(name, perm)
		if err == nil {
			s.File, s.Dir = r.newFile(name), r.number(path.Dir(name))
		}
		return err
	})
}

func (r *recorder) remove(name string) error {
	s := &Step{Op: StepRemove, Name: name}
	return r.step(s, func() error {
		err := r.below.remove(name)
		if err == nil {
			s.File, s.Dir = r.number(name), r.number(path.Dir(name))
			delete(r.names, name)
		}
		return err
	})
}

func (r *recorder) rename(from, to string) error {
	s := &Step{Op: StepRename, Name: from, To: to}
	return r.step(s, func() error {
		err := r.below.rename(from, to)
		if err == nil {
			s.File, s.Dir, s.ToDir = r.number(from), r.number(path.Dir(from)), r.number(path.Dir(to))
			r.moveNames(from, to)
		}
		return err
	})
}

// moveNames follows a rename, with all that is below a directory.
func (r *recorder) moveNames(from, to string) {
	for name, id := range maps.Clone(r.names) {
		if rest, below := strings.CutPrefix(name, from+"/"); below || name == from {
			delete(r.names, name)
			r.names[path.Join(to, strings.TrimPrefix(rest, from))] = id
		}
	}
}

func (r *recorder) truncate(name string, size int64) error {
	s := &Step{Op: StepTruncate, Name: name, Off: size}
	return r.step(s, func() error {
		s.File = r.number(name)
		return r.below.truncate(name, size)
	})
}

func (r *recorder) syncDir(name string) error {
	s := &Step{Op: StepSync, Name: name}
	return r.step(s, func() error {
		s.File = r.number(name)
		return r.syncBelow(func() error { return r.below.syncDir(name) })
	})
}

// syncBelow does not when there is a history, which then says what is durable.
func (r *recorder) syncBelow(sync func() error) error {
	if r.recording {
		return nil
	}
	return sync()
}

func (f *recorded) ReadAt(p []byte, off int64) (int, error) {
	if err := f.recorder.look(); err != nil {
		return 0, err
	}
	return f.file.ReadAt(p, off)
}

func (f *recorded) WriteAt(p []byte, off int64) (n int, err error) {
	s := &Step{Op: StepWrite, Name: f.name, File: f.id, Off: off}
	failed := f.recorder.step(s, func() error {
		n, err = f.file.WriteAt(p, off)
		s.Data = slices.Clone(p[:n])
		if n > 0 {
			return nil // some of it has been written
		}
		return err
	})
	if failed != nil {
		return 0, failed
	}
	return n, err
}

func (f *recorded) Truncate(size int64) error {
	s := &Step{Op: StepTruncate, Name: f.name, File: f.id, Off: size}
	return f.recorder.step(s, func() error { return f.file.Truncate(size) })
}

func (f *recorded) allocate(mode uint32, off, n int64) error {
	s := &Step{Op: StepAllocate, Name: f.name, File: f.id, Off: off, Bytes: n, Mode: mode}
	return f.recorder.step(s, func() error { return f.file.allocate(mode, off, n) })
}

func (f *recorded) Sync() error {
	s := &Step{Op: StepSync, Name: f.name, File: f.id}
	return f.recorder.step(s, func() error { return f.recorder.syncBelow(f.file.Sync) })
}

func (f *recorded) Stat() (fs.FileInfo, error) {
	if err := f.recorder.look(); err != nil {
		return nil, err
	}
	return f.file.Stat()
}

// record begins a history with the steps that make what is there, all of it synced.
func (r *recorder) record() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recording, r.steps = true, nil
	if err := r.recordDir("."); err != nil {
		return err
	}
	r.begin = len(r.steps)
	return nil
}

func (r *recorder) recordDir(dir string) error {
	entries, err := r.below.list(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		s := Step{Op: StepCreate, Name: name, Dir: r.number(dir), File: r.number(name)}
		if e.IsDir() {
			s.Op = StepMkdir
			r.steps = append(r.steps, s)
			err = r.recordDir(name)
		} else {
			r.steps = append(r.steps, s)
			err = r.recordFile(name)
		}
		if err != nil {
			return err
		}
	}
	r.steps = append(r.steps, Step{Op: StepSync, Name: dir, File: r.number(dir)})
	return nil
}

func (r *recorder) recordFile(name string) error {
	f, err := r.below.open(name, syscall.O_RDONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	data, err := io.ReadAll(io.NewSectionReader(f, 0, math.MaxInt64))
	if err != nil {
		return err
	}
	id := r.number(name)
	r.steps = append(r.steps,
		Step{Op: StepWrite, Name: name, File: id, Data: data},
		Step{Op: StepSync, Name: name, File: id})
	return nil
}

// mark puts a text into the history.
func (r *recorder) mark(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.recording {
		r.steps = append(r.steps, Step{Op: StepMark, Name: text})
	}
}

// history is what has been recorded so far.
func (r *recorder) history() History {
	r.mu.Lock()
	defer r.mu.Unlock()
	return History{Begin: r.begin, Steps: slices.Clone(r.steps)}
}

// forget ends the recording.
func (r *recorder) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.recording, r.steps = false, nil
}

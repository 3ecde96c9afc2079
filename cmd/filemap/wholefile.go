package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// wholeFile is a file that is written under another name first, so that a run
// that fails leaves neither half a file nor an old one destroyed.
type wholeFile struct {
	path string
	part *os.File
}

// newWholeFile finds out, before the work, whether the file that a flag names can
// be written. It must not be any of the others.
func newWholeFile(flag, path string, others ...string) (*wholeFile, error) {
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("--%s %s is not a regular file: name another", flag, path)
	}
	for _, other := range others {
		if o, otherErr := os.Stat(other); err == nil && otherErr == nil && os.SameFile(st, o) {
			return nil, wrongUse{fmt.Errorf("--%s names FILE itself, which stays as it is: name another", flag)}
		}
	}
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return nil, fmt.Errorf("--%s %s cannot be written: %w", flag, path, err)
	}
	return &wholeFile{path, part}, nil
}

// finish writes the file and gives it its name.
func (w *wholeFile) finish(write func(io.Writer) error) error {
	if err := write(w.part); err != nil {
		return err
	}
	// CreateTemp keeps others out; who may read a report is the directory's matter.
	if err := w.part.Chmod(0o644); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := w.part.Close(); err != nil {
		return err
	}
	return os.Rename(w.part.Name(), w.path)
}

// discard removes what was not finished; after finish it does nothing.
func (w *wholeFile) discard() {
	if w == nil {
		return
	}
	_ = w.part.Close()
	_ = os.Remove(w.part.Name())
}

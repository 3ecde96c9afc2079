package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/compare/export"
)

// outputs are where the report goes: standard output in one of its forms, and
// files. A file is first written under another name, so that a run that fails
// leaves neither half a file nor an old one destroyed.
type outputs struct {
	flags *compareFlags
	files []*outputFile
}

type outputFile struct {
	path   string
	part   *os.File
	export func(io.Writer, *compare.Report) error
}

// newOutputs finds out before measuring whether the files can be written.
func newOutputs(f *compareFlags) (*outputs, error) {
	o := &outputs{flags: f}
	err := errors.Join(
		o.add("html", f.htmlPath, export.HTML),
		o.add("svg", f.svgPath, export.SVG))
	if err != nil {
		o.discard()
		return nil, err
	}
	return o, nil
}

func (o *outputs) add(flag, path string, write func(io.Writer, *compare.Report) error) error {
	if path == "" {
		return nil
	}
	st, err := os.Stat(path)
	if err == nil && !st.Mode().IsRegular() {
		return fmt.Errorf("--%s %s is not a regular file: name another", flag, path)
	}
	if file, fileErr := os.Stat(o.flags.File); err == nil && fileErr == nil && os.SameFile(st, file) {
		return &compare.UsageError{Err: fmt.Errorf("--%s names FILE itself, which stays as it is: name another", flag)}
	}
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".")
	if err != nil {
		return fmt.Errorf("--%s %s cannot be written: %w", flag, path, err)
	}
	o.files = append(o.files, &outputFile{path, part, write})
	return nil
}

// discard removes what was not finished.
func (o *outputs) discard() {
	for _, f := range o.files {
		_ = f.part.Close()
		_ = os.Remove(f.part.Name())
	}
	o.files = nil
}

func (o *outputs) write(stdout io.Writer, r *compare.Report) error {
	if err := o.print(stdout, r); err != nil {
		return fmt.Errorf("the report cannot be printed: %w", err)
	}
	for len(o.files) > 0 {
		if err := o.files[0].finish(r); err != nil {
			return fmt.Errorf("%s cannot be written: %w", o.files[0].path, err)
		}
		o.files = o.files[1:]
	}
	return nil
}

func (f *outputFile) finish(r *compare.Report) error {
	if err := f.export(f.part, r); err != nil {
		return err
	}
	// CreateTemp keeps others out; who may read a report is the directory's matter.
	if err := f.part.Chmod(0o644); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := f.part.Close(); err != nil {
		return err
	}
	return os.Rename(f.part.Name(), f.path)
}

func (o *outputs) print(stdout io.Writer, r *compare.Report) error {
	switch {
	case o.flags.json:
		return export.JSON(stdout, r)
	case o.flags.benchfmt:
		return export.Benchfmt(stdout, r)
	case o.flags.quiet:
		_, err := fmt.Fprintln(stdout, r.Verdict.Sentence)
		return err
	}
	return export.Text(stdout, r, textOptions(stdout))
}

// textOptions: colours and the width are a terminal's; NO_COLOR with any value
// but "" turns the colours off (no-color.org).
func textOptions(stdout io.Writer) export.TextOptions {
	f, ok := stdout.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return export.TextOptions{}
	}
	options := export.TextOptions{Color: os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); err == nil {
		options.Width = width
	}
	return options
}

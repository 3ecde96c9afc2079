package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/compare/export"
)

// outputs are where the report goes: standard output in one of its forms, and
// files.
type outputs struct {
	flags *compareFlags
	files []*outputFile
}

type outputFile struct {
	*wholeFile
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
	file, err := newWholeFile(flag, path, o.flags.File)
	if err == nil {
		o.files = append(o.files, &outputFile{file, write})
	}
	return err
}

// discard removes what was not finished.
func (o *outputs) discard() {
	for _, f := range o.files {
		f.wholeFile.discard()
	}
}

func (o *outputs) write(stdout io.Writer, r *compare.Report) error {
	if err := o.print(stdout, r); err != nil {
		return fmt.Errorf("the report cannot be printed: %w", err)
	}
	for _, f := range o.files {
		if err := f.finish(func(w io.Writer) error { return f.export(w, r) }); err != nil {
			return fmt.Errorf("%s cannot be written: %w", visible(f.path), err)
		}
	}
	return nil
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

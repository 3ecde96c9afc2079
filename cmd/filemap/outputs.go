package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/compare/export"
	"github.com/filemap-go/filemap/internal/terminal"
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
	if err := apart("html", f.htmlPath, "svg", f.svgPath); err != nil {
		return nil, err
	}
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
	return printText(stdout, func(w io.Writer) error { return export.Text(w, r, textOptions(stdout)) })
}

// textOptions tell what the place can show.
func textOptions(w io.Writer) export.TextOptions {
	look := terminal.Of(w)
	return export.TextOptions{Color: look.Color, Width: look.Columns}
}

// printText writes what render makes, as w can show it.
func printText(w io.Writer, render func(io.Writer) error) error {
	var b bytes.Buffer
	if err := render(&b); err != nil {
		return err
	}
	return terminal.Of(w).Write(w, b.String())
}

package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/doctor"
	"github.com/filemap-go/filemap/internal/terminal"
)

func newDoctor() *cobra.Command {
	var asJSON, all bool
	c := &cobra.Command{
		Use:   "doctor [FILE...]",
		Short: "Say what this machine lets you do with mapped files, and what to change",
		Long: `doctor tries what this kernel lets this user do with mapped files, reads what is
set, and says what of that is unwise for them and what to change. With FILE it looks
at the file's file system and device as well; a directory will do.

It changes nothing that stays: of the kernel's tracing it makes an instance, and takes
it away. To see in what pieces a file system keeps files in memory, it
writes 256 KiB beside FILE, where it may, to a file that never has a name.

Exit status: 0 when it has looked, whatever it found, 1 when a FILE could not be
looked at, 2 when the command line makes no sense.`,
		Example: `  filemap doctor
  filemap doctor /var/lib/db/points.f32
  filemap doctor --json | jq '.findings[]'`,
		RunE: verb(func(c *cobra.Command, args []string) error {
			if slices.Contains(args, "") {
				return &compare.UsageError{Err: errors.New(`a file is named "": name one, or none`)}
			}
			r, err := doctor.Examine(c.Context(), doctor.Options{Files: args})
			if err != nil {
				return err
			}
			if asJSON {
				err = writeJSON(c.OutOrStdout(), r)
			} else {
				err = printDoctor(c.OutOrStdout(), r, all)
			}
			return errors.Join(err, unexamined(r))
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	c.Flags().BoolVar(&all, "all", false, "list every setting")
	return c
}

// unexamined are the files that could not be looked at.
func unexamined(r *doctor.Report) error {
	var failed []pagesFailure
	for _, f := range r.Files {
		if f.Error != "" {
			failed = append(failed, failureOf(f.Path, fmt.Errorf("doctor %s: %s", f.Path, f.Error)))
		}
	}
	return failedFiles(failed, int64(len(failed)))
}

func printDoctor(w io.Writer, r *doctor.Report, all bool) error {
	s := newSheet(textOptions(w))
	user := "not root"
	if r.Root {
		user = "root"
	}
	s.line("%s", s.paint(inkStrong, strings.TrimSpace(fmt.Sprintf("%s %s · %s · %s · pages of %s", r.OS, r.Kernel, r.Arch, user, bytesText(r.PageBytes)))))
	s.line("")
	for _, a := range r.Abilities {
		mark := s.paint(inkCached, "yes")
		if !a.Available {
			mark = s.paint(inkGone, "no ")
		}
		s.line("  %s  %-16s %s", mark, a.Name, s.paint(inkFaint, a.For))
		if a.Reason != "" {
			s.line("       %-16s %s", "", a.Reason)
		}
	}
	s.doctorFiles(r)
	if all {
		s.doctorSettings(r)
	}
	s.line("")
	for _, f := range r.Findings {
		ink := map[doctor.Grade]string{doctor.Problem: inkDirty, doctor.Unwise: inkGone, doctor.Note: inkFaint}[f.Grade]
		s.line("%s %s", s.paint(ink, string(f.Grade)+":"), s.paint(inkStrong, visible(f.About)))
		s.wrapped(visible(f.Text), "  ")
		if f.Change != "" {
			s.wrapped("→ "+f.Change, "  ")
		}
	}
	if len(r.Findings) == 0 {
		s.line("nothing to change")
	}
	return s.flush(w)
}

func (s *sheet) doctorFiles(r *doctor.Report) {
	for _, f := range r.Files {
		s.line("")
		s.line("  %s  %s%s", s.paint(inkStrong, visible(f.Path)), bytesText(f.SizeBytes), onFileSystem(f.FileSystem))
		if f.LargeFolios != nil {
			s.line("    folios larger than a page: %v%s", map[bool]string{true: "yes", false: "no"}[*f.LargeFolios], foliosBy(f.FoliosBy))
		}
		if f.ReadAheadKB != nil {
			s.line("    read_ahead_kb of its device %d", *f.ReadAheadKB)
		}
	}
}

// foliosBy says how sure the answer is.
func foliosBy(how string) string {
	if how == doctor.ByRelease {
		return ", by this kernel's release: it was not tried"
	}
	return ", tried with a file without a name beside it"
}

func (s *sheet) doctorSettings(r *doctor.Report) {
	s.line("")
	for _, x := range r.Settings {
		value := x.Reason
		if x.Word != "" {
			value = x.Word
		}
		if x.Value != nil {
			value = fmt.Sprintf("%d", *x.Value)
			if x.Unit == "bytes" {
				value = bytesText(*x.Value)
			}
		}
		s.line("  %-30s %-14s %s", x.Name, value, s.paint(inkFaint, x.Source))
	}
}

// wrapped breaks text at spaces.
func (s *sheet) wrapped(text, indent string) {
	for _, line := range terminal.Hang(indent, "  ", text, min(s.columns, 100)) {
		s.line("%s", line)
	}
}

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/filemap-go/filemap/compare/export"
	"github.com/filemap-go/filemap/internal/terminal"
	"github.com/filemap-go/filemap/pagecache"
)

// sheet is text for a terminal, coloured or not.
type sheet struct {
	out     strings.Builder
	color   bool
	columns int
	look    terminal.Look
}

func newSheet(o export.TextOptions) *sheet {
	columns := o.Width
	if columns == 0 {
		columns = 80
	}
	return &sheet{
		color: o.Color, columns: max(columns, 40),
		look: terminal.Look{Columns: o.Width, Color: o.Color, Dumb: o.Width == 0},
	}
}

// flush writes what the sheet has, as the place that it was made for can show it.
func (s *sheet) flush(w io.Writer) error {
	defer s.out.Reset()
	return s.look.Write(w, s.out.String())
}

// The colours are those of the user's terminal theme.
const (
	inkStrong = "1"
	inkFaint  = "2"
	inkCached = "36"
	inkDirty  = "31"
	inkWrite  = "35"
	inkGone   = "33"
)

func (s *sheet) paint(ink, text string) string {
	return terminal.Paint(s.color, ink, text)
}

func (s *sheet) line(format string, values ...any) {
	fmt.Fprintf(&s.out, format+"\n", values...)
}

// field is a line of a name and what is known under it.
func (s *sheet) field(name, format string, values ...any) {
	s.line("  %s %s", s.paint(inkFaint, fmt.Sprintf("%-16s", name)), fmt.Sprintf(format, values...))
}

// visible keeps a file's name from changing the terminal.
func visible(name string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return utf8.RuneError
		}
		return r
	}, name)
}

// bytesText writes a size in powers of two, as pages and folios come: "4 KiB".
func bytesText(n int64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	at, value := 0, float64(n)
	for ; value >= 1023.95 && at < len(units)-1; at++ {
		value /= 1024
	}
	text := fmt.Sprintf("%.1f", value)
	if value >= 99.95 || strings.HasSuffix(text, ".0") {
		text = fmt.Sprintf("%.0f", value)
	}
	return text + " " + units[at]
}

// share writes a part in percent; only all is 100 %, only nothing is 0 %.
func share(part, all int64) string {
	if all == 0 {
		return "–"
	}
	percent := 100 * float64(part) / float64(all)
	switch {
	case part == 0:
		return "0 %"
	case part == all:
		return "100 %"
	case percent < 0.1:
		return "< 0.1 %"
	case percent > 99.9:
		return "> 99.9 %"
	}
	return fmt.Sprintf("%.1f %%", percent)
}

// printText writes what run found.
func (r *pagesRun) printText(ctx context.Context, w io.Writer, o export.TextOptions) error {
	s := newSheet(o)
	single := r.total.Files == 1 && r.fails == 0
	if single && !r.flags.quiet {
		r.query.Frames = true
		r.query.Cells = r.flags.cells
		if r.query.Cells == 0 {
			r.query.Cells = chartCells(s, r.listed[0])
		}
	}
	detailed := single || r.flags.ranges || r.flags.pid != 0 || r.flags.who || r.flags.folios || r.flags.cells > 0
	if detailed && !single && r.flags.cells > 0 {
		r.query.Cells = r.flags.cells
	}
	switch {
	case r.flags.quiet:
	case detailed:
		for _, brief := range r.listed {
			f, err := r.again(ctx, brief)
			if err != nil {
				if err := r.fail(ctx, brief.Path, err); err != nil {
					return err
				}
				continue
			}
			s.file(f)
			if err := s.flush(w); err != nil {
				return err
			}
		}
	default:
		s.list(r.listed, r.total.Files)
	}
	switch {
	case r.total.Files == 0 && r.fails > 0: // the errors say it
	case !single || r.flags.quiet:
		s.total(&r.total, r.fails)
	default:
		s.links(r.total.Links)
	}
	return s.flush(w)
}

// chartCells is how many cells fit: lines of them, or one for each page.
func chartCells(s *sheet, f *pagecache.File) int {
	const lines = 8
	return int(min(int64(lines*chartColumns(s)), max(f.Pages, 1)))
}

func chartColumns(s *sheet) int { return min(s.columns-4, 128) / 16 * 16 }

// file is everything about one.
func (s *sheet) file(f *pagecache.File) {
	title := visible(f.Path)
	s.line("%s  %s%s", s.paint(inkStrong, title), bytesText(f.SizeBytes), onFileSystem(f.FileSystem))
	if f.Pages == 0 {
		s.field("empty", "it has no pages")
	}
	s.counts(f)
	s.frames(f)
	s.chart(f)
	s.ranges(f)
	s.process(f)
	s.who(f)
	s.line("")
}

func onFileSystem(name string) string {
	if name == "" {
		return ""
	}
	return " on " + name
}

func (s *sheet) counts(f *pagecache.File) {
	for _, c := range []struct {
		name, field, ink string
		count            *int64
	}{
		{"cached", "cached_pages", inkCached, f.CachedPages},
		{"dirty", "dirty_pages", inkDirty, f.DirtyPages},
		{"writeback", "writeback_pages", inkWrite, f.WritebackPages},
		{"evicted", "evicted_pages", inkGone, f.EvictedPages},
		{"recently evicted", "recently_evicted_pages", inkGone, f.RecentlyEvictedPages},
		{"mapped", "mapped_pages", inkCached, f.MappedPages},
	} {
		reason := f.Unknown[c.field]
		switch {
		case c.count != nil && *c.count == 0:
			s.field(c.name, "%s", s.paint(inkFaint, "0"))
		case c.count != nil:
			s.field(c.name, "%s of %s pages · %s · %s", s.paint(c.ink, grouped(*c.count)), grouped(f.Pages),
				bytesText(*c.count*f.PageBytes), share(*c.count, f.Pages))
		case c.field == "mapped_pages" && reason != "" && reason != "was not asked for":
			s.field(c.name, "%s", s.paint(inkGone, fmt.Sprintf("at least %s; %s", grouped(f.MappedPagesAtLeast), asUnknown(reason))))
		case reason != "" && reason != "was not asked for":
			s.field(c.name, "%s", s.paint(inkGone, asUnknown(reason)))
		}
	}
}

// rightToLook is what looking into other users' processes takes, for this user.
func rightToLook() string {
	if os.Geteuid() == 0 {
		return "CAP_SYS_PTRACE, or a security module or sandbox refuses it"
	}
	return "root"
}

func asUnknown(reason string) string {
	if strings.HasPrefix(reason, "unknown") {
		return reason
	}
	return "unknown (" + reason + ")"
}

func (s *sheet) frames(f *pagecache.File) {
	if f.Frames == nil {
		if reason := f.Unknown["frames"]; reason != "" {
			s.field("folios", "%s", s.paint(inkGone, asUnknown(reason)))
		}
		return
	}
	var parts []string
	for _, z := range f.Frames.Folios {
		parts = append(parts, fmt.Sprintf("%s × %s", grouped(z.Folios), bytesText(z.FolioBytes)))
	}
	if len(parts) > 0 {
		s.field("folios", "%s", strings.Join(parts, ", "))
	}
	if f.Frames.ActivePages > 0 {
		s.field("active", "%s pages: the last to go", grouped(f.Frames.ActivePages))
	}
	if f.Frames.UnevictablePages > 0 {
		s.field("locked", "%s pages: nothing evicts them", grouped(f.Frames.UnevictablePages))
	}
}

// chart draws the cells. Each has a letter or shade of its own, so that no
// colour is needed to tell them apart.
func (s *sheet) chart(f *pagecache.File) {
	if len(f.Cells) == 0 {
		return
	}
	columns := chartColumns(s)
	s.line("")
	for at := 0; at < len(f.Cells); at += columns {
		s.out.WriteString("  ")
		for _, c := range f.Cells[at:min(at+columns, len(f.Cells))] {
			s.out.WriteString(s.cell(c))
		}
		s.line("")
	}
	each := f.Cells[0].Pages
	s.line("  %s", s.paint(inkFaint, fmt.Sprintf("each cell %s %s, %s", grouped(each), plural(each, "page"), bytesText(each*f.PageBytes))))
	for _, line := range terminal.Join([]string{
		s.paint(inkCached, "█") + " cached: " + s.paint(inkCached, "█ all ▓ most ▒ some ░ few"), s.paint(inkDirty, "D") + " dirty", s.paint(inkWrite, "W") + " writeback",
		s.paint(inkGone, "e") + " evicted", s.paint(inkFaint, "·") + " none", s.paint(inkGone, "?") + " unknown",
	}, "  ", s.columns-2) {
		s.line("  %s", line)
	}
}

func (s *sheet) cell(c pagecache.Cell) string {
	switch {
	case c.Cached == nil:
		return s.paint(inkGone, "?")
	case some(c.Writeback):
		return s.paint(inkWrite, "W")
	case some(c.Dirty):
		return s.paint(inkDirty, "D")
	case *c.Cached == 0 && some(c.Evicted):
		return s.paint(inkGone, "e")
	case *c.Cached == 0:
		return s.paint(inkFaint, "·")
	case *c.Cached >= c.Pages:
		return s.paint(inkCached, "█")
	}
	shades := []string{"░", "▒", "▓"}
	return s.paint(inkCached, shades[min(3**c.Cached/c.Pages, 2)])
}

func some(n *int64) bool { return n != nil && *n > 0 }

func plural(n int64, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func (s *sheet) ranges(f *pagecache.File) {
	for _, r := range f.Ranges {
		s.line("  [%d, %d)  %s %s  %s", r.Offset, r.Offset+r.Length, grouped((r.Length+f.PageBytes-1)/f.PageBytes),
			plural((r.Length+f.PageBytes-1)/f.PageBytes, "page"), stateText(r))
	}
}

func stateText(r pagecache.Range) string {
	var words []string
	for _, w := range []struct {
		is   bool
		word string
	}{{r.Cached, "cached"}, {r.Dirty, "dirty"}, {r.Writeback, "writeback"}, {r.Evicted && !r.RecentlyEvicted, "evicted"}, {r.RecentlyEvicted, "recently evicted"}} {
		if w.is {
			words = append(words, w.word)
		}
	}
	return strings.Join(words, " ")
}

func (s *sheet) process(f *pagecache.File) {
	p := f.Process
	if p == nil {
		return
	}
	s.line("")
	s.line("  process %d %s", p.PID, visible(p.Command))
	if p.Hidden != "" {
		s.line("    %s", p.Hidden)
		return
	}
	if len(p.Mappings) == 0 {
		s.line("    maps nothing of it")
	}
	for _, m := range p.Mappings {
		s.line("    %#x %s, %s from byte %d", m.Begin, m.Permissions, bytesText(m.SizeBytes), m.Offset)
		s.line("      resident %s (its share %s), locked %s, private copies %s, in swap %s", bytesText(m.ResidentBytes),
			bytesText(m.ProportionalBytes), bytesText(m.LockedBytes), bytesText(m.AnonymousBytes), bytesText(m.SwapBytes))
		if m.Unknown != "" {
			s.line("      page table: unknown (%s)", m.Unknown)
			continue
		}
		s.line("      page table: %s pages of the file, %s private copies, %s swapped out",
			grouped(*m.FilePages), grouped(*m.CopiedPages), grouped(*m.SwappedPages))
	}
}

func (s *sheet) who(f *pagecache.File) {
	w := f.Who
	if w == nil {
		return
	}
	s.line("")
	for _, h := range w.Holders {
		detail := ""
		switch {
		case h.Grade == pagecache.GradeMapped:
			detail = fmt.Sprintf("  %s pages", grouped(h.MappedPages))
		case h.Grade == pagecache.GradeSeen:
			detail = fmt.Sprintf("  asked for %s pages, %s loaded", grouped(h.SeenPages), grouped(h.LoadedPages))
		}
		s.line("  %-27s %7d %s%s", h.Grade, h.PID, visible(h.Command), detail)
	}
	for _, c := range w.Charged {
		name := visible(c.Cgroup)
		if name == "" {
			name = fmt.Sprintf("a cgroup that is gone (inode %d)", c.Inode)
		}
		s.line("  %-27s %s  %s pages", "charged for it", name, grouped(c.Pages))
	}
	if len(w.Holders)+len(w.Charged) == 0 {
		s.line("  nobody that can be seen maps it or has it open")
	}
	if w.HiddenProcesses > 0 {
		s.line("  %s", s.paint(inkGone, fmt.Sprintf("unknown (needs %s): %d of the processes may not be looked into", rightToLook(), w.HiddenProcesses)))
	}
	if w.UnseenProcesses != "" {
		s.line("  %s", s.paint(inkGone, "unknown: "+w.UnseenProcesses))
	}
	if w.LostEvents > 0 {
		s.line("  %s", s.paint(inkGone, fmt.Sprintf("%s events were lost: others may have read it as well", grouped(w.LostEvents))))
	}
	for _, what := range []string{"charged", "open", "seen"} {
		if reason := w.Unknown[what]; reason != "" {
			s.line("  %s: %s", what, s.paint(inkGone, asUnknown(reason)))
		}
	}
}

// listNarrow is the width below which the list leaves out how large files are and
// how much of them is dirty, so that there is room for their names.
const listNarrow = 70

// list is a table of files, one a line.
func (s *sheet) list(files []*pagecache.File, all int64) {
	if len(files) == 0 {
		return
	}
	narrow := s.columns < listNarrow
	row := func(size, cached, of, dirty, name string) {
		if narrow {
			s.line("%s  %10s  %s", cached, of, name)
			return
		}
		s.line("%10s  %s  %10s  %10s  %s", size, cached, of, dirty, name)
	}
	used := map[bool]int{false: 46, true: 22}[narrow]
	s.line("%s", s.paint(inkFaint, listHeading(narrow)))
	for _, f := range files {
		size := bytesText(f.SizeBytes)
		switch {
		case f.CachedPages == nil && narrow:
			s.line("%s  %s", s.paint(inkGone, fmt.Sprintf("%20s", "unknown")), s.name(f.Path, used))
			continue
		case f.CachedPages == nil:
			s.line("%10s  %s  %s", size, s.paint(inkGone, "unknown (needs owner or root)"), s.name(f.Path, used))
			continue
		}
		dirty := "?"
		if f.DirtyPages != nil {
			dirty = bytesText(*f.DirtyPages * f.PageBytes)
		}
		row(size, s.paint(inkCached, fmt.Sprintf("%8s", share(*f.CachedPages, f.Pages))), bytesText(*f.CachedPages*f.PageBytes), dirty, s.name(f.Path, used))
	}
	if more := all - int64(len(files)); more > 0 {
		s.line("%s", s.paint(inkFaint, fmt.Sprintf("and %s %s more (--top 0 lists all)", grouped(more), plural(more, "file"))))
	}
	s.line("")
}

func listHeading(narrow bool) string {
	if narrow {
		return fmt.Sprintf("%8s  %10s  %s", "cached", "of it", "file")
	}
	return fmt.Sprintf("%10s  %8s  %10s  %10s  %s", "size", "cached", "of it", "dirty", "file")
}

// name shortens a path from the left to what is left of the line.
func (s *sheet) name(path string, used int) string {
	path = visible(path)
	room := max(s.columns-used, 16)
	if terminal.Width(path) <= room {
		return path
	}
	runes := []rune(path)
	for len(runes) > 1 && terminal.Width(string(runes)) > room-1 {
		runes = runes[1:]
	}
	return "…" + string(runes)
}

// links are names that were left out.
func (s *sheet) links(n int64) {
	if n > 0 {
		s.field("hard links", "%s more to the same %s, not counted again", grouped(n), plural(n, "file"))
	}
}

func (s *sheet) total(t *pagecache.Total, fails int64) {
	s.line("%s  %s", s.paint(inkStrong, fmt.Sprintf("%s %s", grouped(t.Files), plural(t.Files, "file"))), bytesText(t.SizeBytes))
	page := int64(0)
	if t.Pages > 0 {
		page = pagecache.PageBytes()
	}
	for _, c := range []struct {
		name, ink string
		count     *int64
	}{
		{"cached", inkCached, t.CachedPages},
		{"dirty", inkDirty, t.DirtyPages},
		{"writeback", inkWrite, t.WritebackPages},
		{"evicted", inkGone, t.EvictedPages},
		{"recently evicted", inkGone, t.RecentlyEvictedPages},
		{"mapped", inkCached, t.MappedPages},
	} {
		if c.count != nil {
			s.field(c.name, "%s of %s pages · %s · %s", s.paint(c.ink, grouped(*c.count)), grouped(t.KnownPages), bytesText(*c.count*page), share(*c.count, t.KnownPages))
		}
	}
	if reason := t.MappedUnknown; reason != "" && reason != "was not asked for" {
		s.field("mapped", "%s", s.paint(inkGone, fmt.Sprintf("at least %s; %s", grouped(t.MappedPagesAtLeast), asUnknown(reason))))
	}
	if t.UnknownFiles > 0 {
		s.field("unknown", "%s", s.paint(inkGone, fmt.Sprintf("%s %s, %s pages (needs owner or root)", grouped(t.UnknownFiles), plural(t.UnknownFiles, "file"), grouped(t.Pages-t.KnownPages))))
	}
	s.links(t.Links)
	if fails > 0 {
		s.field("failed", "%s", s.paint(inkDirty, grouped(fails)+" "+plural(fails, "file")))
	}
}

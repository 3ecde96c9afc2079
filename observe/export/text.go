package export

import (
	"bufio"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/filemap-go/filemap/observe"
	"github.com/filemap-go/filemap/observe/event"
)

// TextOptions say how text looks. The zero value is plain.
type TextOptions struct {
	Color bool
	Width int  // of the terminal, 0 if not known
	All   bool // every event, instead of the first of those that are alike
}

// printer writes lines for a terminal.
type printer struct {
	*bufio.Writer
	o TextOptions
	d *observe.Document

	hinted bool // where the events are that are left out
}

// Text writes the trace as a timeline, and what it adds up to.
func Text(w io.Writer, d *observe.Document, o TextOptions) error {
	p := &printer{Writer: bufio.NewWriter(w), o: o, d: d}
	if o.Width <= 0 {
		p.o.Width = 100
	}
	p.header()
	if len(d.Command) > 0 {
		p.command()
	} else {
		p.timeline()
		p.summary()
	}
	return p.Flush()
}

func (p *printer) line(format string, args ...any) {
	fmt.Fprintf(p, format+"\n", args...)
}

// colors of the stages, from the sixteen that a terminal has.
var stageColors = [...]string{"", "36", "32", "33", "35"}

func (p *printer) colored(code, text string) string {
	if !p.o.Color || code == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (p *printer) stage(n int, text string) string {
	if n < 0 || n >= len(stageColors) {
		return text
	}
	return p.colored(stageColors[n], text)
}

func (p *printer) header() {
	d := p.d
	if len(d.Command) > 0 {
		what := plain(strings.Join(d.Command, " "))
		if d.PID != 0 {
			what = fmt.Sprintf("process %d: %s", d.PID, what)
		}
		p.line("%s %s", p.colored("1", "filemap trace"), what)
	} else if len(d.Files) > 0 {
		facts := []string{size(d.Files[0].SizeBytes)}
		if d.Machine.FileSystem != "" {
			facts = append(facts, d.Machine.FileSystem)
		}
		if d.Machine.ReadAheadBytes != nil {
			facts = append(facts, "readahead "+size(*d.Machine.ReadAheadBytes))
		}
		facts = append(facts, "pages of "+size(d.Machine.PageBytes), "Linux "+plain(d.Machine.Kernel))
		p.line("%s %s", p.colored("1", "filemap trace"), plain(d.Files[0].Path))
		p.line("%s", strings.Join(facts, ", "))
		p.settings()
	}
	p.line("tier %s: %s", p.colored("1", d.Tier), strings.Join(d.Sources, ", "))
	for _, m := range d.Missing {
		p.line("missing: %s", plain(m))
	}
	if d.LostEvents > 0 {
		p.line("%s", p.colored("31", fmt.Sprintf("lost events: %s: what follows is not complete", grouped(d.LostEvents))))
	} else {
		p.line("lost events: 0")
	}
	if kept := int64(len(d.Events)); kept < d.EventsTotal {
		p.line("sample: %s of %s events are kept, evenly spread, and the slowest; the totals count all", grouped(kept), grouped(d.EventsTotal))
	}
	p.line("")
}

func (p *printer) settings() {
	s := p.d.Settings
	text := fmt.Sprintf("%s touched, %s", plural(int64(s.Touches), "page"), s.Pattern)
	if s.Cold {
		text += ", evicted before"
	}
	if s.Advice != "" {
		text += ", MADV_" + strings.ToUpper(strings.ReplaceAll(s.Advice, "-", "_"))
	}
	if s.Private {
		text += ", private"
	}
	if s.MemoryLimitBytes > 0 {
		text += fmt.Sprintf(", memory limit %s with %s of swap", size(s.MemoryLimitBytes), size(s.SwapBytes))
	}
	p.line("%s", text)
}

// group is a top-level event and what happened within it.
type group struct {
	events []*event.Event
	depth  []int
	like   string // groups that are alike have the same
}

// groups cuts the events into what was done, one after the other.
func groups(events []event.Event) []group {
	var found []group
	depth := make(map[int]int, len(events))
	for i := range events {
		e := &events[i]
		level := 0
		if e.Within != 0 {
			level = depth[e.Within] + 1
		}
		depth[e.ID] = level
		device := e.Name == event.DeviceRead || e.Name == event.DeviceWrite
		if level == 0 && !device || len(found) == 0 {
			found = append(found, group{})
		}
		g := &found[len(found)-1]
		g.events, g.depth = append(g.events, e), append(g.depth, level)
		if device { // works beside the thread, whose steps are alike all the same
			continue
		}
		g.like += fmt.Sprintf("%d%s%s%v%s%d;", level, e.Name, e.Kind, e.Write, e.Phase, e.File)
	}
	return found
}

func (p *printer) timeline() {
	p.line("%s", p.colored("2", "      time       took  stage"))
	phase, printed, left, told := "", 0, 0, map[string]bool{}
	all := groups(p.d.Events)
	for i := 0; i < len(all); {
		g := &all[i]
		if at := g.events[0].Phase; at != phase {
			p.leftOut(left)
			phase, printed, left, told = at, 0, 0, map[string]bool{}
			p.line("%s", p.colored("1", "── "+phase+p.fileOf(g.events[0])))
		}
		if !g.tellsNew(told) && printed >= mostGroups && !p.o.All {
			left += len(g.events)
			i++
			continue
		}
		p.leftOut(left)
		left = 0
		printed++
		for j, e := range g.events {
			p.event(e, g.depth[j])
		}
		alike := i + 1
		for !p.o.All && alike < len(all) && all[alike].like == g.like {
			alike++
		}
		if more := all[i+1 : alike]; len(more) > 0 {
			p.alike(more)
		}
		i = alike
	}
	p.leftOut(left)
	p.line("")
}

// mostGroups is how many steps are told of a phase, and besides those in which
// something happens for the first time.
const mostGroups = 12

// tellsNew notes what happens in a group, and tells whether some of it is new: a
// fault that sleeps is what one looks for, however late it comes.
func (g *group) tellsNew(told map[string]bool) bool {
	before := len(told)
	for _, e := range g.events {
		told[e.Name+" "+e.Kind] = true
	}
	return len(told) > before
}

func (p *printer) leftOut(events int) {
	if events == 0 {
		return
	}
	where := " (--all prints them, --json and --html have them)"
	if p.hinted {
		where = ""
	}
	p.hinted = true
	p.line("%21s    %s", "", p.colored("2", fmt.Sprintf("… %s more%s", plural(int64(events), "event"), where)))
}

func (p *printer) fileOf(e *event.Event) string {
	if e.File <= 0 || e.File >= len(p.d.Files) || e.Name != event.Map {
		return ""
	}
	f := &p.d.Files[e.File]
	if f.Role == observe.RoleCopy {
		return " (a file of its own, so that FILE stays as it is)"
	}
	return " (" + plain(filepath.Base(f.Path)) + ")"
}

func (p *printer) event(e *event.Event, depth int) {
	took := ""
	if e.DurationNS > 0 {
		took = duration(e.DurationNS)
	}
	text := fmt.Sprintf("%10s %10s  %s %s", duration(e.StartNS), took, p.stage(e.Stage, fmt.Sprint(e.Stage)), strings.Repeat("  ", depth))
	p.line("%s%s", text, p.stage(e.Stage, titleOf(e))+p.details(e))
}

// alike tells how many more groups were like the one before.
func (p *printer) alike(more []group) {
	var least, most, sum int64
	for i := range more {
		took := more[i].events[0].DurationNS
		if i == 0 {
			least, most = took, took
		}
		least, most, sum = min(least, took), max(most, took), sum+took
	}
	first, last := more[0].events[0], more[len(more)-1].events[0]
	p.line("%10s %10s    %s", "", duration(sum), p.colored("2", fmt.Sprintf(
		"… %d more like this, %s to %s each, from offset %s to %s",
		len(more), duration(least), duration(most), grouped(first.Offset), grouped(last.Offset))))
}

func titleOf(e *event.Event) string {
	info, known := event.Of(e.Name)
	if !known {
		return plain(e.Name)
	}
	switch {
	case e.Kind == event.KindSlept:
		return info.Title.English + " (minor, and slept)"
	case e.Kind != "":
		return info.Title.English + " (" + e.Kind + ")"
	}
	return info.Title.English
}

// details says what is particular about an event.
func (p *printer) details(e *event.Event) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch e.Name {
	case event.Map, event.Unmap:
		add("%s at %#x", size(e.Length), e.Address)
	case event.Access:
		if e.Pages > 1 {
			add("%s in a row, from offset %s, no fault", grouped(e.Pages)+" touches", grouped(e.Offset))
		} else {
			add("%s at %#x, offset %s", map[bool]string{false: "load", true: "store"}[e.Write], e.Address, grouped(e.Offset))
		}
	case event.Advise:
		add("MADV_%s", strings.ToUpper(strings.ReplaceAll(e.Where, "-", "_")))
	case event.Reclaim:
		add("%s", plural(e.Pages, "page"))
	case event.Install, event.Dirty, event.Writeback, event.Reprotect, event.SwapOut, event.Evict, event.Add:
		pages := e.Pages
		if pages == 0 {
			pages = 1
		}
		add("%s, offset %s", plural(pages, "page"), grouped(e.Offset))
		if e.Folios > 0 {
			add("in %s", plural(e.Folios, "folio"))
		}
	default:
		if e.Offset >= 0 {
			add("offset %s", grouped(e.Offset))
		} else if e.Address != 0 {
			add("at %#x", e.Address)
		}
		if e.Length > p.d.Machine.PageBytes {
			add("%s", size(e.Length))
		}
	}
	if e.Frame != 0 {
		add("frame %#x", e.Frame)
	}
	if e.Slot != 0 {
		add("slot %d", e.Slot)
	}
	if e.File > 0 && e.File < len(p.d.Files) && p.d.Files[e.File].Role == observe.RoleSwap {
		add("swap")
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

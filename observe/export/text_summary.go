package export

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/filemap-go/filemap/observe"
	"github.com/filemap-go/filemap/observe/event"
)

// stageTitles are the article's four processes.
var stageTitles = [...]string{
	"", "1 a region is made", "2 addresses are translated", "3 missing pages are brought in", "4 pages leave",
}

func (p *printer) summary() {
	s := &p.d.Summary
	const barWidth = 30
	var sum int64
	for i, share := range sharesOf(s.Stages) {
		stage := &s.Stages[i]
		sum += int64(timeOf(stage))
		bar := strings.Repeat("█", (share*barWidth+500)/1000)
		p.line("%-32s %10s %7s  %s", stageTitles[stage.Stage], stageTime(stage), shareText(stage, share), p.stage(stage.Stage, bar))
	}
	p.line("%-32s %10s          %s", "wall time", duration(s.WallNS), p.ofWall(sum))
	if s.FirstByteNS != nil {
		p.line("%-32s %10s", "from mmap() to the first byte", duration(*s.FirstByteNS))
	}
	p.line("")
	p.faults()
	if s.Pages != nil {
		p.totals()
	}
	p.frames()
	p.advice()
}

// ofWall says how much of the wall time the stages are.
func (p *printer) ofWall(sum int64) string {
	s := &p.d.Summary
	if p.d.Tier == observe.TierPager { // whose threads work side by side
		return "the stages' events may take place at the same time"
	}
	return fmt.Sprintf("the stages are %s of it; looking between steps took %s more", percent(sum, s.WallNS), duration(s.RecordingNS))
}

func percent(part, whole int64) string {
	if whole == 0 {
		return "–"
	}
	return fmt.Sprintf("%.1f %%", float64(part)/float64(whole)*100)
}

func (p *printer) faults() {
	f := &p.d.Summary.Faults
	text := fmt.Sprintf("%s: %s minor, %s major", plural(f.Total, "fault"), grouped(f.Minor), grouped(f.Major))
	if f.Slept > 0 {
		text += fmt.Sprintf("; %s of the minor ones slept on I/O under way", grouped(f.Slept))
	}
	if f.Elsewhere > 0 {
		where := "outside the traced region"
		if len(p.d.Command) > 0 {
			where = "of memory without a file"
		}
		text += fmt.Sprintf("; %s of them %s", grouped(f.Elsewhere), where)
	}
	p.line("%s", text)
	if f.RusageMinor+f.RusageMajor == 0 && f.Total > 0 { // the process had ended
		return
	}
	text = fmt.Sprintf("getrusage: %s minor, %s major", grouped(f.RusageMinor), grouped(f.RusageMajor))
	if f.Unseen > 0 {
		text += fmt.Sprintf("; %s more, which no event tells of: %s", grouped(f.Unseen), p.whyUnseen())
	}
	p.line("%s", text)
}

// whyUnseen says where faults without an event come from.
func (p *printer) whyUnseen() string {
	switch {
	case p.d.LostEvents > 0:
		return "events were lost"
	case p.d.PID != 0:
		return "while listening began and ended, and those that the kernel took itself"
	case len(p.d.Command) > 0 && p.d.Tier != observe.TierRoot:
		return "the kernel took them itself, in execve() and other system calls"
	case len(p.d.Command) > 0:
		return "the kernel took them itself, in execve() for one"
	}
	return "the kernel took them itself"
}

func (p *printer) totals() {
	t := p.d.Summary.Pages
	text := fmt.Sprintf("%s touched, %s installed", plural(t.Touched, "page"), plural(t.Installed, "translation"))
	if t.AddedPages != nil {
		text += fmt.Sprintf(", %s added to the cache", plural(*t.AddedPages, "page"))
	}
	p.line("%s", text)
	if t.DeviceReadBytes != nil {
		text = "device: " + size(*t.DeviceReadBytes) + " read"
		if t.ReadAmplification != nil {
			text += fmt.Sprintf(" (%.1f× the pages touched)", *t.ReadAmplification)
		}
		p.line("%s, %s written", text, size(*t.DeviceWriteBytes))
	}
	if t.SwappedOut+t.SwappedIn > 0 {
		p.line("swap: %s out, %s in", plural(t.SwappedOut, "page"), plural(t.SwappedIn, "page"))
	}
}

func (p *printer) advice() {
	for _, a := range p.d.Summary.Advice {
		p.line("%s %s", p.colored("1", "→"), plain(a))
	}
}

// slowest lists the faults that took longest, of those that took long.
func (p *printer) slowest() {
	const most, slow = 8, 100_000 // ns: what no fault without I/O takes
	var faults []*event.Event
	for i := range p.d.Events {
		if e := &p.d.Events[i]; e.Stage == event.StageFault && e.DurationNS >= slow {
			faults = append(faults, e)
		}
	}
	if len(faults) == 0 {
		return
	}
	slices.SortStableFunc(faults, func(a, b *event.Event) int { return cmp.Compare(b.DurationNS, a.DurationNS) })
	p.line("%s took %s or more; the slowest:", plural(int64(len(faults)), "fault"), duration(slow))
	for _, e := range faults[:min(len(faults), most)] {
		p.line("%10s  %-5s %s, %s, by %s", duration(e.DurationNS), e.Kind, plain(p.d.Files[e.File].Path), place(e), plain(e.Where))
	}
	p.line("")
}

// place is where in a file a fault was, or where in memory that is of none.
func place(e *event.Event) string {
	if e.Offset == event.NoOffset {
		return fmt.Sprintf("at %#x", e.Address)
	}
	return "offset " + grouped(e.Offset)
}

// command writes what a program's faults were about.
func (p *printer) command() {
	s := &p.d.Summary
	p.line("%8s %8s %8s %10s %10s %8s %9s %8s  %s", "minor", "major", "slept", "time", "slowest", "pages", "read", "read(2)", "file")
	const most = 15
	for i := range s.Files {
		if i == most && !p.o.All {
			p.line("%72s  … %s more (--all)", "", plural(int64(len(s.Files)-most), "file"))
			break
		}
		f := &s.Files[i]
		read := "?"
		if f.ReadBytes != nil {
			read = size(*f.ReadBytes)
		}
		if p.d.Files[f.File].Role == observe.RoleMemory {
			read = "–"
		}
		calls := ""
		if f.ReadCallPages != nil && *f.ReadCallPages > 0 {
			calls = grouped(*f.ReadCallPages)
		}
		p.line("%8s %8s %8s %10s %10s %8s %9s %8s  %s", grouped(f.Minor), grouped(f.Major), grouped(f.Slept),
			timed(f, f.TimeNS), timed(f, f.SlowestNS), grouped(f.DistinctPages), read, calls, plain(f.Path))
	}
	p.line("")
	p.slowest()
	p.faults()
	p.reads()
	p.line("wall time %s%s", duration(s.WallNS), endedBy[s.EndedBy])
	switch {
	case s.Signal != "":
		p.line("killed by %s: exit status %d", s.Signal, *s.ExitCode)
	case s.ExitCode != nil:
		p.line("exit status %d", *s.ExitCode)
	}
	p.advice()
}

// endedBy says why a trace of a program ended, where it was not the program's doing.
var endedBy = map[string]string{
	observe.EndedBySignal:   ", until a signal ended the trace",
	observe.EndedByDuration: ", which was the time asked for",
}

// reads tells what was read in all, also by system calls, of which no fault tells.
func (p *printer) reads() {
	t := p.d.Summary.Pages
	if t == nil {
		return
	}
	var parts []string
	if t.DeviceReadBytes != nil {
		parts = append(parts, size(*t.DeviceReadBytes)+" from the device")
	}
	if t.ReadCallBytes != nil {
		parts = append(parts, size(*t.ReadCallBytes)+" by read(2) and its like")
	}
	if len(parts) > 0 {
		p.line("read: %s", strings.Join(parts, ", "))
	}
}

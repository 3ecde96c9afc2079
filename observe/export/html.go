package export

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/filemap-go/filemap/observe"
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/observe/internal/words"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Funcs(template.FuncMap{
	"say": words.Of,
}).Parse(pageHTML))

// MostPageEvents is how many events a page holds, so that it stays below 1.5 MB. Of a
// longer trace some are left out, evenly in each phase, and the page says so. JSON has
// all that were kept.
const MostPageEvents = 6_000

// page is what page.html draws. The template escapes its text.
type page struct {
	Policy   string // Content-Security-Policy
	Style    template.CSS
	Script   template.JS
	Data     template.JS
	Title    string
	Facts    []event.Bilingue
	Tier     string
	Sources  []event.Bilingue
	Missing  []event.Bilingue
	Lost     int64
	LeftOut  int64
	Stages   []pageStage
	AboutSum event.Bilingue // what the stages' times are
	Looking  bool           // time went by between the steps
	Figures  []pageFigure
	Advice   []event.Bilingue
	Files    []pageFile
	Terminal string
}

type pageStage struct {
	Number      int
	Name        event.Bilingue
	Timed       bool
	Time, Share string
	Width       string
}

type pageFigure struct {
	Value string
	Label event.Bilingue
}

type pageFile struct {
	Path, Pattern                            event.Bilingue
	Minor, Major, Slept, Time, Slowest, Read string
}

// HTML writes the trace as one page that needs nothing but itself: no network. It
// is stepped or played event by event.
func HTML(w io.Writer, d *observe.Document) error {
	var terminal bytes.Buffer
	if err := Text(&terminal, d, TextOptions{}); err != nil {
		return err
	}
	data, left, err := pageData(d)
	if err != nil {
		return err
	}
	return pageTemplate.Execute(w, page{
		Policy: policy(pageCSS, pageJS),
		Style:  template.CSS(pageCSS), Script: template.JS(pageJS), Data: data,
		Title: titleText(d), Facts: facts(d),
		Tier: d.Tier, Sources: inBoth(d, d.Sources), Missing: inBoth(d, d.Missing), Lost: d.LostEvents, LeftOut: left,
		Stages: pageStages(d), AboutSum: aboutSum(d), Looking: left == 0 && d.Summary.RecordingNS > 0,
		Figures: figures(d), Files: pageFiles(d), Advice: inBoth(d, d.Summary.Advice),
		Terminal: terminal.String(),
	})
}

func inBoth(d *observe.Document, texts []string) []event.Bilingue {
	var found []event.Bilingue
	for _, text := range texts {
		both := d.InBoth(text)
		found = append(found, event.Bilingue{English: plain(both.English), Chinese: plain(both.Chinese)})
	}
	return found
}

// pageData is the document as the script reads it, with the words for its events and
// those of its own.
func pageData(d *observe.Document) (template.JS, int64, error) {
	type trace struct {
		*observe.Document
		Events []pageEvent `json:"events"` // hides the document's
	}
	events := pick(d.Events, MostPageEvents)
	text, err := json.Marshal(struct { // which escapes <, > and & by itself
		Trace      trace                     `json:"trace"`
		Vocabulary []event.Info              `json:"vocabulary"`
		Words      map[string]event.Bilingue `json:"words"`
		Looking    bool                      `json:"looking"` // what is between the steps is known
	}{trace{d, pageEvents(events)}, event.Vocabulary, scriptWords(), len(events) == len(d.Events) && d.Summary.RecordingNS > 0})
	return template.JS(text), max(d.EventsTotal, int64(len(d.Events))) - int64(len(events)), err
}

// policy lets the page do nothing but show itself, in its own style and by its own
// script, whatever a file's name may hold.
func policy(style, script string) string {
	sum := func(s string) string {
		h := sha256.Sum256([]byte(s))
		return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
	}
	return "default-src 'none'; style-src " + sum(style) + "; script-src " + sum(script) + "; base-uri 'none'; form-action 'none'"
}

func titleText(d *observe.Document) string {
	switch {
	case len(d.Command) > 0:
		return plain(strings.Join(d.Command, " "))
	case len(d.Files) > 0:
		return plain(d.Files[0].Path)
	}
	return "trace"
}

func facts(d *observe.Document) []event.Bilingue {
	var f []event.Bilingue
	if d.PID != 0 {
		f = append(f, words.Of("process %d", d.PID))
	}
	if len(d.Command) == 0 && len(d.Files) > 0 {
		f = append(f, words.Same(size(d.Files[0].SizeBytes)))
	}
	if d.Machine.FileSystem != "" {
		f = append(f, words.Same(d.Machine.FileSystem))
	}
	if d.Machine.ReadAheadBytes != nil {
		f = append(f, words.Of("readahead %s", size(*d.Machine.ReadAheadBytes)))
	}
	f = append(f, words.Of("pages of %s", size(d.Machine.PageBytes)))
	if d.Machine.Kernel != "" {
		f = append(f, words.Same("Linux "+plain(d.Machine.Kernel)))
	}
	if s := d.Settings; s.Pattern != "" {
		pattern := words.Of(string(s.Pattern))
		if s.Touches == 1 {
			f = append(f, words.Of("one page, %s", pattern))
		} else {
			f = append(f, words.Of("%s pages, %s", grouped(int64(s.Touches)), pattern))
		}
	}
	if d.Settings.Advice != "" {
		f = append(f, words.Of("advice %s", plain(d.Settings.Advice)))
	}
	if d.Settings.MemoryLimitBytes > 0 {
		f = append(f, words.Of("memory limit %s", size(d.Settings.MemoryLimitBytes)))
	}
	return f
}

func pageStages(d *observe.Document) []pageStage {
	names := [...]event.Bilingue{
		words.Of("A region is made"), words.Of("Addresses are translated"), words.Of("Missing pages are brought in"), words.Of("Pages leave"),
	}
	var found []pageStage
	for i, share := range sharesOf(d.Summary.Stages) {
		s := &d.Summary.Stages[i]
		p := pageStage{Number: s.Stage, Name: names[s.Stage-1], Time: stageTime(s), Timed: s.TimeNS != nil, Share: shareText(s, share)}
		p.Width = fmt.Sprintf("%.1f%%", float64(share)/10)
		found = append(found, p)
	}
	return found
}

// aboutSum says what the stages' times are the parts of.
func aboutSum(d *observe.Document) event.Bilingue {
	switch {
	case len(d.Command) > 0:
		return words.Of("Of a program only the faults are timed. Its threads and processes may fault at the same time.")
	case d.Tier == observe.TierPager:
		return words.Of("Each event's own time, without that of events within it on the same pages. Events of a pager may take place at the same time.")
	}
	return words.Of("Each event's own time, without that of events within it, so that the four add up to that of the steps.")
}

// figures are the few numbers that sum a trace up.
func figures(d *observe.Document) []pageFigure {
	s := &d.Summary
	f := []pageFigure{{duration(s.WallNS), words.Of("in all")}}
	if s.RecordingNS > 0 { // the timeline has it too
		f[0].Label = words.Of("for the steps; %s with looking between them", duration(s.WallNS+s.RecordingNS))
	}
	if s.FirstByteNS != nil {
		f = append(f, pageFigure{duration(*s.FirstByteNS), words.Of("from mmap() to the first byte")})
	}
	faults := pageFigure{grouped(s.Faults.Total), words.Of("faults")}
	if s.Faults.Total > 0 {
		faults.Label = words.Of("faults: %s minor, %s major", grouped(s.Faults.Minor), grouped(s.Faults.Major))
	}
	f = append(f, faults)
	if p := s.Pages; p != nil {
		if p.DeviceReadBytes != nil {
			f = append(f, pageFigure{size(*p.DeviceReadBytes), words.Of("read by the device")})
		}
		if p.DeviceWriteBytes != nil && *p.DeviceWriteBytes > 0 {
			f = append(f, pageFigure{size(*p.DeviceWriteBytes), words.Of("written by the device")})
		}
		if p.SwappedOut > 0 {
			f = append(f, pageFigure{grouped(p.SwappedOut), words.Of("pages swapped out, %s in", grouped(p.SwappedIn))})
		}
	}
	return f
}

func pageFiles(d *observe.Document) []pageFile {
	var found []pageFile
	for i := range d.Summary.Files {
		f := &d.Summary.Files[i]
		p := pageFile{
			Path: words.Same(plain(f.Path)), Minor: grouped(f.Minor), Major: grouped(f.Major), Slept: grouped(f.Slept),
			Time: timed(f, f.TimeNS), Slowest: timed(f, f.SlowestNS), Read: "?", Pattern: words.Of(f.Pattern),
		}
		if f.ReadBytes != nil {
			p.Read = size(*f.ReadBytes)
		}
		if d.Files[f.File].Role == observe.RoleMemory {
			p.Path, p.Read = words.Of(plain(f.Path)), "–"
		}
		if f.Minor+f.Major == 0 {
			p.Pattern = words.Same("–")
		}
		found = append(found, p)
	}
	return found
}

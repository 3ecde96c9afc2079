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
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

//go:embed page.js
var pageJS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

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
	Facts    []string
	Tier     string
	Sources  string
	Missing  []string
	Lost     int64
	LeftOut  int64
	Stages   []pageStage
	Figures  []pageFigure
	Advice   []string
	Files    []pageFile
	Terminal string
}

type pageStage struct {
	Number           int
	English, Chinese string
	Time, Share      string
	Width            string
}

type pageFigure struct{ Value, English, Chinese string }

type pageFile struct{ Path, Minor, Major, Slept, Time, Slowest, Read, Pattern string }

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
	p := page{
		Policy: policy(pageCSS, pageJS),
		Style:  template.CSS(pageCSS), Script: template.JS(pageJS), Data: data,
		Title: titleText(d), Facts: facts(d),
		Tier: d.Tier, Sources: strings.Join(d.Sources, ", "), Lost: d.LostEvents, LeftOut: left,
		Stages: pageStages(d), Figures: figures(d), Files: pageFiles(d),
		Terminal: terminal.String(),
	}
	for _, m := range d.Missing {
		p.Missing = append(p.Missing, plain(m))
	}
	for _, a := range d.Summary.Advice {
		p.Advice = append(p.Advice, plain(a))
	}
	return pageTemplate.Execute(w, p)
}

// pageData is the document as the script reads it, with the words for its events.
func pageData(d *observe.Document) (template.JS, int64, error) {
	type trace struct {
		*observe.Document
		Events []pageEvent `json:"events"` // hides the document's
	}
	events := pick(d.Events, MostPageEvents)
	text, err := json.Marshal(struct { // which escapes <, > and & by itself
		Trace      trace        `json:"trace"`
		Vocabulary []event.Info `json:"vocabulary"`
	}{trace{d, pageEvents(events)}, event.Vocabulary})
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

func facts(d *observe.Document) []string {
	var f []string
	if len(d.Command) == 0 && len(d.Files) > 0 {
		f = append(f, size(d.Files[0].SizeBytes))
	}
	if d.Machine.FileSystem != "" {
		f = append(f, d.Machine.FileSystem)
	}
	if d.Machine.ReadAheadBytes != nil {
		f = append(f, "readahead "+size(*d.Machine.ReadAheadBytes))
	}
	f = append(f, "pages of "+size(d.Machine.PageBytes))
	if d.Machine.Kernel != "" {
		f = append(f, "Linux "+plain(d.Machine.Kernel))
	}
	if s := d.Settings; s.Pattern != "" {
		f = append(f, fmt.Sprintf("%s, %s", plural(int64(s.Touches), "page"), s.Pattern))
	}
	if d.Settings.Advice != "" {
		f = append(f, "advice "+plain(d.Settings.Advice))
	}
	if d.Settings.MemoryLimitBytes > 0 {
		f = append(f, "memory limit "+size(d.Settings.MemoryLimitBytes))
	}
	return f
}

var stageWords = [...]pageStage{
	{Number: 1, English: "A region is made", Chinese: "建立映射"},
	{Number: 2, English: "Addresses are translated", Chinese: "地址转换"},
	{Number: 3, English: "Missing pages are brought in", Chinese: "缺页调入"},
	{Number: 4, English: "Pages leave", Chinese: "页面离开"},
}

func pageStages(d *observe.Document) []pageStage {
	var sum int64
	for _, s := range d.Summary.Stages {
		sum += s.TimeNS
	}
	var found []pageStage
	for _, s := range d.Summary.Stages {
		p := stageWords[s.Stage-1]
		share := 0.0
		if sum > 0 {
			share = float64(s.TimeNS) / float64(sum) * 100
		}
		p.Time, p.Share, p.Width = duration(s.TimeNS), fmt.Sprintf("%.1f %%", share), fmt.Sprintf("%.2f%%", share)
		found = append(found, p)
	}
	return found
}

// figures are the few numbers that sum a trace up.
func figures(d *observe.Document) []pageFigure {
	s := &d.Summary
	f := []pageFigure{{duration(s.WallNS), "in all", "总时间"}}
	if s.FirstByteNS != nil {
		f = append(f, pageFigure{duration(*s.FirstByteNS), "from mmap() to the first byte", "从 mmap() 到第一个字节"})
	}
	faults := pageFigure{grouped(s.Faults.Total), "faults", "缺页"}
	if s.Faults.Total > 0 {
		faults.English = fmt.Sprintf("faults: %s minor, %s major", grouped(s.Faults.Minor), grouped(s.Faults.Major))
		faults.Chinese = fmt.Sprintf("缺页：次 %s，主 %s", grouped(s.Faults.Minor), grouped(s.Faults.Major))
	}
	f = append(f, faults)
	if p := s.Pages; p != nil {
		if p.DeviceReadBytes != nil {
			f = append(f, pageFigure{size(*p.DeviceReadBytes), "read by the device", "设备读取"})
		}
		if p.DeviceWriteBytes != nil && *p.DeviceWriteBytes > 0 {
			f = append(f, pageFigure{size(*p.DeviceWriteBytes), "written by the device", "设备写入"})
		}
		if p.SwappedOut > 0 {
			f = append(f, pageFigure{
				grouped(p.SwappedOut), fmt.Sprintf("pages swapped out, %s in", grouped(p.SwappedIn)),
				fmt.Sprintf("页换出，%s 页换入", grouped(p.SwappedIn)),
			})
		}
	}
	return f
}

func pageFiles(d *observe.Document) []pageFile {
	var found []pageFile
	for _, f := range d.Summary.Files {
		p := pageFile{
			Path: plain(f.Path), Minor: grouped(f.Minor), Major: grouped(f.Major), Slept: grouped(f.Slept),
			Time: duration(f.TimeNS), Slowest: duration(f.SlowestNS), Read: "?", Pattern: f.Pattern,
		}
		if f.ReadBytes != nil {
			p.Read = size(*f.ReadBytes)
		}
		if d.Files[f.File].Role == observe.RoleMemory {
			p.Read = "–"
		}
		found = append(found, p)
	}
	return found
}

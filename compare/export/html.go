package export

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/filemap-go/filemap/compare"
)

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var pageTemplate = template.Must(template.New("page").Parse(pageHTML))

// page is what page.html draws. All its text is ready to show; the template
// escapes it.
type page struct {
	Policy   string // Content-Security-Policy
	Style    template.CSS
	Headline []string
	Details  []string
	Verdict  compare.Verdict
	Lead     string // what the sentence says after its first part
	Class    string // of the winner's colour
	Crossing string
	Warnings []string
	Besides  []besideBar
	Article  string // what to know of the article's figures
	Sweep    *sweepPlot
	Times    *timesPlot
	Panels   []panel
	Silent   string // the counts that are nought for all
	Tables   []resultTable
	Notes    []note
	Remark   string
	Terminal string
	Data     template.URL
}

type note struct{ Names, Reason string }

// HTML writes the report as one page that needs nothing but itself: no network,
// no script.
func HTML(w io.Writer, r *compare.Report) error {
	var document, terminal bytes.Buffer
	if err := JSON(&document, r); err != nil {
		return err
	}
	if err := Text(&terminal, r, TextOptions{Width: widthProse}); err != nil {
		return err
	}
	p := page{
		Policy:   policy(pageCSS),
		Style:    template.CSS(pageCSS),
		Headline: headline(r),
		Details: append([]string{provenance(r.File), samplesText(r)},
			append(machineTexts(r.Machine), fileSystemText(r.Machine))...),
		Verdict:  plainVerdict(r.Verdict),
		Lead:     lead(r.Verdict.Sentence),
		Class:    winnerClass(r.Verdict.Winner),
		Crossing: crossoverText(r),
		Besides:  besideBars(r),
		Article:  plain(r.Article.Note),
		Tables:   resultTables(r),
		Remark:   evictionText(r),
		Terminal: terminal.String(),
		Data:     template.URL("data:application/json;base64," + base64.StdEncoding.EncodeToString(document.Bytes())),
	}
	for _, warning := range r.Warnings {
		p.Warnings = append(p.Warnings, plain(warning))
	}
	for _, withheld := range footnotes(r) {
		p.Notes = append(p.Notes, note{strings.Join(withheld.names, ", "), withheld.reason})
	}
	if isSweep(r) {
		plot := newSweepPlot(r)
		p.Sweep = &plot
	} else {
		results := ranked(comparison(r).Results)
		p.Times = newTimesPlot(results)
		p.Panels, p.Silent = panels(r, sound(results))
	}
	return pageTemplate.Execute(w, p)
}

// policy lets the page do nothing but show itself in its own style, whatever a
// file's name may hold.
func policy(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'"
}

// plainVerdict is the verdict to show, its sentence only up to the lead.
func plainVerdict(v compare.Verdict) compare.Verdict {
	first, _, more := strings.Cut(plain(v.Sentence), "; ")
	if more {
		first += "."
	}
	return compare.Verdict{Winner: plain(v.Winner), Sentence: first, Cause: plain(v.Cause), Remedy: plain(v.Remedy)}
}

// lead is what follows the first part of the verdict, which is the headline.
func lead(sentence string) string {
	_, rest, _ := strings.Cut(plain(sentence), "; ")
	first, size := utf8.DecodeRuneInString(rest)
	if rest == "" {
		return ""
	}
	return string(unicode.ToUpper(first)) + rest[size:]
}

func winnerClass(winner string) string {
	switch winner {
	case compare.WinnerMapping:
		return "mapping"
	case compare.WinnerReadWrite:
		return "readwrite"
	}
	return "neither"
}

func familyClass(r compare.Result) string {
	if isMapping(r) {
		return "mapping"
	}
	if isPager(r) {
		return "neither"
	}
	return "readwrite"
}

package export

import (
	"slices"
	"strings"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/internal/terminal"
)

// legend explains the marks. In a sweep every row has both families.
func (t *text) legend() {
	parts := []string{t.mark(mapping, "●", "mapping"), t.mark(readWrite, "○", "read/write")}
	if isSweep(t.report) {
		parts = []string{t.mark(mapping, "●", "kept"), t.mark(mapping, "◇", "each time"), t.mark(readWrite, "○", "best read/write")}
	} else if slices.ContainsFunc(t.report.Results, isPager) {
		parts = append(parts, t.mark(normal, "◇", "pager: mapped in user space"))
	}
	for _, l := range terminal.Join(append(parts, t.paint(faint, "speed: times as fast as read/write"), t.paint(faint, "~ may be chance")), "  ", t.columns) {
		t.out.WriteString(l + "\n")
	}
}

func (t *text) mark(s style, shape, meaning string) string {
	return t.paint(s, shape) + t.paint(faint, " "+meaning)
}

// footnotes explain each "?".
func (t *text) footnotes() {
	for _, note := range footnotes(t.report) {
		t.hanging(cell{unknown, alarm}, strings.Join(note.names, ", ")+": "+note.reason, faint)
	}
	if apart := evictionText(t.report); apart != "" {
		t.print(faint, apart)
	}
	t.blank()
}

// hanging writes a paragraph beside its label.
func (t *text) hanging(label cell, body string, s style) {
	indent := width(label.text) + 1
	prefix := t.paint(label.style, label.text) + " "
	for _, l := range terminal.Wrap(body, min(t.columns, widthProse)-indent) {
		t.out.WriteString(prefix + t.paint(s, l) + "\n")
		prefix = strings.Repeat(" ", indent)
	}
}

// verdict is the answer, why it is so and what to do.
func (t *text) verdict() {
	v := t.report.Verdict
	color := strong
	switch v.Winner {
	case compare.WinnerMapping:
		color = mapping
	case compare.WinnerReadWrite:
		color = readWrite
	}
	t.hanging(cell{"verdict", color}, plain(v.Sentence), strong)
	t.hanging(cell{"because", faint}, plain(v.Cause), normal)
	t.hanging(cell{"  to do", faint}, plain(v.Remedy), normal)
	if crossing := crossoverText(t.report); crossing != "" {
		t.hanging(cell{"by size", faint}, crossing, normal)
	}
	t.blank()
}

// article puts the article's ratio beside the ones measured here.
func (t *text) article() {
	tab := &table{columns: []column{
		{head: "beside the article", left: true}, {head: "read/write"}, {head: "mapping"}, {head: "ratio"},
	}}
	for _, row := range besides(t.report) {
		ratio := cell{row.ratio, strong}
		tab.add(cell{text: row.name}, cell{text: row.readWrite}, cell{text: row.mapping}, ratio)
	}
	t.out.WriteString(tab.render(t.painter, t.columns))
	if note := t.report.Article.Note; note != "" {
		t.hanging(cell{"“”", faint}, note, faint)
	}
}

// warnings are last, where the eye rests when the command is over.
func (t *text) warnings() {
	if len(t.report.Warnings) == 0 {
		return
	}
	t.blank()
	for _, warning := range t.report.Warnings {
		t.hanging(cell{"warning", alarm}, plain(warning), normal)
	}
}

// crossoverText tells at which sizes mapping wins.
func crossoverText(r *compare.Report) string {
	if r.Crossover == nil {
		return ""
	}
	return r.Crossover.Sentence()
}

package export

import (
	"slices"
	"strings"

	"github.com/filemap-go/filemap/compare"
)

// legend explains the marks. In a sweep every row has both families.
func (t *text) legend() {
	marks := t.paint(mapping, "●") + t.paint(faint, " mapping  ") + t.paint(readWrite, "○") + t.paint(faint, " read/write")
	if isSweep(t.report) {
		marks = t.paint(mapping, "●") + t.paint(faint, " kept  ") + t.paint(mapping, "◇") + t.paint(faint, " each time")
	}
	t.out.WriteString(marks + t.paint(faint, " · speed: times as fast as read/write · ~ may be chance") + "\n")
	if !isSweep(t.report) && slices.ContainsFunc(t.report.Results, isPager) {
		t.out.WriteString("◇" + t.paint(faint, " pager: mapped in user space") + "\n")
	}
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
	for _, l := range wrapped(body, min(t.columns, widthProse)-indent) {
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
	if crossing := crossoverText(t.report.Crossover); crossing != "" {
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

// crossoverText tells from which size on mapping wins.
func crossoverText(c *compare.Crossover) string {
	if c == nil {
		return ""
	}
	from := func(bytes *int64) string {
		if bytes == nil {
			return "at none of these sizes"
		}
		return "from " + exactSize(*bytes) + " on"
	}
	return "A mapping that is kept beats the best read/write " + from(c.KeptBytes) +
		"; one mapped each time beats read/write " + from(c.OneShotBytes) + "."
}

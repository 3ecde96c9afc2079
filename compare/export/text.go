package export

import (
	"io"
	"math"
	"slices"
	"strings"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/internal/terminal"
)

// TextOptions say what the terminal can show.
type TextOptions struct {
	Color bool
	Width int // columns; 0 is 80
}

const (
	widthDefault = 80
	widthLeast   = 24
	widthProse   = 100
	barLeast     = 6
	barMost      = 32
	aboutLeast   = 24 // columns below which a description is not worth showing
)

// Text writes the report for a terminal: what was measured, the times, the
// reasons, the verdict, the article's figures and the warnings.
func Text(w io.Writer, r *compare.Report, o TextOptions) error {
	t := &text{report: r, painter: painter(o.Color), columns: o.Width}
	if t.columns == 0 {
		t.columns = widthDefault
	}
	t.columns = max(t.columns, widthLeast)
	t.header()
	if isSweep(r) {
		t.sweep()
	} else {
		results := ranked(comparison(r).Results)
		t.times(results)
		t.reasons(results)
	}
	t.legend()
	t.footnotes()
	t.verdict()
	t.article()
	t.warnings()
	_, err := io.WriteString(w, terminal.Fit(t.out.String(), t.columns))
	return err
}

// text is the output as it grows.
type text struct {
	painter
	report  *compare.Report
	columns int
	out     strings.Builder
}

func (t *text) print(s style, line string) { t.out.WriteString(t.paint(s, line) + "\n") }

func (t *text) blank() { t.out.WriteByte('\n') }

// header tells what was run on what, and where.
func (t *text) header() {
	for _, l := range terminal.Join(headline(t.report), " · ", t.columns) {
		t.print(strong, l)
	}
	details := append([]string{provenance(t.report.File), samplesText(t.report)}, machineTexts(t.report.Machine)...)
	for _, l := range terminal.Join(append(details, fileSystemText(t.report.Machine)), " · ", t.columns) {
		t.print(faint, l)
	}
	t.blank()
}

// nameCell marks a contender's family by shape as well as by colour.
func nameCell(r compare.Result) cell {
	if isMapping(r) {
		return cell{"● " + plain(r.Contender), mapping}
	}
	if isPager(r) {
		return cell{"◇ " + plain(r.Contender), normal}
	}
	return cell{"○ " + plain(r.Contender), readWrite}
}

// times is the table of medians, fastest first, with a bar each.
func (t *text) times(results []compare.Result) {
	tab := &table{columns: []column{
		{head: "time of a run", left: true}, {head: "median"}, {head: "95 %"}, {head: "speed"},
	}}
	for _, r := range results {
		if why := failure(r); why != "" {
			tab.addRemark(nameCell(r), cell{why, alarm})
			continue
		}
		ratio := cell{ratioText(r), strong}
		if isBaseline(r) || !r.Significant {
			ratio.style = faint
		}
		tab.add(nameCell(r), cell{duration(r.MedianNs), strong},
			cell{"± " + spread(r.MedianNs, r.LowNs, r.HighNs), faint}, ratio)
	}
	good := sound(results)
	t.operations(tab, good)
	t.setup(tab, good)
	t.bars(tab, good)
	t.out.WriteString(tab.render(t.painter, t.columns))
	t.blank()
}

// operations adds the latency of single operations, where a pattern has them.
func (t *text) operations(tab *table, results []compare.Result) {
	var p50, p99 []cell
	for _, r := range results {
		p50 = append(p50, durationCell(r.P50Ns))
		p99 = append(p99, durationCell(r.P99Ns))
	}
	if slices.ContainsFunc(results, hasOperations) {
		tab.append(column{group: "an operation", head: "p50"}, p50)
		tab.append(column{group: "an operation", head: "p99"}, p99)
	}
}

func durationCell(ns *float64) cell {
	if ns == nil {
		return cell{unknown, alarm}
	}
	return cell{text: duration(*ns)}
}

// setup adds the time before and after a run that does not count in it.
func (t *text) setup(tab *table, results []compare.Result) {
	var before []cell
	longest := 0.0
	for _, r := range results {
		before = append(before, cell{duration(r.SetupNs), faint})
		longest = math.Max(longest, r.SetupNs)
	}
	if longest > 0 {
		tab.append(column{group: "apart", head: "set-up"}, before)
	}
}

// bars adds a bar to each median, and where there is room what the contender does.
func (t *text) bars(tab *table, results []compare.Result) {
	room := t.columns - tab.natural() - gap
	if room < barLeast {
		return
	}
	about := room - barMost*2/3 - gap
	if about >= aboutLeast {
		room -= about + gap
	}
	slowest := 0.0
	for _, r := range results {
		slowest = math.Max(slowest, r.MedianNs)
	}
	var drawn, told []cell
	for _, r := range results {
		drawn = append(drawn, cell{bar(r.MedianNs/slowest, min(room, barMost)), nameCell(r).style})
		told = append(told, cell{shortened(plain(r.Description), about), faint})
	}
	tab.append(column{left: true}, drawn)
	if about >= aboutLeast {
		tab.append(column{left: true}, told)
	}
}

// reasons is the table of the counts that explain the times.
func (t *text) reasons(results []compare.Result) {
	tab := &table{columns: []column{{head: "why, in a run", left: true}}}
	good := sound(results)
	for _, r := range good {
		tab.add(nameCell(r))
	}
	for _, why := range shown(t.report, good) {
		var cells []cell
		for i := range good {
			cells = append(cells, reasonCell(why, &good[i]))
		}
		tab.append(column{group: why.group, head: why.head}, cells)
	}
	t.out.WriteString(tab.render(t.painter, t.columns))
	t.blank()
}

// reasonCell lets noughts step back, so that the eye finds the causes.
func reasonCell(why reason, r *compare.Result) cell {
	switch value := why.value(r); {
	case value == nil:
		return cell{unknown, alarm}
	case why.nought(*value):
		return cell{"0", faint}
	default:
		return cell{text: why.write(*value)}
	}
}

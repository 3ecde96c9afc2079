package export

import (
	"strings"

	"github.com/filemap-go/filemap/internal/terminal"
)

// gap separates two columns of a table, and gapTight those of a table that would
// be too wide.
const (
	gap      = 2
	gapTight = 1
)

// column is one column of a table; its group is a heading above that it shares
// with its neighbours of the same group.
type column struct {
	group, head string
	left        bool
}

type cell struct {
	text  string
	style style
}

// line is one row. A row with a remark shows it after the first cell instead of
// its other cells.
type line struct {
	cells  []cell
	remark cell
}

// table aligns cells by the columns they take in a terminal.
type table struct {
	columns []column
	lines   []line
	tight   bool
}

func (t *table) gap() int {
	if t.tight {
		return gapTight
	}
	return gap
}

func (t *table) add(cells ...cell) { t.lines = append(t.lines, line{cells: cells}) }

func (t *table) addRemark(first, remark cell) {
	t.lines = append(t.lines, line{cells: []cell{first}, remark: remark})
}

// append adds a column; texts has a cell for each line without a remark.
func (t *table) append(c column, cells []cell) {
	t.columns = append(t.columns, c)
	next := 0
	for i := range t.lines {
		if t.lines[i].remark.text == "" {
			t.lines[i].cells = append(t.lines[i].cells, cells[next])
			next++
		}
	}
}

func (t *table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = width(c.head)
	}
	for _, l := range t.lines {
		for i, c := range l.cells {
			widths[i] = max(widths[i], width(c.text))
		}
	}
	for first := 0; first < len(t.columns); {
		last := t.groupEnd(first)
		// A heading wider than its columns widens the last of them.
		if lack := width(t.columns[first].group) - t.total(widths[first:last]); lack > 0 {
			widths[last-1] += lack
		}
		first = last
	}
	return widths
}

// groupEnd is the index after the columns that share the heading of first.
func (t *table) groupEnd(first int) int {
	last := first + 1
	for group := t.columns[first].group; group != "" && last < len(t.columns) && t.columns[last].group == group; {
		last++
	}
	return last
}

func (t *table) total(widths []int) int {
	sum := t.gap() * (len(widths) - 1)
	for _, w := range widths {
		sum += w
	}
	return sum
}

// natural is the width of the table as it stands.
func (t *table) natural() int { return t.total(t.widths()) }

// firstLeast is what shortening leaves of the first column: enough to tell the
// contenders apart.
const firstLeast = 14

// render writes the table, shortening the first column where it is too wide, and
// cutting what is too wide then.
func (t *table) render(p painter, columns int) string {
	var b strings.Builder
	for line := range strings.Lines(t.whole(p, columns)) {
		b.WriteString(terminal.Cut(strings.TrimSuffix(line, "\n"), columns) + "\n")
	}
	return b.String()
}

func (t *table) whole(p painter, columns int) string {
	t.tight = t.natural() > columns
	widths := t.widths()
	if over := t.total(widths) - columns; over > 0 {
		widths[0] = max(widths[0]-over, min(widths[0], firstLeast))
	}
	var b strings.Builder
	t.renderGroups(&b, p, widths)
	heads := make([]cell, len(t.columns))
	for i, c := range t.columns {
		heads[i] = cell{c.head, faint}
	}
	heads[0].style = strong
	t.renderCells(&b, p, widths, heads)
	for _, l := range t.lines {
		if l.remark.text == "" {
			t.renderCells(&b, p, widths, l.cells)
			continue
		}
		remark := shortened(l.remark.text, max(columns-widths[0]-t.gap(), 12))
		b.WriteString(p.paint(l.cells[0].style, padded(l.cells[0].text, widths[0], true)))
		b.WriteString(strings.Repeat(" ", t.gap()) + p.paint(l.remark.style, remark) + "\n")
	}
	return b.String()
}

// renderGroups writes the headings above columns, each with a rule as wide as
// what it covers.
func (t *table) renderGroups(b *strings.Builder, p painter, widths []int) {
	var row strings.Builder
	for first := 0; first < len(t.columns); {
		last := t.groupEnd(first)
		covered, group := t.total(widths[first:last]), t.columns[first].group
		rule := covered - width(group)
		switch {
		case group == "":
			row.WriteString(strings.Repeat(" ", covered))
		case rule >= 4:
			left := (rule - 2) / 2
			row.WriteString(strings.Repeat("─", left) + " " + group + " " + strings.Repeat("─", rule-2-left))
		default:
			row.WriteString(padded(group, covered, false))
		}
		row.WriteString(strings.Repeat(" ", t.gap()))
		first = last
	}
	if text := strings.TrimRight(row.String(), " "); text != "" {
		b.WriteString(p.paint(faint, text) + "\n")
	}
}

func (t *table) renderCells(b *strings.Builder, p painter, widths []int, cells []cell) {
	last := len(cells) - 1
	for last > 0 && cells[last].text == "" {
		last--
	}
	for i, c := range cells[:last+1] {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", t.gap()))
		}
		text := padded(c.text, widths[i], t.columns[i].left)
		if i == last && t.columns[i].left {
			text = strings.TrimRight(text, " ")
		}
		b.WriteString(p.paint(c.style, text))
	}
	b.WriteByte('\n')
}

func padded(text string, columns int, left bool) string {
	text = shortened(text, columns)
	space := strings.Repeat(" ", max(columns-width(text), 0))
	if left {
		return text + space
	}
	return space + text
}

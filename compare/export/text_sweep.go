package export

import (
	"math"

	"github.com/filemap-go/filemap/compare"
)

const (
	sketchLeast = 16
	sketchMost  = 48
)

// sweep is a row a size: the article's read/write and the best one, a mapping that
// is kept and one made each time, and a sketch of the ratios.
func (t *text) sweep() {
	tab := &table{columns: []column{
		{head: "size"},
		{group: "○ read/write", head: "each"},
		{group: "○ read/write", head: "best"},
		{group: "● kept", head: "median"},
		{group: "● kept", head: "speed"},
		{group: "◇ each time", head: "median"},
		{group: "◇ each time", head: "speed"},
	}}
	var scale ratioScale
	for _, s := range t.report.Comparisons {
		cells := []cell{{exactSize(s.SizeBytes), strong}, medianCell(find(s.Results, compare.NameReadWrite)), medianCell(bestReadWrite(s.Results))}
		for _, name := range []string{compare.NameKept, compare.NameOneShot} {
			r := find(s.Results, name)
			cells = append(cells, medianCell(r), sweepRatio(r))
			if r != nil {
				scale.cover(r.RatioToReadWrite)
			}
		}
		tab.add(cells...)
	}
	if room := min(t.columns-tab.natural()-gap, sketchMost); room >= sketchLeast {
		scale.cover(1)
		scale.cover(t.report.Article.Ratio)
		tab.append(column{head: scale.heading(t.report.Article.Ratio, room), left: true}, t.sketches(scale, room))
	}
	t.out.WriteString(tab.render(t.painter, t.columns))
	t.blank()
	for _, s := range t.report.Comparisons {
		for _, r := range s.Results {
			if why := failure(r); why != "" {
				t.hanging(cell{"!", alarm}, exactSize(s.SizeBytes)+", "+plain(r.Contender)+": "+why, normal)
			}
		}
	}
}

func medianCell(r *compare.Result) cell {
	if r == nil {
		return cell{unknown, alarm}
	}
	return cell{text: duration(r.MedianNs)}
}

func sweepRatio(r *compare.Result) cell {
	switch {
	case r == nil:
		return cell{unknown, alarm}
	case !r.Significant:
		return cell{ratioText(*r), faint}
	case r.RatioToReadWrite > 1:
		return cell{ratioText(*r), mapping}
	}
	return cell{ratioText(*r), readWrite}
}

// ratioScale is a logarithmic axis of ratios: twice as fast lies as far from 1×
// as half as fast.
type ratioScale struct{ low, high float64 }

func (s *ratioScale) cover(ratio float64) {
	if ratio <= 0 || math.IsInf(ratio, 0) || math.IsNaN(ratio) {
		return
	}
	if s.low == 0 {
		s.low, s.high = ratio, ratio
	}
	s.low, s.high = math.Min(s.low, ratio), math.Max(s.high, ratio)
}

// part is where a ratio lies between the ends of the axis.
func (s ratioScale) part(ratio float64) float64 {
	if s.high <= s.low || ratio <= 0 {
		return 0
	}
	return math.Log(ratio/s.low) / math.Log(s.high/s.low)
}

func (s ratioScale) column(ratio float64, columns int) int {
	return min(max(int(s.part(ratio)*float64(columns-1)+0.5), 0), columns-1)
}

// heading names the two rules of the sketch above them.
func (s ratioScale) heading(article float64, columns int) string {
	line := make([]rune, columns)
	for i := range line {
		line[i] = ' '
	}
	one := s.column(1, columns)
	copy(line[min(one, columns-2):], []rune("1×"))
	label := []rune(times(article))
	if at := min(s.column(article, columns), columns-len(label)); article > 0 && at > one+2 {
		copy(line[at:], label)
	}
	return string(line)
}

// sketches draws each size's ratios as marks between rules at 1× and at the
// article's ratio.
func (t *text) sketches(scale ratioScale, columns int) []cell {
	var drawn []cell
	for _, s := range t.report.Comparisons {
		line := make([]rune, columns)
		for i := range line {
			line[i] = ' '
		}
		if t.report.Article.Ratio > 0 {
			line[scale.column(t.report.Article.Ratio, columns)] = '┊'
		}
		line[scale.column(1, columns)] = '│'
		if r := bestReadWrite(s.Results); r != nil && !isBaseline(*r) {
			line[scale.column(r.RatioToReadWrite, columns)] = '○'
		}
		if r := find(s.Results, compare.NameOneShot); r != nil {
			line[scale.column(r.RatioToReadWrite, columns)] = '◇'
		}
		if r := find(s.Results, compare.NameKept); r != nil {
			line[scale.column(r.RatioToReadWrite, columns)] = '●'
		}
		drawn = append(drawn, cell{string(line), mapping})
	}
	return drawn
}

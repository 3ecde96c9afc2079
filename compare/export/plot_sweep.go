package export

import (
	"math"
	"strconv"

	"github.com/filemap-go/filemap/compare"
)

const sweepHeight = 300

// sweepPlot is ratio against file size, both logarithmic.
type sweepPlot struct {
	Height       int
	Sizes        []tick
	Ratios       []level
	One, Article string // heights of the two rules
	Below        string // what is left under the first
	ArticleLabel string
	Lines        []sweepLine
}

// level is a mark of the vertical axis.
type level struct {
	Y, Label string
	Strong   bool // what the plot is read against
}

type sweepLine struct {
	Name, Class string
	Points      []sweepPoint
}

// sweepPoint is a mark, joined to the one before it.
type sweepPoint struct {
	X, Y, FromX, FromY string
	Joined, Certain    bool
	Label              string
}

func newSweepPlot(r *compare.Report) sweepPlot {
	var ratios ratioScale
	ratios.cover(1)
	ratios.cover(r.Article.Ratio)
	for _, s := range r.Comparisons {
		for _, found := range []*compare.Result{find(s.Results, compare.NameKept), find(s.Results, compare.NameOneShot), bestReadWrite(s.Results)} {
			if found != nil {
				ratios.cover(found.RatioToReadWrite)
			}
		}
	}
	ratios.low, ratios.high = ratios.low/1.15, ratios.high*1.15
	plot := sweepPlot{Height: sweepHeight, One: ratios.height(1)}
	plot.Below = strconv.Itoa(int(math.Round(ratios.part(1) * sweepHeight)))
	if r.Article.Ratio > 0 {
		plot.Article, plot.ArticleLabel = ratios.height(r.Article.Ratio), times(r.Article.Ratio)
	}
	plot.Ratios = ratios.levels(r.Article.Ratio)
	place := sizeAxis(r.Comparisons)
	for i, s := range r.Comparisons {
		plot.Sizes = append(plot.Sizes, tick{place(s.SizeBytes), exactSize(s.SizeBytes), i%2 == 1})
	}
	plot.Lines = []sweepLine{
		newSweepLine(r, "best read/write", "bestrw", bestReadWrite, ratios, place),
		newSweepLine(r, "mapped each time", "oneshot", named(compare.NameOneShot), ratios, place),
		newSweepLine(r, "mapping kept", "kept", named(compare.NameKept), ratios, place),
	}
	return plot
}

// height is where a ratio lies, counted downwards as SVG does.
func (s ratioScale) height(ratio float64) string {
	return strconv.Itoa(int(math.Round((1 - s.part(ratio)) * sweepHeight)))
}

// levels are 1×, the article's ratio, and round ratios that keep clear of them.
func (s ratioScale) levels(article float64) []level {
	const room = 16 // pixels that a label needs
	marks := []level{{s.height(1), "1×", true}}
	strong := []float64{1}
	if article > 0 {
		marks = append(marks, level{s.height(article), times(article), true})
		strong = append(strong, article)
	}
	for _, ratio := range []float64{0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 2, 3, 5, 10, 20, 50, 100, 200, 500} {
		free := ratio >= s.low && ratio <= s.high
		for _, other := range strong {
			free = free && math.Abs(s.part(ratio)-s.part(other))*sweepHeight >= room
		}
		if free {
			marks = append(marks, level{s.height(ratio), trimmed(strconv.FormatFloat(ratio, 'f', 2, 64)) + "×", false})
		}
	}
	return marks
}

// sizeAxis places sizes on a logarithmic axis with room at both ends.
func sizeAxis(sizes []compare.Size) func(int64) string {
	const margin = 5
	first, last := math.Inf(1), 0.0
	for _, s := range sizes {
		first, last = min(first, float64(s.SizeBytes)), max(last, float64(s.SizeBytes))
	}
	return func(bytes int64) string {
		if last <= first {
			return "50%"
		}
		return percent(margin + (100-2*margin)*math.Log(float64(bytes)/first)/math.Log(last/first))
	}
}

// named finds a contender among a size's results.
func named(contender string) func([]compare.Result) *compare.Result {
	return func(results []compare.Result) *compare.Result { return find(results, contender) }
}

func newSweepLine(r *compare.Report, name, class string, contender func([]compare.Result) *compare.Result, ratios ratioScale, place func(int64) string) sweepLine {
	line := sweepLine{Name: name, Class: class}
	for _, s := range r.Comparisons {
		found := contender(s.Results)
		if found == nil {
			continue
		}
		point := sweepPoint{
			X: place(s.SizeBytes), Y: ratios.height(found.RatioToReadWrite), Certain: found.Significant || isBaseline(*found),
			Label: exactSize(s.SizeBytes) + ", " + name + ": " + ratioText(*found),
		}
		if n := len(line.Points); n > 0 {
			point.Joined, point.FromX, point.FromY = true, line.Points[n-1].X, line.Points[n-1].Y
		}
		line.Points = append(line.Points, point)
	}
	return line
}

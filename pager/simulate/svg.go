package simulate

import (
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// The picture's measures in pixels.
const (
	svgWidth, svgHeight       = 800, 480
	plotLeft, plotTop         = 56, 64
	plotWidth, plotHeight     = svgWidth - plotLeft - 92, svgHeight - plotTop - 56
	labelGap, markRadius      = 14, 2.5
	xTickRoom, yTicksAtLeast  = 44, 4
	percentOf, yTopAboveLines = 100.0, 1.05
)

// svgStyle is that of compare's pictures: the reader's own font, light or dark as the
// reader prefers. The curves' colours tell them apart also for those who see few
// (Okabe and Ito, 2008), and each has its name beside it.
const svgStyle = `
svg { --paper: #fdfdfc; --edge: #d9dde2; --grid: #e6e9ed; --ink: #1b1f24; --soft: #626b76;
  --c1: #7d6b00; --c2: #0a62ab; --c3: #00785a; --c4: #b04a08; --c5: #9c2463; --c6: #5b4a9c }
@media (prefers-color-scheme: dark) {
svg { --paper: #14171b; --edge: #343b43; --grid: #262b31; --ink: #e9ebee; --soft: #98a1ab;
  --c1: #e6b455; --c2: #66b3f2; --c3: #4cc9a0; --c4: #f2a662; --c5: #f090bd; --c6: #b3a6f2 }
}
text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; fill: var(--soft); font-variant-numeric: tabular-nums }
.paper { fill: var(--paper); stroke: var(--edge) }
.grid { stroke: var(--grid) }
.axis { stroke: var(--soft) }
.title { font-size: 16px; font-weight: 650; fill: var(--ink) }
.x { text-anchor: middle } .y { text-anchor: end }
.curve { fill: none; stroke: currentColor; stroke-width: 1.8; stroke-linejoin: round }
.mark { fill: currentColor }
.name { fill: currentColor; font-weight: 600 }
.opt { color: var(--ink) } .opt .curve { stroke-dasharray: 5 4 }
`

// WriteSVG draws the miss-ratio curves: the budget in pages, logarithmic, against
// the share of accesses that miss. OPT is dashed: nothing can lie below it.
func WriteSVG(w io.Writer, r *Report) error {
	p := &chart{report: r}
	p.scale()
	title := fmt.Sprintf("%s: %d accesses to %d pages", r.Source, r.Accesses, r.DistinctPages)
	fmt.Fprintf(&p.out, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-labelledby="title">`+"\n", svgWidth, svgHeight)
	fmt.Fprintf(&p.out, "<title id=\"title\">%s. %s</title>\n<style>%s</style>\n", escaped(title), escaped(r.Sentence()), svgStyle)
	fmt.Fprintf(&p.out, `<rect class="paper" x="0.5" y="0.5" width="%d" height="%d" rx="10"/>`+"\n", svgWidth-1, svgHeight-1)
	fmt.Fprintf(&p.out, `<text class="title" x="%d" y="30">%s</text>`+"\n", plotLeft-36, escaped(fitting(title)))
	p.grid()
	p.curves()
	p.out.WriteString("</svg>\n")
	_, err := io.WriteString(w, p.out.String())
	return err
}

// fitting cuts a title that would leave the picture.
func fitting(title string) string {
	const most = 84
	if runes := []rune(title); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return title
}

func escaped(text string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(text)) // a Builder takes everything
	return b.String()
}

// chart is the picture as it grows.
type chart struct {
	report      *Report
	first, last float64 // budgets
	top         float64 // percent
	out         strings.Builder
}

func (p *chart) scale() {
	p.first, p.last = float64(slices.Min(p.report.BudgetsPages)), float64(slices.Max(p.report.BudgetsPages))
	for _, result := range p.report.Results {
		p.top = max(p.top, percentOf*result.MissRatio*yTopAboveLines)
	}
	p.top = min(max(p.top, 1e-3), percentOf)
}

func (p *chart) x(budget float64) float64 {
	if p.last <= p.first {
		return plotLeft + plotWidth/2
	}
	return plotLeft + plotWidth*math.Log(budget/p.first)/math.Log(p.last/p.first)
}

func (p *chart) y(percent float64) float64 { return plotTop + plotHeight*(1-percent/p.top) }

// grid draws the axes with round numbers.
func (p *chart) grid() {
	for _, percent := range roundSteps(p.top) {
		y := number(p.y(percent))
		fmt.Fprintf(&p.out, `<line class="grid" x1="%d" x2="%d" y1="%[3]s" y2="%[3]s"/><text class="y" x="%[4]d" y="%[3]s" dy="0.35em">%[5]s</text>`+"\n",
			plotLeft, plotLeft+plotWidth, y, plotLeft-8, number(percent))
	}
	end := math.Inf(-1)
	for _, budget := range roundBudgets(p.first, p.last) {
		x := p.x(budget)
		fmt.Fprintf(&p.out, `<line class="grid" x1="%[1]s" x2="%[1]s" y1="%d" y2="%d"/>`+"\n", number(x), plotTop, plotTop+plotHeight)
		if x-end >= xTickRoom {
			fmt.Fprintf(&p.out, `<text class="x" x="%s" y="%d">%s</text>`+"\n", number(x), plotTop+plotHeight+18, number(budget))
			end = x
		}
	}
	fmt.Fprintf(&p.out, `<line class="axis" x1="%d" x2="%d" y1="%[3]d" y2="%[3]d"/>`+"\n", plotLeft, plotLeft+plotWidth, plotTop+plotHeight)
	fmt.Fprintf(&p.out, `<text x="%d" y="%d">misses (%% of accesses)</text><text class="x" x="%d" y="%d">memory (pages)</text>`+"\n",
		plotLeft-36, plotTop-14, plotLeft+plotWidth/2, plotTop+plotHeight+40)
}

// roundSteps are a few round numbers from 0 to most.
func roundSteps(most float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for most/step < yTicksAtLeast {
		step /= 2
	}
	var steps []float64
	for i := 0.0; i*step <= most; i++ {
		steps = append(steps, i*step)
	}
	return steps
}

// roundBudgets are 1, 2 and 5 of each power of ten, or all there is of it.
func roundBudgets(first, last float64) []float64 {
	var budgets []float64
	for power := math.Pow(10, math.Floor(math.Log10(first))); power <= last; power *= 10 {
		for _, factor := range []float64{1, 2, 5} {
			if budget := factor * power; budget >= first && budget <= last {
				budgets = append(budgets, budget)
			}
		}
	}
	if len(budgets) == 0 {
		budgets = []float64{first}
	}
	return budgets
}

// curves draws each policy, and its name where its curve ends.
func (p *chart) curves() {
	heights := p.labels()
	for j, name := range p.report.Policies {
		class, color := "", fmt.Sprintf(` style="color: var(--c%d)"`, (j-1)%6+1)
		if name == Opt {
			class, color = ` class="opt"`, ""
		}
		fmt.Fprintf(&p.out, "<g%s%s>", class, color)
		var points []string
		var marks strings.Builder
		for i, budget := range p.report.BudgetsPages {
			result := p.report.At(i, j)
			x, y := number(p.x(float64(budget))), number(p.y(percentOf*result.MissRatio))
			points = append(points, x+","+y)
			fmt.Fprintf(&marks, `<circle class="mark" cx="%s" cy="%s" r="%v"><title>%s, %d pages: %.2f %%</title></circle>`,
				x, y, markRadius, escaped(name), budget, percentOf*result.MissRatio)
		}
		fmt.Fprintf(&p.out, `<polyline class="curve" points="%s"/>%s`, strings.Join(points, " "), marks.String())
		fmt.Fprintf(&p.out, `<text class="name" x="%s" y="%s" dy="0.35em">%s</text></g>`+"\n",
			number(p.x(p.last)+10), number(heights[j]), escaped(name))
	}
}

// labels are the heights of the names: where the curves end, but apart.
func (p *chart) labels() []float64 {
	order := make([]int, len(p.report.Policies))
	heights := make([]float64, len(order))
	for j := range order {
		order[j] = j
		heights[j] = p.y(percentOf * p.report.At(len(p.report.BudgetsPages)-1, j).MissRatio)
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(math.Copysign(1, heights[a]-heights[b])) })
	// Upwards from the bottom, so that none is below the axis.
	lowest := float64(plotTop + plotHeight)
	for _, j := range slices.Backward(order) {
		heights[j] = min(heights[j], lowest)
		lowest = heights[j] - labelGap
	}
	return heights
}

// number writes at most two digits behind the point.
func number(value float64) string {
	text := strconv.FormatFloat(value, 'f', 2, 64)
	return strings.TrimRight(strings.TrimRight(text, "0"), ".")
}

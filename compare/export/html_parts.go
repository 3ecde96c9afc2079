package export

import (
	"slices"
	"strings"

	"github.com/filemap-go/filemap/compare"
)

// besideBar is the article's ratio, or one measured here, as a bar.
type besideBar struct {
	Name, ReadWrite, Mapping, Ratio string
	Class                           string
	Length, One                     string
}

func besideBars(r *compare.Report) []besideBar {
	const room = 0.96 // the longest bar ends before the edge
	rows := besides(r)
	longest := 1.0
	for _, row := range rows {
		longest = max(longest, row.value)
	}
	var bars []besideBar
	for _, row := range rows {
		class := "article"
		if row.here {
			class = "mapping"
		}
		bars = append(bars, besideBar{
			row.name, row.readWrite, row.mapping, row.ratio, class,
			percent(row.value / longest * 100 * room), percent(1 / longest * 100 * room),
		})
	}
	return bars
}

// timesPlot is the distribution of every contender's samples, on either axis.
type timesPlot struct {
	Rows                    []timesRow
	Failed                  []failedRow
	LogarithmicFirst        bool
	Linear, Logarithmic     []tick
	Dots                    int
	Beyond                  string
	StripHeight, AxisHeight int
}

type timesRow struct {
	Name, Class, About    string
	Median, Spread, Speed string
	Summary               string // for those who hear the page
	Linear, Logarithmic   strip
}

type failedRow struct{ Name, Class, Outcome string }

func newTimesPlot(results []compare.Result) *timesPlot {
	p := &timesPlot{StripHeight: stripHeight, AxisHeight: 24}
	for _, r := range results {
		if why := failure(r); why != "" {
			p.Failed = append(p.Failed, failedRow{plain(r.Contender), familyClass(r), why})
		}
	}
	good := sound(results)
	if len(good) == 0 {
		return p
	}
	linear, logarithmic := axes(good)
	p.Linear, p.Logarithmic = linear.ticks(), logarithmic.ticks()
	const farApart = 8
	p.LogarithmicFirst = good[len(good)-1].MedianNs > farApart*good[0].MedianNs
	reference, beyond := 0.0, 0
	if baseline := find(good, compare.NameReadWrite); baseline != nil {
		reference = baseline.MedianNs
	}
	for _, r := range good {
		row := timesRow{
			Name: plain(r.Contender), Class: familyClass(r), About: plain(r.Description),
			Median: duration(r.MedianNs), Spread: "± " + spread(r.MedianNs, r.LowNs, r.HighNs),
			Speed: ratioText(r), Summary: spoken(r),
			Linear: newStrip(linear, r, reference), Logarithmic: newStrip(logarithmic, r, reference),
		}
		beyond += row.Linear.Beyond
		p.Dots += len(r.SamplesNs)
		p.Rows = append(p.Rows, row)
	}
	switch {
	case beyond == 1:
		p.Beyond = "1 slower sample lies"
	case beyond > 1:
		p.Beyond = grouped(int64(beyond)) + " slower samples lie"
	}
	return p
}

// spoken says in words what a strip shows.
func spoken(r compare.Result) string {
	samples := positive(r)
	return plain(r.Contender) + ": median " + duration(r.MedianNs) +
		", 95 % interval " + duration(r.LowNs) + " to " + duration(r.HighNs) +
		"; " + grouped(int64(r.Runs)) + " samples from " + duration(samples[0]) + " to " + duration(samples[len(samples)-1])
}

// panel is one count of all contenders.
type panel struct {
	Title, About string
	Bars         []panelBar
}

type panelBar struct {
	Name, Class, Value string
	Length             string
	Nought, Unknown    bool
}

// panels draws the counts in which the contenders can differ; those that are
// nought for all are only named.
func panels(report *compare.Report, results []compare.Result) ([]panel, string) {
	var drawn []panel
	var silent []string
	for _, why := range append(latencies(results), shown(report, results)...) {
		known, most := 0, 0.0
		for i := range results {
			if value := why.value(&results[i]); value != nil {
				known++
				most = max(most, *value)
			}
		}
		switch {
		case known == 0: // a footnote tells why
		case why.nought(most):
			silent = append(silent, strings.ToLower(why.title))
		default:
			drawn = append(drawn, newPanel(why, results, most))
		}
	}
	return drawn, strings.Join(silent, ", ")
}

// latencies are those of single operations, where the pattern has them. They
// are no reasons, but drawn like these.
func latencies(results []compare.Result) []reason {
	if !slices.ContainsFunc(results, hasOperations) {
		return nil
	}
	return []reason{
		{
			title: "An operation, p50", about: "half of the operations took less", write: duration,
			value: func(r *compare.Result) *float64 { return r.P50Ns },
		},
		{
			title: "An operation, p99", about: "one of a hundred took more", write: duration,
			value: func(r *compare.Result) *float64 { return r.P99Ns },
		},
	}
}

func newPanel(why reason, results []compare.Result, most float64) panel {
	p := panel{Title: why.title, About: why.about}
	for i := range results {
		b := panelBar{Name: plain(results[i].Contender), Class: familyClass(results[i]), Value: why.text(&results[i])}
		value := why.value(&results[i])
		switch {
		case value == nil:
			b.Unknown = true
		case why.nought(*value):
			b.Nought = true
		default:
			b.Length = percent(*value / most * 100)
		}
		p.Bars = append(p.Bars, b)
	}
	return p
}

package export

import (
	"slices"
	"strconv"

	"github.com/filemap-go/filemap/compare"
)

// resultTable holds every figure of one size.
type resultTable struct {
	Title   string
	Figures []figure
	Rows    []tableRow
}

// figure is one column of the table.
type figure struct {
	Short, Long string
	text        func(*compare.Result) string
	telling     func(compare.Result) bool // nil: always shown; else only where it tells something of a result
}

type tableRow struct {
	Name, Class, About, Outcome string
	Cells                       []string
	Columns                     int
}

var timeFigures = []figure{
	{Short: "Median", Long: "of one run", text: func(r *compare.Result) string { return duration(r.MedianNs) }},
	{Short: "95 % interval", Long: "of the median", text: func(r *compare.Result) string { return interval(r.LowNs, r.HighNs) }},
	{Short: "Speed", Long: "times as fast as read/write; ~ may be chance", text: func(r *compare.Result) string { return ratioText(*r) }},
	{Short: "p", Long: "how likely such a difference is by chance", text: probability},
	{Short: "Samples", Long: "counted", text: func(r *compare.Result) string { return grouped(int64(r.Runs)) }},
	{
		Short: "Runs a sample", Long: "timed together, since one is short against the clock's resolution",
		text:    func(r *compare.Result) string { return grouped(int64(r.RunsPerSample)) },
		telling: func(r compare.Result) bool { return r.RunsPerSample > 1 },
	},
	{
		Short: "Not counted", Long: "samples that found the file in another state than was asked for",
		text:    func(r *compare.Result) string { return grouped(int64(r.InvalidRuns)) },
		telling: func(r compare.Result) bool { return r.InvalidRuns > 0 },
	},
	{Short: "Set-up", Long: "apart from the run", text: func(r *compare.Result) string { return duration(r.SetupNs) }},
	{
		Short: "p50", Long: "of one operation", telling: hasOperations,
		text: func(r *compare.Result) string { return durationCell(r.P50Ns).text },
	},
	{
		Short: "p99", Long: "of one operation", telling: hasOperations,
		text: func(r *compare.Result) string { return durationCell(r.P99Ns).text },
	},
}

func hasOperations(r compare.Result) bool { return r.P50Ns != nil || r.P99Ns != nil }

func resultTables(r *compare.Report) []resultTable {
	var tables []resultTable
	for _, compared := range comparisons(r) {
		tables = append(tables, newResultTable(r, compared))
	}
	return tables
}

func newResultTable(report *compare.Report, compared compare.Size) resultTable {
	results := ranked(compared.Results)
	t := resultTable{Title: exactSize(compared.SizeBytes)}
	for _, f := range timeFigures {
		if f.telling == nil || slices.ContainsFunc(results, f.telling) {
			t.Figures = append(t.Figures, f)
		}
	}
	for _, why := range shown(report, results) {
		if !slices.ContainsFunc(results, func(r compare.Result) bool { return why.value(&r) != nil }) {
			continue // a note below the plots tells why
		}
		t.Figures = append(t.Figures, figure{Short: why.title, Long: why.about, text: why.text})
	}
	for i := range results {
		r := &results[i]
		row := tableRow{
			Name: plain(r.Contender), Class: familyClass(*r), About: plain(r.Description),
			Outcome: failure(*r), Columns: len(t.Figures),
		}
		if row.Outcome == "" {
			for _, f := range t.Figures {
				row.Cells = append(row.Cells, f.text(r))
			}
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func probability(r *compare.Result) string {
	switch {
	case isBaseline(*r):
		return ""
	case r.PValue < 0.001:
		return "< 0.001"
	}
	return strconv.FormatFloat(r.PValue, 'f', 3, 64)
}

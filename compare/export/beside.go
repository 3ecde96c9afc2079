package export

import "github.com/filemap-go/filemap/compare"

// beside is one line of the article's comparison next to ours.
type beside struct {
	name               string
	readWrite, mapping string
	ratio              string
	value              float64
	here, certain      bool
}

// besides puts the article's figures first and those measured here below them.
func besides(r *compare.Report) []beside {
	a, m := r.Article, r.Measured
	rows := []beside{{
		name: "the article (increment, 40 kB)", value: a.Ratio,
		readWrite: printed(a.ReadWritePrinted), mapping: printed(a.MappingPrinted), certain: true,
	}}
	results, here := comparison(r).Results, "here, "
	if isSweep(r) {
		here = "here at " + exactSize(comparison(r).SizeBytes) + ", "
	}
	for _, row := range []struct {
		name, readWrite, mapping string
		ratio                    float64
		certain                  bool
	}{
		{"mapped each time", compare.NameReadWrite, compare.NameOneShot, m.RatioOneShot, m.SignificantOneShot},
		{"mapping kept", compare.NameReadWrite, compare.NameKept, m.Ratio, m.Significant},
		{"best of each", m.BestReadWrite, m.BestMapping, m.RatioBestToBest, m.SignificantBestToBest},
	} {
		if row.ratio > 0 {
			rows = append(rows, beside{
				name: here + row.name, value: row.ratio, here: true, certain: row.certain,
				readWrite: medianText(results, row.readWrite), mapping: medianText(results, row.mapping),
			})
		}
	}
	for i := range rows {
		rows[i].ratio = times(rows[i].value)
		if !rows[i].certain {
			rows[i].ratio = "~" + rows[i].ratio
		}
	}
	return rows
}

// printed marks a time whose unit is not to be believed: the note tells why.
func printed(time string) string { return "“" + time + "”" }

func medianText(results []compare.Result, contender string) string {
	if found := find(results, contender); found != nil {
		return duration(found.MedianNs)
	}
	return unknown
}

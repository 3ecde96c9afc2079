package export

import "github.com/filemap-go/filemap/compare"

// beside is one line of the article's comparison next to ours.
type beside struct {
	name               string
	readWrite, mapping string
	ratio              string
	value              float64
	here               bool
}

// besides puts the article's figures first and those measured here below them.
func besides(r *compare.Report) []beside {
	a, m := r.Article, r.Measured
	rows := []beside{{
		name: "the article (increment, 40 kB)", value: a.Ratio,
		readWrite: duration(a.ReadWriteNs), mapping: duration(a.MappingNs),
	}}
	results, here := comparison(r).Results, "here, "
	if isSweep(r) {
		here = "here at " + exactSize(comparison(r).SizeBytes) + ", "
	}
	for _, row := range []struct {
		name, readWrite, mapping string
		ratio                    float64
	}{
		{"mapped each time", compare.NameReadWrite, compare.NameOneShot, m.RatioOneShot},
		{"mapping kept", compare.NameReadWrite, compare.NameKept, m.Ratio},
		{"best of each", m.BestReadWrite, m.BestMapping, m.RatioBestToBest},
	} {
		if row.ratio > 0 {
			rows = append(rows, beside{
				name: here + row.name, value: row.ratio, here: true,
				readWrite: medianText(results, row.readWrite), mapping: medianText(results, row.mapping),
			})
		}
	}
	for i := range rows {
		rows[i].ratio = times(rows[i].value)
	}
	return rows
}

func medianText(results []compare.Result, contender string) string {
	if found := find(results, contender); found != nil {
		return duration(found.MedianNs)
	}
	return unknown
}

package export

import (
	"cmp"
	"slices"
	"strings"

	"github.com/filemap-go/filemap/compare"
)

// ranked orders the results by median, fastest first; those that failed come
// last, since they have none.
func ranked(results []compare.Result) []compare.Result {
	sorted := slices.Clone(results)
	slices.SortStableFunc(sorted, func(a, b compare.Result) int {
		if failedA, failedB := failure(a) != "", failure(b) != ""; failedA != failedB {
			if failedA {
				return 1
			}
			return -1
		}
		return cmp.Compare(a.MedianNs, b.MedianNs)
	})
	return sorted
}

// failure tells why a result must not be read as a time, or is empty.
func failure(r compare.Result) string {
	switch {
	case r.Outcome != "" && r.Outcome != "ok":
		return plain(r.Outcome)
	case r.Runs > 0 && !r.Verified:
		return "wrong result: the bytes were not what they must be"
	case r.Runs == 0:
		return "no run counted"
	}
	return ""
}

func isBaseline(r compare.Result) bool { return r.Contender == compare.NameReadWrite }

func isMapping(r compare.Result) bool { return r.Family == compare.FamilyMapping }

func isPager(r compare.Result) bool { return r.Family == compare.FamilyPager }

// find returns the sound result of a contender, or nil.
func find(results []compare.Result, contender string) *compare.Result {
	for i := range results {
		if results[i].Contender == contender && failure(results[i]) == "" {
			return &results[i]
		}
	}
	return nil
}

// bestReadWrite returns the quickest sound result that reads and writes, or nil.
func bestReadWrite(results []compare.Result) *compare.Result {
	for _, r := range ranked(results) {
		if r.Family == compare.FamilyReadWrite && failure(r) == "" {
			return &r
		}
	}
	return nil
}

// sound are the results that have a time.
func sound(results []compare.Result) []compare.Result {
	return slices.DeleteFunc(slices.Clone(results), func(r compare.Result) bool {
		return failure(r) != ""
	})
}

func isSweep(r *compare.Report) bool { return len(r.Comparisons) > 1 }

// comparison is the only size of a report that is no sweep.
func comparison(r *compare.Report) compare.Size {
	if len(r.Comparisons) > 0 {
		return r.Comparisons[0]
	}
	return compare.Size{Results: r.Results}
}

// ratioText is a result's ratio to read/write, marked where chance would do.
func ratioText(r compare.Result) string {
	switch {
	case isBaseline(r):
		return "1×"
	case !r.Significant:
		return "~" + times(r.RatioToReadWrite)
	}
	return times(r.RatioToReadWrite)
}

// subject is the file as its user knows it.
func subject(f compare.File) string {
	if f.Copy && f.Of != "" {
		return plain(f.Of)
	}
	return plain(f.Path)
}

// provenance tells whose the file was.
func provenance(f compare.File) string {
	switch {
	case f.Copy && f.LikeOriginal != nil && *f.LikeOriginal:
		return "a copy in folios of the same sizes was used, the file itself not changed"
	case f.Copy:
		return "a copy was used, the file itself not changed"
	case f.Made:
		return "made for this run and removed again"
	}
	return "opened read-only, not changed"
}

// patternText tells what one run does.
func patternText(s compare.Settings) string {
	switch s.Pattern {
	case "increment":
		return "increment: read, +1, write back"
	case "sum":
		return "sum: read every integer"
	case "random-read":
		return randomText(s, "read")
	case "random-update":
		return randomText(s, "update")
	}
	return plain(s.Pattern)
}

func randomText(s compare.Settings, verb string) string {
	many := "random " + verb + "s"
	if s.Operations > 0 {
		many = grouped(s.Operations) + " " + many
	}
	return many + " of " + exactSize(s.BlockBytes)
}

// stateText tells what was in memory when a run began, and when it was over.
func stateText(s compare.Settings) string {
	parts := []string{"warm"}
	if s.Cold {
		parts[0] = "cold"
	}
	if s.Durable {
		parts = append(parts, "durable (sync included)")
	}
	if s.Goroutines > 1 {
		parts = append(parts, grouped(int64(s.Goroutines))+" goroutines")
	}
	return strings.Join(parts, ", ")
}

// machineTexts describe the machine by what changes the figures, never by name:
// of a kernel's release only the version, not who built it.
func machineTexts(m compare.Machine) []string {
	kernel, _, _ := strings.Cut(m.Kernel, "-")
	cpus := " CPUs"
	if m.CPUs == 1 {
		cpus = " CPU"
	}
	return []string{
		strings.TrimSpace(plain(m.OS + "/" + m.Arch + " " + kernel)),
		grouped(int64(m.CPUs)) + cpus,
		exactSize(int64(m.PageBytes)) + " pages",
		plain(m.Go),
	}
}

func fileSystemText(m compare.Machine) string {
	name := plain(m.FileSystem)
	if name == "" {
		name = unknown
	}
	if m.ReadAheadKB == nil {
		return name + ", read-ahead " + unknown
	}
	return name + ", read-ahead " + exactSize(*m.ReadAheadKB<<10)
}

// headline tells what was done to what.
func headline(r *compare.Report) []string {
	extent := grouped(int64(len(r.Comparisons))) + " sizes"
	if only := comparison(r); !isSweep(r) {
		extent = exactSize(only.SizeBytes)
		if only.Integers > 0 {
			extent += " (" + grouped(only.Integers) + " integers)"
		}
	}
	return []string{subject(r.File), extent, patternText(r.Settings), stateText(r.Settings)}
}

// samplesText gives how often each contender was timed.
func samplesText(r *compare.Report) string {
	least, most := 0, 0
	for _, compared := range comparisons(r) {
		for _, result := range sound(compared.Results) {
			if least == 0 || result.Runs < least {
				least = result.Runs
			}
			most = max(most, result.Runs)
		}
	}
	if least == most {
		return grouped(int64(most)) + " samples each, interleaved"
	}
	return grouped(int64(least)) + " to " + grouped(int64(most)) + " samples each, interleaved"
}

// comparisons are the sizes of a report, a sweep or not.
func comparisons(r *compare.Report) []compare.Size {
	if len(r.Comparisons) > 0 {
		return r.Comparisons
	}
	return []compare.Size{comparison(r)}
}

package export

import (
	"strings"

	"github.com/filemap-go/filemap/compare"
)

// reason is one count that explains a time.
type reason struct {
	field string // its name in the JSON
	group string // what it shares a heading with
	head  string // its short heading below that
	title string // its whole name
	about string // what it counts
	write func(float64) string
	value func(*compare.Result) *float64
}

var reasons = []reason{
	{
		"faults_minor", "faults", "minor", "Minor faults", "page faults without I/O of their own", count,
		func(r *compare.Result) *float64 { return r.FaultsMinor },
	},
	{
		"faults_major", "faults", "major", "Major faults", "page faults that started I/O", count,
		func(r *compare.Result) *float64 { return r.FaultsMajor },
	},
	{
		"sleeps", "", "sleeps", "Sleeps", "faults and reads that waited", count,
		func(r *compare.Result) *float64 { return r.Sleeps },
	},
	{
		"system_calls", "", "calls", "System calls", "made by one run", count,
		func(r *compare.Result) *float64 { return r.SystemCalls },
	},
	{
		"copied_bytes", "", "copied", "Bytes copied", "through system calls, both ways", size,
		func(r *compare.Result) *float64 { return r.CopiedBytes },
	},
	{
		"device_read_bytes", "device", "read", "Device read", "bytes that came from the device", size,
		func(r *compare.Result) *float64 { return r.DeviceReadBytes },
	},
	{
		"device_write_bytes", "device", "written", "Device written", "bytes that went to the device", size,
		func(r *compare.Result) *float64 { return r.DeviceWriteBytes },
	},
	{
		"read_amplification", "", "ampl.", "Read amplification", "device bytes read per byte asked for", times0,
		func(r *compare.Result) *float64 { return r.ReadAmplification },
	},
}

// times0 writes a factor that may be nought.
func times0(factor float64) string {
	if factor == 0 {
		return "0"
	}
	return times(factor)
}

// nought tells whether a figure is written without any digit but 0, as a count is
// that happens once in many runs: it must not draw a bar as though it were the most.
func (why reason) nought(value float64) bool {
	return !strings.ContainsAny(why.write(value), "123456789")
}

// text is the reason's figure for one result.
func (why reason) text(r *compare.Result) string {
	value := why.value(r)
	switch {
	case value == nil:
		return unknown
	case why.nought(*value):
		return "0"
	}
	return why.write(*value)
}

// shown are the reasons worth a column. Amplification says nothing where
// nothing was read from the device.
func shown(report *compare.Report, results []compare.Result) []reason {
	var kept []reason
	for _, why := range reasons {
		if why.field != "read_amplification" || said(report, results, why) {
			kept = append(kept, why)
		}
	}
	return kept
}

func said(report *compare.Report, results []compare.Result, why reason) bool {
	for i := range results {
		if value := why.value(&results[i]); value != nil && !why.nought(*value) {
			return true
		}
	}
	for _, withheld := range report.Unknown {
		if lastName(withheld.Field) == why.field {
			return true
		}
	}
	return false
}

// footnote explains every "?" that has one cause.
type footnote struct {
	names  []string
	reason string
}

// footnotes gathers the withheld values by cause, in the report's order.
func footnotes(report *compare.Report) []footnote {
	var notes []footnote
	at := map[string]int{}
	for _, withheld := range report.Unknown {
		index, found := at[withheld.Reason]
		if !found {
			index = len(notes)
			at[withheld.Reason] = index
			notes = append(notes, footnote{reason: plain(withheld.Reason)})
		}
		notes[index].names = append(notes[index].names, fieldTitle(withheld.Field))
	}
	return notes
}

func fieldTitle(field string) string {
	for _, why := range reasons {
		if lastName(field) == why.field {
			return strings.ToLower(why.title)
		}
	}
	switch lastName(field) {
	case "read_ahead_kb":
		return "read-ahead"
	case "cold_checked":
		return "whether the file was cold"
	}
	return plain(strings.ReplaceAll(lastName(field), "_", " "))
}

// lastName is the field's own name in a path such as results[].sleeps.
func lastName(field string) string {
	return field[strings.LastIndexByte(field, '.')+1:]
}

// evictionText tells what a cold run cost before it began.
func evictionText(report *compare.Report) string {
	least, most := 0.0, 0.0
	for _, r := range sound(comparison(report).Results) {
		if r.EvictNs > 0 && (least == 0 || r.EvictNs < least) {
			least = r.EvictNs
		}
		most = max(most, r.EvictNs)
	}
	switch {
	case most == 0:
		return ""
	case duration(least) == duration(most):
		return "Putting the file out of memory took " + duration(most) + " before a run, not counted in it"
	}
	return "Putting the file out of memory took " + duration(least) + " to " + duration(most) + " before a run, not counted in it"
}

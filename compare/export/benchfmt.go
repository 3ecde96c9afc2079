package export

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	"github.com/filemap-go/filemap/compare"
)

// benchUnits are the units of the counts. They are medians over the runs and so
// the same on each line of a contender; a count that was withheld has none.
var benchUnits = map[string]string{
	"faults_minor":       "minor-faults/op",
	"faults_major":       "major-faults/op",
	"sleeps":             "sleeps/op",
	"system_calls":       "syscalls/op",
	"copied_bytes":       "B-copied/op",
	"device_read_bytes":  "B-device-read/op",
	"device_write_bytes": "B-device-written/op",
	"read_amplification": "read-amplification",
}

// Benchfmt writes a line for each sample in the format of Go's benchmarks, for
// benchstat:
//
//	benchstat -col /contender FILE    one contender beside another
//	benchstat OLD NEW                 one run of compare beside another
func Benchfmt(w io.Writer, r *compare.Report) error {
	var b bytes.Buffer
	benchConfig(&b, r)
	for _, compared := range comparisons(r) {
		for _, result := range sound(compared.Results) {
			benchResult(&b, r, compared, result)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// benchConfig writes what holds for all lines.
func benchConfig(b *bytes.Buffer, r *compare.Report) {
	for _, pair := range [][2]string{
		{"goos", r.Machine.OS},
		{"goarch", r.Machine.Arch},
		{"pkg", "github.com/filemap-go/filemap/compare"},
		{"kernel", r.Machine.Kernel},
		{"go", r.Machine.Go},
		{"file-system", r.Machine.FileSystem},
		{"file", subject(r.File)},
		{"state", stateText(r.Settings)},
	} {
		if pair[1] != "" {
			fmt.Fprintf(b, "%s: %s\n", pair[0], plain(pair[1]))
		}
	}
	for _, why := range reasons {
		fmt.Fprintf(b, "Unit %s better=lower\n", benchUnits[why.field])
	}
	b.WriteByte('\n')
}

func benchResult(b *bytes.Buffer, r *compare.Report, compared compare.Size, result compare.Result) {
	name := benchName(r.Settings.Pattern) + "/size=" + benchSize(compared.SizeBytes)
	if r.Settings.Operations > 0 {
		name += "/block=" + benchSize(r.Settings.BlockBytes)
	}
	if r.Settings.Goroutines > 1 {
		name += "/goroutines=" + strconv.Itoa(r.Settings.Goroutines)
	}
	// The number of CPUs is always there: without it, the digits that end a
	// contender's name would be taken for it.
	name += "/contender=" + benchValue(result.Contender) + "-" + strconv.Itoa(max(r.Machine.CPUs, 1))
	var counts strings.Builder
	for _, why := range reasons {
		if value := why.value(&result); value != nil {
			fmt.Fprintf(&counts, " %s %s", benchNumber(*value), benchUnits[why.field])
		}
	}
	if result.P50Ns != nil {
		fmt.Fprintf(&counts, " %s p50-latency-ns", benchNumber(*result.P50Ns))
	}
	if result.P99Ns != nil {
		fmt.Fprintf(&counts, " %s p99-latency-ns", benchNumber(*result.P99Ns))
	}
	for _, ns := range result.SamplesNs {
		fmt.Fprintf(b, "Benchmark%s 1 %s ns/op%s\n", name, benchNumber(ns), counts.String())
	}
}

func benchSize(bytes int64) string { return strings.ReplaceAll(exactSize(bytes), " ", "") }

func benchNumber(value float64) string { return strconv.FormatFloat(value, 'f', -1, 64) }

// benchName turns random-read into RandomRead.
func benchName(pattern string) string {
	var b strings.Builder
	for _, word := range strings.Split(benchValue(pattern), "-") {
		for i, r := range word {
			if i == 0 {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
		}
	}
	return b.String()
}

// benchValue leaves out what ends a name, or a part of one.
func benchValue(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r), r == '/', r == '=':
			return '-'
		}
		return r
	}, plain(text))
}

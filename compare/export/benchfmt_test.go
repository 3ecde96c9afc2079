package export

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/perf/benchfmt"

	"github.com/filemap-go/filemap/compare"
)

// TestBenchfmtReadsBack reads the output as benchstat does and finds every
// sample of every contender that has a time.
func TestBenchfmtReadsBack(t *testing.T) {
	for name, report := range reports {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := Benchfmt(&b, report()); err != nil {
				t.Fatal(err)
			}
			got := readBack(t, b.Bytes())
			for _, compared := range comparisons(report()) {
				for _, r := range sound(compared.Results) {
					key := benchSize(compared.SizeBytes) + " " + benchValue(r.Contender)
					sameSamples(t, key, got[key], r)
					delete(got, key)
				}
			}
			for key := range got {
				t.Errorf("%s is not in the report", key)
			}
		})
	}
}

func readBack(t *testing.T, text []byte) map[string][]*benchfmt.Result {
	t.Helper()
	got := map[string][]*benchfmt.Result{}
	reader := benchfmt.NewReader(bytes.NewReader(text), "compare")
	for reader.Scan() {
		switch record := reader.Result().(type) {
		case *benchfmt.Result:
			_, parts := record.Name.Parts()
			size, contender := "", ""
			for _, part := range parts {
				if value, found := strings.CutPrefix(string(part), "/size="); found {
					size = value
				}
				if value, found := strings.CutPrefix(string(part), "/contender="); found {
					contender = value
				}
			}
			if cpus := string(parts[len(parts)-1]); cpus != "-2" {
				t.Errorf("%s: CPUs are %q", record.Name, cpus)
			}
			if got := record.GetConfig("goos"); got != "linux" {
				t.Errorf("goos is %q", got)
			}
			got[size+" "+contender] = append(got[size+" "+contender], record.Clone())
		case *benchfmt.SyntaxError:
			t.Error(record)
		}
	}
	if err := reader.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}

func sameSamples(t *testing.T, key string, lines []*benchfmt.Result, r compare.Result) {
	t.Helper()
	if len(lines) != len(r.SamplesNs) {
		t.Errorf("%s: %d lines, want %d", key, len(lines), len(r.SamplesNs))
		return
	}
	for i, line := range lines {
		if seconds, found := line.Value("sec/op"); !found || !near(seconds*1e9, r.SamplesNs[i]) {
			t.Errorf("%s: sample %d is %v s, want %v ns", key, i, seconds, r.SamplesNs[i])
		}
		for _, why := range reasons {
			want := why.value(&r)
			got, found := line.Value(benchUnits[why.field])
			if found != (want != nil) || found && got != *want {
				t.Errorf("%s: %s is %v, want %v", key, benchUnits[why.field], got, want)
			}
		}
		if got, found := line.Value("p99-latency-sec"); found != (r.P99Ns != nil) || found && !near(got*1e9, *r.P99Ns) {
			t.Errorf("%s: p99 is %v s, want %v ns", key, got, r.P99Ns)
		}
	}
}

func near(a, b float64) bool { return a-b < b/1e9 && b-a < b/1e9 }

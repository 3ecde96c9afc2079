package export

import (
	"math"

	"github.com/filemap-go/filemap/compare"
)

// contender is the seed of a synthetic result.
type contender struct {
	name, description, family string
	medianNs, noise           float64
	ratio                     float64
	significant               bool
	minor, major, sleeps      float64
	calls, copied             float64
	deviceRead, deviceWritten float64
	setupNs                   float64
}

// samplesNs spreads runs around a median by a fixed low-discrepancy sequence,
// skewed as timings are, so that golden files never change by themselves.
func samplesNs(median, noise float64, runs int) []float64 {
	samples := make([]float64, runs)
	for i := range samples {
		u := math.Mod(0.5+float64(i)*0.6180339887498949, 1)
		samples[i] = math.Round(median*(1+noise*(u-0.5)+noise*3*math.Pow(u, 12))*10) / 10
	}
	return samples
}

func (c contender) result(runs int) compare.Result {
	return compare.Result{
		Contender: c.name, Description: c.description, Family: c.family,
		MedianNs: c.medianNs, LowNs: c.medianNs * (1 - c.noise/10), HighNs: c.medianNs * (1 + c.noise/8),
		SamplesNs: samplesNs(c.medianNs, c.noise, runs), Runs: runs,
		RatioToReadWrite: c.ratio, Significant: c.significant, PValue: 0.001,
		Verified: true, Outcome: "ok", SetupNs: c.setupNs,
		FaultsMinor: &c.minor, FaultsMajor: &c.major, Sleeps: &c.sleeps,
		SystemCalls: &c.calls, CopiedBytes: &c.copied,
		DeviceReadBytes: &c.deviceRead, DeviceWriteBytes: &c.deviceWritten,
	}
}

func pointer[T any](v T) *T { return &v }

func machine() compare.Machine {
	return compare.Machine{
		OS: "linux", Arch: "amd64", Kernel: "6.12.9", Go: "go1.26.8", CPUs: 2,
		PageBytes: 4096, FileSystem: "ext4", ReadAheadKB: pointer(int64(128)),
	}
}

// warmIncrement is the article's task as the command runs it without arguments.
func warmIncrement() *compare.Report {
	var results []compare.Result
	for _, c := range []contender{
		{
			name: compare.NameReadWrite, description: "the whole file read into one buffer and written back", family: compare.FamilyReadWrite,
			medianNs: 17480, noise: 0.08, ratio: 1, calls: 2, copied: 80000,
		},
		{
			name: "read/write 64 KiB", description: "read and written back in pieces of 64 KiB", family: compare.FamilyReadWrite,
			medianNs: 17730, noise: 0.09, ratio: 0.986, calls: 2, copied: 80000,
		},
		{
			name: compare.NameOneShot, description: "mapped, used and unmapped in each run", family: compare.FamilyMapping,
			medianNs: 18110, noise: 0.1, ratio: 0.965, significant: true, minor: 10, calls: 2,
		},
		{
			name: compare.NameKept, description: "mapped once, before the first run", family: compare.FamilyMapping,
			medianNs: 5310, noise: 0.05, ratio: 3.292, significant: true, setupNs: 9120,
		},
		{
			name: "map populate", description: "mapped with its pages already present, each time", family: compare.FamilyMapping,
			medianNs: 14260, noise: 0.12, ratio: 1.226, significant: true, calls: 3,
		},
		{
			name: "map random", description: "mapped each time, with the advice for random access", family: compare.FamilyMapping,
			medianNs: 19350, noise: 0.11, ratio: 0.903, significant: true, minor: 10, calls: 3,
		},
	} {
		results = append(results, c.result(30))
	}
	r := &compare.Report{
		Schema: compare.Schema, Machine: machine(),
		File:        compare.File{Path: "mmap_test", Made: true},
		Settings:    compare.Settings{Pattern: "increment", Goroutines: 1, RunsMin: 30, TimeNs: 5e9},
		Comparisons: []compare.Size{{SizeBytes: 40000, Integers: 10000, Results: results}},
		Results:     results,
		Article:     compare.TheArticle,
		Warnings:    []string{"The 2 CPUs were 40 % busy with other work: the intervals are wider than need be. Try again on a quiet machine, or with --time 20s."},
	}
	r.Conclude()
	return r
}

// coldRandom has values that the system withheld, a contender that failed, runs
// that did not count and a file whose name is up to no good.
func coldRandom() *compare.Report {
	r := warmIncrement()
	var results []compare.Result
	for _, c := range []contender{
		{
			name: compare.NameReadWrite, description: "one pread for each block", family: compare.FamilyReadWrite,
			medianNs: 812e6, noise: 0.2, ratio: 1, sleeps: 8192, calls: 8192, copied: 33.5e6,
		},
		{
			name: compare.NameKept, description: "mapped once, before the first run", family: compare.FamilyMapping,
			medianNs: 2.41e9, noise: 0.15, ratio: 0.337, significant: true, minor: 12, major: 8180, sleeps: 8180,
		},
		{
			name: "map random", description: "mapped once, with the advice for random access", family: compare.FamilyMapping,
			medianNs: 795e6, noise: 0.18, ratio: 1.021, major: 8192, sleeps: 8192, calls: 1,
		},
	} {
		result := c.result(12)
		result.P50Ns, result.P99Ns = pointer(c.medianNs/8192*0.9), pointer(c.medianNs/8192*3.1)
		result.DeviceReadBytes, result.DeviceWriteBytes, result.ReadAmplification = nil, nil, nil
		result.ColdChecked, result.EvictNs, result.SetupNs = pointer(true), 2.1e6, 41e3
		results = append(results, result)
	}
	results[1].InvalidRuns = 3
	results = append(results, compare.Result{
		Contender: "map huge", Family: compare.FamilyMapping,
		Description: "mapped once, in huge pages", Outcome: "madvise: invalid argument",
	})
	r.File = compare.File{Path: "copy-1234", Copy: true, Of: "数据/\x1b[31mindex\u202e<b>&\"vec\".bin"}
	r.Settings = compare.Settings{Pattern: "random-read", BlockBytes: 4096, Operations: 8192, Goroutines: 4, Cold: true, RunsMin: 10, TimeNs: 60e9}
	r.Machine.ReadAheadKB = nil
	r.Comparisons = []compare.Size{{SizeBytes: 256 << 20, Integers: 64 << 20, Results: results}}
	r.Results = results
	r.Warnings = nil
	r.Unknown = []compare.Withheld{
		{Field: "results[].device_read_bytes", Reason: "the device counters are not readable here"},
		{Field: "results[].device_write_bytes", Reason: "the device counters are not readable here"},
		{Field: "results[].read_amplification", Reason: "the device counters are not readable here"},
		{Field: "machine.read_ahead_kb", Reason: "the file system has no device of its own"},
	}
	r.Conclude()
	return r
}

// sweep has a ratio that falls and one that rises with the size.
func sweep() *compare.Report {
	r := warmIncrement()
	r.Comparisons = nil
	for i, bytes := range []int64{40e3, 160e3, 640e3, 2560e3, 16e6, 64e6, 256e6} {
		readWrite := 0.31*float64(bytes) + 4000
		kept, oneShot := 3.3-0.2*float64(i), 0.95+0.16*float64(i)
		var results []compare.Result
		for _, c := range []contender{
			{name: compare.NameReadWrite, family: compare.FamilyReadWrite, medianNs: readWrite, noise: 0.05, ratio: 1, calls: 2, copied: 2 * float64(bytes)},
			{name: compare.NameOneShot, family: compare.FamilyMapping, medianNs: readWrite / oneShot, noise: 0.05, ratio: oneShot, significant: i > 1, minor: float64(bytes / 65536), calls: 2},
			{name: compare.NameKept, family: compare.FamilyMapping, medianNs: readWrite / kept, noise: 0.05, ratio: kept, significant: true},
		} {
			results = append(results, c.result(10))
		}
		r.Comparisons = append(r.Comparisons, compare.Size{SizeBytes: bytes, Integers: bytes / 4, Results: results})
	}
	r.Results = r.Comparisons[0].Results
	r.Warnings = nil
	r.Conclude()
	return r
}

package compare

import (
	"strings"
	"testing"
)

// made returns a result whose samples lie within 1 % of the median.
func made(name, family string, medianNs float64) Result {
	r := Result{
		Contender: name, Family: family, MedianNs: medianNs, LowNs: 0.99 * medianNs, HighNs: 1.01 * medianNs,
		Outcome: "ok", Verified: true, Runs: 20, PValue: 1,
	}
	for i := range r.Runs {
		r.SamplesNs = append(r.SamplesNs, medianNs*(0.99+0.001*float64(i)))
	}
	return r
}

func (r Result) counting(minor, major, sleeps, calls, copied float64) Result {
	r.FaultsMinor, r.FaultsMajor, r.Sleeps, r.SystemCalls, r.CopiedBytes = &minor, &major, &sleeps, &calls, &copied
	return r
}

func (r Result) reading(device, amplification float64) Result {
	r.DeviceReadBytes, r.ReadAmplification = &device, &amplification
	return r
}

func reportOf(s Settings, results ...Result) *Report {
	ahead := int64(8192)
	r := &Report{
		Settings: s, Machine: Machine{PageBytes: 4096, ReadAheadKB: &ahead}, Article: TheArticle,
		Comparisons: []Size{{SizeBytes: 40_000, Integers: 10_000, Results: results}},
	}
	r.Results = results
	return r
}

func warmSettings() Settings { return Settings{Pattern: string(Increment), Goroutines: 1} }

func coldSettings() Settings {
	return Settings{Pattern: string(RandomRead), Cold: true, BlockBytes: 4096, Operations: 256}
}

func TestVerdict(t *testing.T) {
	rw := func(ns float64) Result { return made(NameReadWrite, FamilyReadWrite, ns).counting(0, 0, 0, 4, 80_000) }
	rwKept := func(ns float64) Result { return made(NameRWKept, FamilyReadWrite, ns).counting(0, 0, 0, 2, 80_000) }
	kept := func(ns float64) Result { return made(NameKept, FamilyMapping, ns).counting(0, 0, 0, 0, 0) }
	oneShot := func(ns float64) Result { return made(NameOneShot, FamilyMapping, ns).counting(10, 0, 0, 5, 0) }
	unsupported := made("map huge page", FamilyMapping, 1)
	unsupported.Outcome, unsupported.Verified = "unsupported: no", false
	for _, c := range []struct {
		name   string
		report *Report
		winner string
		says   []string // in the sentence, cause or remedy
		silent []string
	}{
		{
			"kept wins, each time loses", reportOf(warmSettings(), rw(17_500), rwKept(16_000), kept(4_900), oneShot(27_000)), WinnerMapping,
			[]string{
				"map kept takes 4.9 µs", "3.27× as fast as the best read/write", "2.26× is here 3.57× with the mapping kept, 0.65× with one made for each run",
				"2 system calls, which copy 80 kB", "no faults left", "costs 22.1 µs more: 5 system calls", "10 faults for 10 pages", "Map once and keep it", "and loses",
			},
			[]string{"Random", "--sweep"},
		},
		{
			"each time wins too", reportOf(warmSettings(), rw(40_000), kept(10_000), oneShot(20_000)), WinnerMapping,
			[]string{"2× as fast as mapping for each use"},
			[]string{"and loses"},
		},
		{
			"read/write wins", reportOf(warmSettings(), rw(10_000), oneShot(30_000)), WinnerReadWrite,
			[]string{"Read/write wins: read/write takes 10 µs, 3×", "--sweep"},
			[]string{"Map once"},
		},
		{
			"a difference within chance", reportOf(warmSettings(), rw(10_000), kept(10_001)), WinnerNeither,
			[]string{"may be chance", "--time"},
			[]string{"Mapping wins"},
		},
		{
			"a fast contender that failed does not win", reportOf(warmSettings(), rw(10_000), kept(5_000), unsupported), WinnerMapping,
			[]string{"map kept takes"},
			[]string{"huge page"},
		},
		{
			"only one family was measured", reportOf(warmSettings(), rw(10_000), unsupported), WinnerNeither,
			[]string{"There is no answer", "map huge page: unsupported: no"},
			nil,
		},
		{
			"cold and random: readahead is to blame", reportOf(coldSettings(),
				made(NameReadWrite, FamilyReadWrite, 20e6).counting(0, 0, 256, 258, 1e6).reading(1e6, 1),
				made(NameKept, FamilyMapping, 60e6).counting(200, 6, 10, 0, 0).reading(50e6, 48),
				made(NameKeptRandom, FamilyMapping, 18e6).counting(1, 252, 252, 0, 0).reading(1e6, 1)), WinnerMapping,
			[]string{"map kept random", "a fault reads ahead: 50 MB instead of 1 MB", "filemap.Random: 3.33×", "read_ahead_kb of 8192", "sleeps 252 times", "252 major faults"},
			[]string{"2.26×", "Map once"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.report.conclude()
			v := c.report.Verdict
			if v.Winner != c.winner {
				t.Errorf("winner %q, expected %q", v.Winner, c.winner)
			}
			text := v.Sentence + " " + v.Cause + " " + v.Remedy
			for _, s := range c.says {
				if !strings.Contains(text, s) {
					t.Errorf("%q is not in %q", s, text)
				}
			}
			for _, s := range c.silent {
				if strings.Contains(text, s) {
					t.Errorf("%q is in %q", s, text)
				}
			}
		})
	}
}

func TestMeasured(t *testing.T) {
	r := reportOf(warmSettings(), made(NameReadWrite, FamilyReadWrite, 20), made(NameRWKept, FamilyReadWrite, 16),
		made(NameKept, FamilyMapping, 5), made(NameOneShot, FamilyMapping, 40))
	r.conclude()
	want := Measured{Ratio: 4, RatioOneShot: 0.5, RatioBestToBest: 3.2, BestMapping: NameKept, BestReadWrite: NameRWKept}
	if r.Measured != want {
		t.Errorf("%+v, expected %+v", r.Measured, want)
	}
}

func TestCrossover(t *testing.T) {
	size := func(bytes int64, rw, kept, oneShot float64) Size {
		return Size{SizeBytes: bytes, Results: []Result{
			made(NameReadWrite, FamilyReadWrite, rw),
			made(NameKept, FamilyMapping, kept),
			made(NameOneShot, FamilyMapping, oneShot),
		}}
	}
	for _, c := range []struct {
		name          string
		sizes         []Size
		kept, oneShot int64 // 0: at none
	}{
		{"from the first, from the second", []Size{size(10, 20, 10, 30), size(20, 40, 20, 30)}, 10, 20},
		{"a win that is lost again does not count", []Size{size(10, 20, 10, 10), size(20, 20, 10, 30), size(30, 40, 20, 30)}, 10, 30},
		{"at none", []Size{size(10, 20, 30, 30), size(20, 20, 30, 30)}, 0, 0},
		{"chance is no win", []Size{size(10, 20, 10, 19.999), size(20, 20, 10, 19.999)}, 10, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := crossover(c.sizes)
			for _, side := range []struct {
				got  *int64
				want int64
			}{{x.KeptBytes, c.kept}, {x.OneShotBytes, c.oneShot}} {
				if side.got == nil && side.want != 0 || side.got != nil && *side.got != side.want {
					t.Errorf("%v, expected %v", side.got, side.want)
				}
			}
			if x.remedy() == "" {
				t.Error("no remedy")
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	r := reportOf(coldSettings(), made(NameReadWrite, FamilyReadWrite, 20), made(NameKept, FamilyMapping, 10), made(NameOneShot, FamilyMapping, 10))
	r.inMemory, r.Machine.FileSystem, r.File.TrailingBytes = true, "tmpfs", 3
	r.Results[0].Runs = 3
	r.Results[1].HighNs, r.Results[1].LowNs = 15, 5
	r.Results[2].InvalidRuns = 2
	r.Unknown = []Withheld{{"results[].cold_checked", "nobody tells"}}
	r.conclude()
	text := strings.Join(r.Warnings, "\n")
	for _, s := range []string{"tmpfs", "--dir", "last 3 bytes", "Fewer than 6 runs of read/write:", "times of map kept vary", "map each time (2)", "could not be checked: nobody tells"} {
		if !strings.Contains(text, s) {
			t.Errorf("%q is not in\n%s", s, text)
		}
	}
	if len(r.Warnings) != 6 {
		t.Errorf("%d warnings, expected 6:\n%s", len(r.Warnings), text)
	}
}

func TestHumanNumbers(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{humanTime(4.9), "4.9 ns"},
		{humanTime(999.6), "1 µs"},
		{humanTime(16_040), "16 µs"},
		{humanTime(1.234e6), "1.23 ms"},
		{humanTime(2e9), "2 s"},
		{humanBytes(0), "0 B"},
		{humanBytes(40_000), "40 kB"},
		{humanBytes(999_999), "1 MB"},
		{humanBytes(1.048e6), "1.05 MB"},
		{humanBlock(4096), "4 KiB"},
		{humanBlock(8), "8 B"},
		{humanBlock(1 << 20), "1 MiB"},
		{humanRatio(2.26), "2.26×"},
		{humanRatio(100), "100×"},
		{humanRatio(0.601), "0.6×"},
		{humanCount(10_000), "10,000"},
		{humanCount(2.5), "2.5"},
		{humanCount(3.01), "3"},
		{humanCount(0.01), "0.01"},
		{plural(1, "fault"), "1 fault"},
		{plural(0, "fault"), "0 faults"},
		{times(1), "once"},
		{times(3), "3 times"},
	} {
		if c.got != c.want {
			t.Errorf("%q, expected %q", c.got, c.want)
		}
	}
}

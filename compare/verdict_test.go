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
			c.report.Conclude()
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
	r.Conclude()
	want := Measured{
		Ratio: 4, RatioOneShot: 0.5, RatioBestToBest: 3.2, BestMapping: NameKept, BestReadWrite: NameRWKept,
		Significant: true, SignificantOneShot: true, SignificantBestToBest: true,
	}
	if r.Measured != want {
		t.Errorf("%+v, expected %+v", r.Measured, want)
	}
}

// sizesOf has a comparison a size, of read/write, a kept mapping and one made
// each time.
func sizesOf(ns ...[3]float64) *Report {
	r := reportOf(warmSettings())
	r.Comparisons = nil
	for i, of := range ns {
		r.Comparisons = append(r.Comparisons, Size{SizeBytes: SweepSizes[i], Results: []Result{
			made(NameReadWrite, FamilyReadWrite, of[0]),
			made(NameKept, FamilyMapping, of[1]),
			made(NameOneShot, FamilyMapping, of[2]),
		}})
	}
	return r
}

func TestSweepVerdict(t *testing.T) {
	for _, c := range []struct {
		name          string
		report        *Report
		kept, oneShot int64 // from which size on; 0: none
		winner        string
		says          string // all of it
	}{
		{
			"from the first, from the second", sizesOf([3]float64{20, 10, 30}, [3]float64{40, 20, 30}), 40_000, 160_000, WinnerMapping,
			"Mapping wins at every size: the best of it is 2× as fast as the best read/write; the article's 2.26× is here at 40 kB 2× with the mapping kept, 0.67× with one made for each run. | " +
				"Map once and keep the mapping at every size. Where it cannot be kept, map for each use at 160 kB. | " +
				"A kept mapping is faster than the best read/write at every size. Mapping for each use is faster than read/write that opens the file for each use at 160 kB; it is slower at 40 kB.",
		},
		{
			// One insignificant point, here the last, must not void what the others say.
			"chance at one size", sizesOf([3]float64{20, 5, 40}, [3]float64{40, 10, 80}, [3]float64{80, 79.9, 160}, [3]float64{160, 40, 320}, [3]float64{160, 159.9, 320}),
			40_000, 0, WinnerMapping,
			"Mapping wins up to 160 kB and at 2.56 MB: the best of it is 4× as fast as the best read/write, and the difference may be chance at 640 kB and at 10.2 MB; the article's 2.26× is here at 40 kB 4× with the mapping kept, 0.5× with one made for each run. | " +
				"Map once and keep the mapping up to 160 kB and at 2.56 MB. | " +
				"A kept mapping is faster than the best read/write up to 160 kB and at 2.56 MB; the difference may be chance at 640 kB and at 10.2 MB. Mapping for each use is slower than read/write that opens the file for each use at every size.",
		},
		{
			"it depends", sizesOf([3]float64{20, 30, 30}, [3]float64{20, 30, 30}, [3]float64{40, 20, 30}, [3]float64{40, 20, 30}), 640_000, 640_000, WinnerNeither,
			"It depends on the size: mapping wins from 640 kB on, read/write wins up to 160 kB; the article's 2.26× is here at 40 kB 0.67× with the mapping kept, 0.67× with one made for each run. | " +
				"Map once and keep the mapping from 640 kB on. Where it cannot be kept, map for each use from 640 kB on. Stay with read/write up to 160 kB. | " +
				"A kept mapping is faster than the best read/write from 640 kB on; it is slower up to 160 kB. Mapping for each use is faster than read/write that opens the file for each use from 640 kB on; it is slower up to 160 kB.",
		},
		{
			"at none", sizesOf([3]float64{20, 30, 30}, [3]float64{20, 40, 40}), 0, 0, WinnerReadWrite,
			"Read/write wins at every size: the best of it is 1.5× to 2× as fast as the best mapping; the article's 2.26× is here at 40 kB 0.67× with the mapping kept, 0.67× with one made for each run. | " +
				"Stay with read/write at every size. | " +
				"A kept mapping is slower than the best read/write at every size. Mapping for each use is slower than read/write that opens the file for each use at every size.",
		},
		{
			"all chance", sizesOf([3]float64{20, 19.99, 20.01}, [3]float64{20, 20, 20}), 0, 0, WinnerNeither,
			"Neither wins: the difference may be chance at every size; the article's 2.26× is here at 40 kB 1× with the mapping kept (which may be chance), 1× with one made for each run (which may be chance). | " +
				"Take what is simpler; --time with a longer time, on a quiet machine, tells smaller differences from chance. | " +
				"The difference between a kept mapping and the best read/write may be chance at every size. The difference between mapping for each use and read/write that opens the file for each use may be chance at every size.",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.report.Conclude()
			x, v := c.report.Crossover, c.report.Verdict
			for _, side := range []struct {
				got  *int64
				want int64
			}{{x.KeptBytes, c.kept}, {x.OneShotBytes, c.oneShot}} {
				if side.got == nil && side.want != 0 || side.got != nil && *side.got != side.want {
					t.Errorf("%v, expected %v", side.got, side.want)
				}
			}
			if said := v.Sentence + " | " + v.Remedy + " | " + x.Sentence(); said != c.says || v.Winner != c.winner {
				t.Errorf("%s wins:\n%s\nexpected %s:\n%s", v.Winner, said, c.winner, c.says)
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
	r.Conclude()
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
		{humanCount(10_000), "10000"},
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

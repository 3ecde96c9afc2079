package compare

import (
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// quick are options for a comparison that is over at once.
func quick(t *testing.T, p Pattern) Options {
	t.Helper()
	return Options{Dir: t.TempDir(), Pattern: p, Runs: 3, Time: time.Millisecond, Seed: 7, operations: 200}
}

func mustRun(t *testing.T, o Options) *Report {
	t.Helper()
	r, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Failed(); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEveryPattern(t *testing.T) {
	for _, p := range Patterns {
		for _, goroutines := range []int{1, 3} {
			for _, durable := range []bool{false, true} {
				if durable && !p.writes() {
					continue
				}
				o := quick(t, p)
				o.Goroutines, o.Durable = goroutines, durable
				r := mustRun(t, o)
				empty(t, o.Dir)
				checkResults(t, r, len(contenders(p)))
			}
		}
	}
}

// checkResults: whatever was measured was verified, and adds up.
func checkResults(t *testing.T, r *Report, contenders int) {
	t.Helper()
	if len(r.Results) != contenders {
		t.Errorf("%d results, expected %d", len(r.Results), contenders)
	}
	for _, result := range r.Results {
		if strings.HasPrefix(result.Outcome, "unsupported") {
			continue
		}
		if !result.Verified || result.Outcome != "ok" || result.Runs < 3 || len(result.SamplesNs) != result.Runs {
			t.Errorf("%s: verified %v, outcome %q, %d runs, %d samples", result.Contender, result.Verified, result.Outcome, result.Runs, len(result.SamplesNs))
		}
		// Wine's clock may stand still for longer than a sample.
		timed := result.MedianNs > 0 || os.Getenv("FILEMAP_EMULATOR") == "wine"
		if result.LowNs > result.MedianNs || result.MedianNs > result.HighNs || !timed {
			t.Errorf("%s: the median %v is not between %v and %v", result.Contender, result.MedianNs, result.LowNs, result.HighNs)
		}
		if clockTellsLatency() && Pattern(r.Settings.Pattern).random() != (result.P50Ns != nil) {
			t.Errorf("%s: p50 %v", result.Contender, result.P50Ns)
		}
		if result.Family == FamilyMapping && *result.CopiedBytes != 0 {
			t.Errorf("%s copied %v bytes through system calls", result.Contender, *result.CopiedBytes)
		}
	}
	if r.Results[0].Contender != NameReadWrite || r.Results[0].RatioToReadWrite != 1 {
		t.Errorf("the baseline is %s with ratio %v", r.Results[0].Contender, r.Results[0].RatioToReadWrite)
	}
	for _, w := range r.Unknown {
		if w.Reason == "" {
			t.Errorf("%s is withheld without a reason", w.Field)
		}
	}
}

func TestCountsOfTheArticlesTask(t *testing.T) {
	r := mustRun(t, quick(t, Increment))
	for _, result := range r.Results {
		if result.Outcome != "ok" {
			continue // without mappings there is nothing to store to
		}
		switch result.Contender {
		case NameReadWrite:
			if *result.CopiedBytes != 80_000 || *result.SystemCalls != 4 {
				t.Errorf("read/write copies %v bytes in %v calls, expected 80000 in 4", *result.CopiedBytes, *result.SystemCalls)
			}
		case NameKept:
			if *result.SystemCalls != 0 {
				t.Errorf("a kept mapping makes %v system calls", *result.SystemCalls)
			}
		}
	}
	if r.Article.Ratio != 2.26 || r.Verdict.Winner != WinnerNeither && r.Measured.BestMapping == "" || r.Verdict.Sentence == "" || r.Settings.Seed != 7 {
		t.Errorf("article %v, measured %v, verdict %q, seed %d", r.Article, r.Measured, r.Verdict.Sentence, r.Settings.Seed)
	}
}

func TestSweep(t *testing.T) {
	o := quick(t, Increment)
	o.Sizes = []int64{4, 40_000, 400_003}
	r := mustRun(t, o)
	if len(r.Comparisons) != 3 || r.Crossover == nil || r.Comparisons[2].Integers != 100_000 {
		t.Errorf("%d sizes, crossover %v", len(r.Comparisons), r.Crossover)
	}
	empty(t, o.Dir)
}

// TestUserFileStaysAsItIs with every pattern, sizes that are no multiple of 4,
// and a read-only file.
func TestUserFileStaysAsItIs(t *testing.T) {
	for _, size := range []int{4, 4097, 100_001} {
		dir := t.TempDir()
		path := filepath.Join(dir, "data")
		content := make([]byte, size)
		for i := range content {
			content[i] = byte(i * 7)
		}
		if err := os.WriteFile(path, content, 0o400); err != nil {
			t.Fatal(err)
		}
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range Patterns {
			o := quick(t, p)
			o.File, o.Write, o.BlockBytes = path, true, 4
			r := mustRun(t, o)
			if r.File.TrailingBytes != int64(size%4) || r.File.Copy != p.writes() || r.Comparisons[0].SizeBytes != int64(size) {
				t.Errorf("%s, %d bytes: %+v", p, size, r.File)
			}
			empty(t, o.Dir)
		}
		after, err := os.Stat(path)
		if err != nil || !after.ModTime().Equal(before.ModTime()) || after.Size() != before.Size() {
			t.Errorf("the file was changed: %v", err)
		}
		if now, err := os.ReadFile(path); err != nil || string(now) != string(content) {
			t.Errorf("the file's contents were changed: %v", err)
		}
	}
}

func TestFilesThatCannotBeCompared(t *testing.T) {
	dir := t.TempDir()
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte{1, 2, 3}, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, says := range map[string]string{
		filepath.Join(dir, "missing"): "does not exist",
		dir:                           "directory",
		short:                         "nothing to compare",
	} {
		_, err := Run(context.Background(), Options{File: path})
		var usage *UsageError
		if err == nil || errors.As(err, &usage) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, expected something about %q", path, err, says)
		}
	}
}

func TestUsage(t *testing.T) {
	for name, o := range map[string]Options{
		"no such pattern":        {Pattern: "shuffle"},
		"writing to FILE":        {File: "x", Pattern: RandomUpdate},
		"--write without FILE":   {Write: true},
		"durable reads":          {Pattern: Sum, Durable: true},
		"a ragged block":         {Pattern: RandomRead, BlockBytes: 6},
		"a block over the size":  {Pattern: RandomRead, BlockBytes: 65536},
		"a size without integer": {Sizes: []int64{3}},
		"negative goroutines":    {Goroutines: -1},
		"too many goroutines":    {Goroutines: 1 << 20},
		"negative runs":          {Runs: -1},
		"negative time":          {Time: -1},
	} {
		_, err := Run(context.Background(), o)
		var usage *UsageError
		if !errors.As(err, &usage) {
			t.Errorf("%s: %v, expected a *UsageError", name, err)
		}
	}
}

func TestCancelLeavesNothing(t *testing.T) {
	for _, at := range []string{"preparing the file", "warming up", NameKept, "verifying"} {
		ctx, cancel := context.WithCancel(context.Background())
		o := quick(t, Increment)
		o.Progress = func(_, _ float64, what string) {
			if what == at {
				cancel()
			}
		}
		if _, err := Run(ctx, o); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled at %s: %v", at, err)
		}
		cancel()
		empty(t, o.Dir)
	}
}

// TestWrongResultNamesTheContender spoils one integer of the file behind a
// contender's back, as a defect of its would.
func TestWrongResultNamesTheContender(t *testing.T) {
	for _, p := range []Pattern{Increment, RandomUpdate, Sum, RandomRead} {
		o := quick(t, p)
		o.BlockBytes = 4
		o, err := o.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		r := spoiledRunner(t, &o)
		report := newReport(&o)
		if err := r.measure(context.Background(), func(float64, string) {}); err != nil && !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		report.Comparisons = []Size{{SizeBytes: 40, Integers: 10, Results: r.results()}}
		report.Results = report.Comparisons[0].Results
		report.Conclude()
		failed := report.Failed()
		if failed == nil || !strings.Contains(failed.Error(), "spoiler computed a wrong result") {
			t.Errorf("%s: %v, expected the spoiler to be named", p, failed)
		}
		for _, result := range report.Results {
			if result.Contender == "spoiler" && (result.Verified || result.Outcome == "ok") {
				t.Errorf("%s: the spoiler is verified, %q", p, result.Outcome)
			}
		}
	}
}

type spoiler struct{ task }

func (s spoiler) run(j *job) error {
	err := s.task.run(j)
	j.shares[0].sum++
	if !j.pattern.writes() {
		return err
	}
	f, openErr := os.OpenFile(j.path, os.O_RDWR, 0)
	if openErr != nil {
		return openErr
	}
	_, writeErr := f.WriteAt(binary.NativeEndian.AppendUint32(nil, math.MaxUint32), 36)
	return errors.Join(err, writeErr, f.Close())
}

func spoiledRunner(t *testing.T, o *Options) *runner {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	o.Sizes[0] = 40
	r, err := newRunner(o, newTestTarget(t, o, 40), newRandom(o))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.close(); err != nil {
			t.Error(err)
		}
	})
	e := r.entries[1]
	setup := e.setup
	e.name = "spoiler"
	e.setup = func(j *job) (task, error) {
		task, err := setup(j)
		return spoiler{task}, err
	}
	return r
}

// TestFileTruncatedMeanwhile: an error, where a plain mapping would crash.
func TestFileTruncatedMeanwhile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data")
	if err := os.WriteFile(path, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	o := Options{File: path, Runs: 3, Time: time.Millisecond}
	o.Progress = func(_, _ float64, what string) {
		if what == NameKept {
			_ = os.Truncate(path, 4096)
		}
	}
	if runtime.GOOS == "windows" {
		t.Skip("a mapped file cannot be truncated on windows")
	}
	if r, err := Run(context.Background(), o); err == nil {
		t.Errorf("no error, and the verdict %q", r.Verdict.Sentence)
	}
}

package compare

import (
	"testing"

	"pgregory.net/rapid"
)

// TestLedgerIsTheFile does random updates on a slice, as contenders do on the
// file, and asks the ledger what must have come of it.
func TestLedgerIsTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		integers := rapid.Int64Range(1, 500).Draw(t, "integers")
		block := rapid.Int64Range(1, integers).Draw(t, "block")
		o := Options{Pattern: RandomUpdate, BlockBytes: block * integerBytes, Goroutines: rapid.IntRange(1, 5).Draw(t, "goroutines")}
		j := newJob("", integers, &o)
		for _, s := range j.shares {
			s.operations = 50
		}
		file := make([]int32, integers)
		_ = countUp(0, file)
		l := ledger{base: countUp}
		for range rapid.IntRange(1, 4).Draw(t, "samples") {
			seed, runs := rapid.Uint64().Draw(t, "seed"), rapid.IntRange(1, 3).Draw(t, "runs")
			j.prepare(seed)
			for range runs {
				for _, s := range j.shares {
					j.loadRandomly(s, file[s.first:s.first+s.count])
				}
			}
			l.note(j, runs, seed)
		}
		first := rapid.Int64Range(0, integers-1).Draw(t, "first")
		got := make([]int32, integers-first)
		if err := l.expect(first, got); err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i] != file[first+int64(i)] {
				t.Fatalf("integer %d must be %d, the ledger says %d", first+int64(i), file[first+int64(i)], got[i])
			}
		}
	})
}

// TestSharesCoverTheFile: all integers for patterns in order, whole blocks for
// random ones, none twice.
func TestSharesCoverTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		integers := rapid.Int64Range(1, 10_000).Draw(t, "integers")
		p := rapid.SampledFrom(Patterns).Draw(t, "pattern")
		block := rapid.Int64Range(1, integers).Draw(t, "block")
		j := newJob("", integers, &Options{Pattern: p, BlockBytes: block * integerBytes, Goroutines: rapid.IntRange(1, 50).Draw(t, "goroutines")})
		at := int64(0)
		for _, s := range j.shares {
			if s.first != at || s.count < 1 {
				t.Fatalf("a share of %d from %d, expected one from %d", s.count, s.first, at)
			}
			at += s.count
		}
		want := integers
		if p.random() {
			want = integers / block * block
		}
		if at != want {
			t.Fatalf("shares of %d integers, expected %d", at, want)
		}
	})
}

func TestWalkStaysInside(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		blocks := rapid.Int64Range(1, 1<<40).Draw(t, "blocks")
		w := newWalk(rapid.Uint64().Draw(t, "seed"), blocks)
		for range 100 {
			if at := w.next(); at < 0 || at >= blocks {
				t.Fatalf("block %d of %d", at, blocks)
			}
		}
	})
}

func TestCountsAgree(t *testing.T) {
	dense, sparse := newCounts(100), newCounts(denseMax+1)
	for _, c := range []counts{dense, sparse} {
		c.add(3)
		c.add(3)
		if c.of(3) != 2 || c.of(4) != 0 {
			t.Errorf("%T: %d and %d, expected 2 and 0", c, c.of(3), c.of(4))
		}
	}
}

package simulate

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Generated says how a trace is made up.
type Generated struct {
	// Kind is one of Kinds:
	//
	//	zipf   page k, in a shuffled order, is accessed as often as 1/k^Skew: hot
	//	       and cold pages, in no order
	//	scan   page after page, each once, and again from the begin
	//	loop   the same, over a tenth of the pages: what LRU cannot hold, if memory
	//	       is a little too small for it
	//	mixed  zipf, with scans in between: a fifth of the accesses
	//	shift  zipf, but which pages are hot changes nine times: what policies that
	//	       hold on to the pages of the past are bad at
	Kind string

	Pages    int     // how many there are
	Accesses int     // how long the trace is
	Skew     float64 // of zipf, 0 (uniform) to 5
	Seed     uint64
}

// Kinds lists the kinds of trace that Generate makes.
func Kinds() []string { return []string{"zipf", "scan", "loop", "mixed", "shift"} }

// maxGenerated bounds the pages of a trace: zipf has a table of them.
const maxGenerated = 1 << 26

// Check says what is wrong with g.
func (g *Generated) Check() error {
	switch {
	case !slices.Contains(Kinds(), g.Kind):
		return fmt.Errorf("no trace of kind %q can be generated: choose one of %s", g.Kind, strings.Join(Kinds(), ", "))
	case g.Pages < 1 || g.Pages > maxGenerated:
		return fmt.Errorf("a trace of %d pages cannot be generated: 1 to %d", g.Pages, maxGenerated)
	case g.Accesses < 1 || g.Accesses > MaxAccesses:
		return fmt.Errorf("a trace of %d accesses cannot be generated: 1 to %d", g.Accesses, MaxAccesses)
	case !(g.Skew >= 0 && g.Skew <= 5):
		return fmt.Errorf("a skew of %v will not do: 0 (uniform) to 5", g.Skew)
	}
	return nil
}

// Generate makes the trace: the same one for the same g.
func Generate(g Generated) (*Trace, error) {
	if err := g.Check(); err != nil {
		return nil, err
	}
	r := rand.New(rand.NewPCG(g.Seed, 0x66696c656d6170))
	next := map[string]func(*Generated, *rand.Rand) func() uint64{
		"zipf": newZipf, "scan": newScan, "loop": newLoop, "mixed": newMixed, "shift": newShift,
	}[g.Kind](&g, r)
	t := &Trace{}
	for range g.Accesses {
		if err := t.Add(next()); err != nil {
			return nil, err
		}
	}
	return t, nil
}

func newScan(g *Generated, _ *rand.Rand) func() uint64 { return cycle(g.Pages) }

func newLoop(g *Generated, _ *rand.Rand) func() uint64 { return cycle(max(g.Pages/10, 1)) }

func cycle(pages int) func() uint64 {
	page := uint64(pages) - 1
	return func() uint64 {
		page = (page + 1) % uint64(pages)
		return page
	}
}

func newZipf(g *Generated, r *rand.Rand) func() uint64 {
	rank, order := newRanks(g, r), r.Perm(g.Pages)
	return func() uint64 { return uint64(order[rank()]) }
}

// newShift is zipf with another order of the pages for each tenth of the trace.
func newShift(g *Generated, r *rand.Rand) func() uint64 {
	rank, order := newRanks(g, r), r.Perm(g.Pages)
	done := 0
	return func() uint64 {
		if done++; done%(g.Accesses/10+1) == 0 {
			order = r.Perm(g.Pages)
		}
		return uint64(order[rank()])
	}
}

// newRanks draws how hot a page is, 0 the hottest, from the cumulated
// distribution, which works for every skew (the standard library's generator
// needs more than 1).
func newRanks(g *Generated, r *rand.Rand) func() int {
	sum := make([]float64, g.Pages)
	total := 0.0
	for k := range sum {
		total += math.Pow(float64(k+1), -g.Skew)
		sum[k] = total
	}
	return func() int {
		at, _ := slices.BinarySearch(sum, r.Float64()*total)
		return min(at, g.Pages-1)
	}
}

// newMixed puts scans of 1 % of the pages, at random places, between the accesses
// of zipf.
func newMixed(g *Generated, r *rand.Rand) func() uint64 {
	const share = 0.2
	zipf := newZipf(g, r)
	length := max(g.Pages/100, 1)
	left, at := 0, uint64(0)
	return func() uint64 {
		if left == 0 && r.Float64() < share/(1-share)/float64(length) {
			left, at = length, r.Uint64N(uint64(g.Pages))
		}
		if left == 0 {
			return zipf()
		}
		left--
		at = (at + 1) % uint64(g.Pages)
		return at
	}
}

package compare

import (
	"fmt"
	"math"
)

// Crossover tells at which file sizes of a sweep mapping wins. A size counts for
// one side only where the difference is more than chance.
type Crossover struct {
	// KeptBytes and OneShotBytes are from which size on: the smallest at which
	// mapping is faster, and slower at no larger one. Among the larger ones there may
	// be some at which the difference may be chance: Kept and OneShot list them.
	// Null: no such size.
	KeptBytes    *int64 `json:"kept_bytes"`
	OneShotBytes *int64 `json:"one_shot_bytes"`

	Best    BySize `json:"best"`     // the best mapping against the best read/write
	Kept    BySize `json:"kept"`     // a kept mapping against the best read/write
	OneShot BySize `json:"one_shot"` // mapped each time against read/write each time
}

func newCrossover(sizes []*inquiry) *Crossover {
	x := &Crossover{
		Best:    bySize(sizes, func(c *inquiry) (a, b *Result) { return c.bestMap, c.bestRW }),
		Kept:    bySize(sizes, func(c *inquiry) (a, b *Result) { return c.kept, c.bestRW }),
		OneShot: bySize(sizes, func(c *inquiry) (a, b *Result) { return c.oneShot, c.readWrite }),
	}
	x.KeptBytes, x.OneShotBytes = x.Kept.from(), x.OneShot.from()
	return x
}

// Sentence tells for a mapping that is kept, and for one made each time, at which
// sizes it is faster.
func (x *Crossover) Sentence() string {
	return joined(x.Kept.say("a kept mapping", "the best read/write"),
		x.OneShot.say("mapping for each use", "read/write that opens the file for each use"))
}

// sweepVerdict is the answer of several sizes. The cause is counted at the first.
func sweepVerdict(sizes []*inquiry, x *Crossover) Verdict {
	first := sizes[0]
	v := Verdict{Winner: WinnerNeither, Remedy: x.remedy()}
	best := &x.Best
	all := best.all()
	switch wins, loses := len(best.FasterBytes) > 0, len(best.SlowerBytes) > 0; {
	case len(best.UnmeasuredBytes) == len(all):
		v.Sentence = "There is no answer: at no size were both of read/write and mapping measured"
		v.Cause = first.firstTrouble()
		v.Remedy = ""
	case wins && loses:
		v.Sentence = fmt.Sprintf("It depends on the size: mapping wins %s, read/write wins %s",
			sizesText(best.FasterBytes, all), sizesText(best.SlowerBytes, all))
	case wins:
		v.Winner = WinnerMapping
		v.Sentence = fmt.Sprintf("Mapping wins %s: the best of it is %s as fast as the best read/write",
			sizesText(best.FasterBytes, all), rangeOfRatios(sizes, faster))
	case loses:
		v.Winner = WinnerReadWrite
		v.Sentence = fmt.Sprintf("Read/write wins %s: the best of it is %s as fast as the best mapping",
			sizesText(best.SlowerBytes, all), rangeOfRatios(sizes, slower))
	default:
		v.Sentence = "Neither wins: the difference may be chance " + sizesText(best.UnclearBytes, all)
	}
	if len(best.UnclearBytes) > 0 && len(best.FasterBytes)+len(best.SlowerBytes) > 0 {
		v.Sentence += ", and the difference may be chance " + sizesText(best.UnclearBytes, all)
	}
	v.Sentence += first.againstArticle() + "."
	if v.Cause == "" {
		v.Cause = first.cause()
		if v.Cause != "" {
			v.Cause = "These counts are those" + first.where + ". " + v.Cause
		}
	}
	return v
}

// rangeOfRatios writes how many times as fast the winner is, where it wins.
func rangeOfRatios(sizes []*inquiry, won relation) string {
	least, most := math.Inf(1), 0.0
	for _, c := range sizes {
		if relate(c.bestMap, c.bestRW) != won {
			continue
		}
		r := ratio(c.bestRW, c.bestMap)
		if won == slower {
			r = 1 / r
		}
		least, most = min(least, r), max(most, r)
	}
	if humanRatio(least) == humanRatio(most) {
		return humanRatio(least)
	}
	return humanRatio(least) + " to " + humanRatio(most)
}

// remedy says which way to take at which size.
func (x *Crossover) remedy() string {
	var advice []string
	if len(x.Kept.FasterBytes) > 0 {
		advice = append(advice, "Map once and keep the mapping "+sizesText(x.Kept.FasterBytes, x.Kept.all())+".")
	}
	if len(x.OneShot.FasterBytes) > 0 {
		begin := "Map for each use "
		if advice != nil {
			begin = "Where it cannot be kept, map for each use "
		}
		advice = append(advice, begin+sizesText(x.OneShot.FasterBytes, x.OneShot.all())+".")
	}
	if len(x.Best.SlowerBytes) > 0 {
		advice = append(advice, "Stay with read/write "+sizesText(x.Best.SlowerBytes, x.Best.all())+".")
	}
	if advice == nil {
		return "Take what is simpler; --time with a longer time, on a quiet machine, tells smaller differences from chance."
	}
	return joined(advice...)
}

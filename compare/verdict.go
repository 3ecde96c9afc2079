package compare

import (
	"fmt"
	"strings"
)

// Conclude draws Measured, Verdict and, of several sizes, Crossover from the
// results, and adds to Warnings.
func (r *Report) Conclude() {
	var sizes []*inquiry
	for i := range r.Comparisons {
		sizes = append(sizes, newInquiry(&r.Comparisons[i], &r.Settings, &r.Machine))
	}
	first := sizes[0]
	r.Measured = first.measured()
	if len(sizes) > 1 {
		first.where = " at " + humanBytes(float64(first.size.SizeBytes))
		r.Crossover = newCrossover(sizes)
		r.Verdict = sweepVerdict(sizes, r.Crossover)
	} else {
		r.Verdict = first.verdict()
	}
	r.Warnings = append(r.Warnings, r.warnings()...)
}

// The winners of a [Verdict].
const (
	WinnerMapping   = "mapping"
	WinnerReadWrite = "read/write"
	WinnerNeither   = "neither"
)

// inquiry is one size's results, seen by who has to say which won and why.
type inquiry struct {
	size     *Size
	settings *Settings
	machine  *Machine
	where    string // " at 40 kB" in a sweep

	readWrite, oneShot, kept *Result // nil: not measured, or failed
	bestRW, bestMap          *Result
}

func newInquiry(size *Size, s *Settings, m *Machine) *inquiry {
	c := &inquiry{size: size, settings: s, machine: m}
	c.readWrite, c.oneShot, c.kept = c.named(NameReadWrite), c.named(NameOneShot), c.named(NameKept)
	c.bestRW, c.bestMap = c.best(FamilyReadWrite), c.best(FamilyMapping)
	return c
}

// named returns a contender's result if it can be trusted.
func (c *inquiry) named(name string) *Result {
	for i := range c.size.Results {
		if r := &c.size.Results[i]; r.Contender == name && r.usable() {
			return r
		}
	}
	return nil
}

func (r *Result) usable() bool { return r.Outcome == "ok" && r.Verified && r.MedianNs > 0 }

func (c *inquiry) best(family string) *Result {
	var best *Result
	for i := range c.size.Results {
		r := &c.size.Results[i]
		if r.Family == family && r.usable() && (best == nil || r.MedianNs < best.MedianNs) {
			best = r
		}
	}
	return best
}

// ratio is how many times as fast as a b is; 0 when one of them is missing.
func ratio(a, b *Result) float64 {
	if a == nil || b == nil {
		return 0
	}
	return a.MedianNs / b.MedianNs
}

func (c *inquiry) measured() Measured {
	m := Measured{
		Ratio:           ratio(c.readWrite, c.kept),
		RatioOneShot:    ratio(c.readWrite, c.oneShot),
		RatioBestToBest: ratio(c.bestRW, c.bestMap),

		Significant:           relate(c.kept, c.readWrite).certain(),
		SignificantOneShot:    relate(c.oneShot, c.readWrite).certain(),
		SignificantBestToBest: relate(c.bestMap, c.bestRW).certain(),
	}
	if c.bestMap != nil {
		m.BestMapping = c.bestMap.Contender
	}
	if c.bestRW != nil {
		m.BestReadWrite = c.bestRW.Contender
	}
	return m
}

func (c *inquiry) verdict() Verdict {
	switch relate(c.bestMap, c.bestRW) {
	case faster:
		return Verdict{Winner: WinnerMapping, Sentence: c.mappingWins(), Cause: c.cause(), Remedy: c.remedyForMapping()}
	case slower:
		return Verdict{Winner: WinnerReadWrite, Sentence: c.readWriteWins(), Cause: c.cause(), Remedy: c.remedyForReadWrite()}
	case unclear:
		return Verdict{
			Winner: WinnerNeither,
			Sentence: fmt.Sprintf("Neither wins: %s takes %s and %s takes %s, a difference that may be chance%s.",
				c.bestMap.Contender, humanTime(c.bestMap.MedianNs), c.bestRW.Contender, humanTime(c.bestRW.MedianNs), c.againstArticle()),
			Cause:  c.cause(),
			Remedy: c.remedyForNeither(),
		}
	case unmeasured:
	}
	return Verdict{
		Winner:   WinnerNeither,
		Sentence: "There is no answer: not both of read/write and mapping were measured.",
		Cause:    c.firstTrouble(),
	}
}

func (c *inquiry) firstTrouble() string {
	for _, r := range c.size.Results {
		if r.Outcome != "ok" {
			return r.Contender + ": " + r.Outcome
		}
	}
	return ""
}

// mappingWins: by how much over the best loop, and what the article's own two
// halves did.
func (c *inquiry) mappingWins() string {
	text := fmt.Sprintf("Mapping wins: %s takes %s, %s as fast as the best read/write (%s, %s)",
		c.bestMap.Contender, humanTime(c.bestMap.MedianNs), humanRatio(ratio(c.bestRW, c.bestMap)),
		c.bestRW.Contender, humanTime(c.bestRW.MedianNs))
	return text + c.againstArticle() + "."
}

func (c *inquiry) readWriteWins() string {
	text := fmt.Sprintf("Read/write wins: %s takes %s, %s as fast as the best mapping (%s, %s)",
		c.bestRW.Contender, humanTime(c.bestRW.MedianNs), humanRatio(ratio(c.bestMap, c.bestRW)),
		c.bestMap.Contender, humanTime(c.bestMap.MedianNs))
	return text + c.againstArticle() + "."
}

// againstArticle puts the article's ratio beside its two readings here. Its task
// was increment, warm: beside another the figure would say nothing.
func (c *inquiry) againstArticle() string {
	if c.readWrite == nil || c.settings.Pattern != string(Increment) || c.settings.Cold {
		return ""
	}
	var parts []string
	for _, mapping := range []struct {
		result *Result
		how    string
	}{{c.kept, "with the mapping kept"}, {c.oneShot, "with one made for each run"}} {
		if mapping.result == nil {
			continue
		}
		text := humanRatio(ratio(c.readWrite, mapping.result)) + " " + mapping.how
		if !relate(mapping.result, c.readWrite).certain() {
			text += " (which may be chance)"
		}
		parts = append(parts, text)
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("; the article's %s is here%s %s", humanRatio(TheArticle.Ratio), c.where, strings.Join(parts, ", "))
}

func joined(sentences ...string) string {
	var kept []string
	for _, s := range sentences {
		if s != "" {
			kept = append(kept, s)
		}
	}
	return strings.Join(kept, " ")
}

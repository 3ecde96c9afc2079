package compare

import (
	"fmt"
	"strings"
)

// conclude draws the answer from the results.
func (r *Report) conclude() {
	size := &r.Comparisons[0]
	c := newInquiry(size, &r.Settings, &r.Machine)
	r.Measured = c.measured()
	if len(r.Comparisons) > 1 {
		c.where = " at " + humanBytes(float64(size.SizeBytes))
		r.Crossover = crossover(r.Comparisons)
	}
	r.Verdict = c.verdict()
	if r.Crossover != nil {
		r.Verdict.Remedy = joined(r.Verdict.Remedy, r.Crossover.remedy())
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
	significant              bool // of the difference between the best two
}

func newInquiry(size *Size, s *Settings, m *Machine) *inquiry {
	c := &inquiry{size: size, settings: s, machine: m}
	c.readWrite, c.oneShot, c.kept = c.named(NameReadWrite), c.named(NameOneShot), c.named(NameKept)
	c.bestRW, c.bestMap = c.best(FamilyReadWrite), c.best(FamilyMapping)
	if c.bestRW != nil && c.bestMap != nil {
		c.significant, _ = differ(c.bestRW.SamplesNs, c.bestMap.SamplesNs)
	}
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
	switch {
	case c.bestRW == nil || c.bestMap == nil:
		return Verdict{
			Winner:   WinnerNeither,
			Sentence: "There is no answer: not both of read/write and mapping were measured.",
			Cause:    c.firstTrouble(),
		}
	case !c.significant:
		return Verdict{
			Winner: WinnerNeither,
			Sentence: fmt.Sprintf("Neither wins%s: %s takes %s and %s takes %s, a difference that may be chance.",
				c.where, c.bestMap.Contender, humanTime(c.bestMap.MedianNs), c.bestRW.Contender, humanTime(c.bestRW.MedianNs)),
			Cause:  c.cause(),
			Remedy: c.remedyForNeither(),
		}
	case c.bestMap.MedianNs < c.bestRW.MedianNs:
		return Verdict{Winner: WinnerMapping, Sentence: c.mappingWins(), Cause: c.cause(), Remedy: c.remedyForMapping()}
	}
	return Verdict{Winner: WinnerReadWrite, Sentence: c.readWriteWins(), Cause: c.cause(), Remedy: c.remedyForReadWrite()}
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
	text := fmt.Sprintf("Mapping wins%s: %s takes %s, %s as fast as the best read/write (%s, %s)",
		c.where, c.bestMap.Contender, humanTime(c.bestMap.MedianNs), humanRatio(ratio(c.bestRW, c.bestMap)),
		c.bestRW.Contender, humanTime(c.bestRW.MedianNs))
	return text + c.againstArticle() + "."
}

func (c *inquiry) readWriteWins() string {
	text := fmt.Sprintf("Read/write wins%s: %s takes %s, %s as fast as the best mapping (%s, %s)",
		c.where, c.bestRW.Contender, humanTime(c.bestRW.MedianNs), humanRatio(ratio(c.bestMap, c.bestRW)),
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
	if c.kept != nil {
		parts = append(parts, humanRatio(ratio(c.readWrite, c.kept))+" with the mapping kept")
	}
	if c.oneShot != nil {
		parts = append(parts, humanRatio(ratio(c.readWrite, c.oneShot))+" with one made for each run")
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("; the article's %s is here %s", humanRatio(TheArticle.Ratio), strings.Join(parts, ", "))
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

// crossover finds the sizes from which on mapping wins at all larger ones.
func crossover(sizes []Size) *Crossover {
	from := func(name string, against func(*inquiry) *Result) *int64 {
		var smallest *int64
		for i := len(sizes) - 1; i >= 0; i-- {
			c := newInquiry(&sizes[i], &Settings{}, &Machine{})
			mapping, other := c.named(name), against(c)
			if mapping == nil || other == nil || mapping.MedianNs >= other.MedianNs {
				break
			}
			if significant, _ := differ(mapping.SamplesNs, other.SamplesNs); !significant {
				break
			}
			smallest = &sizes[i].SizeBytes
		}
		return smallest
	}
	return &Crossover{
		KeptBytes:    from(NameKept, func(c *inquiry) *Result { return c.bestRW }),
		OneShotBytes: from(NameOneShot, func(c *inquiry) *Result { return c.readWrite }),
	}
}

// remedy says which way of mapping is right for which size.
func (x *Crossover) remedy() string {
	switch {
	case x.KeptBytes == nil && x.OneShotBytes == nil:
		return "At these sizes stay with read/write."
	case x.OneShotBytes == nil:
		return fmt.Sprintf("Keep the mapping: from %s on it wins, and one made for each use does at none of these sizes.", humanBytes(float64(*x.KeptBytes)))
	case x.KeptBytes == nil:
		return fmt.Sprintf("Mapping for each use wins from %s on.", humanBytes(float64(*x.OneShotBytes)))
	}
	return fmt.Sprintf("Keep the mapping, which wins from %s on; where that is not possible, map for each use from %s on.",
		humanBytes(float64(*x.KeptBytes)), humanBytes(float64(*x.OneShotBytes)))
}

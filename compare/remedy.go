package compare

import (
	"fmt"
	"strings"
)

// remedyForMapping says what to do so that mapping wins where it is used.
func (c *inquiry) remedyForMapping() string {
	return joined(c.keepIt(), c.adviseRandom(), c.adviseOther())
}

// keepIt: worth saying where a kept mapping wins, by more than chance, over both
// mapping anew and the best read/write.
func (c *inquiry) keepIt() string {
	if c.settings.Cold || relate(c.kept, c.oneShot) != faster || relate(c.kept, c.bestRW) != faster {
		return ""
	}
	switch relate(c.oneShot, c.bestRW) {
	case slower:
		return fmt.Sprintf("Map once and keep it: mapped for each use it is %s as fast as %s, and loses.",
			humanRatio(ratio(c.bestRW, c.oneShot)), c.bestRW.Contender)
	case faster, unclear, unmeasured:
	}
	return fmt.Sprintf("Map once and keep it: that is %s as fast as mapping for each use.", humanRatio(ratio(c.oneShot, c.kept)))
}

// adviseRandom: the remedy for random access to a cold file.
func (c *inquiry) adviseRandom() string {
	advised := c.named(NameKeptRandom)
	if relate(advised, c.kept) != faster || ratio(c.kept, advised) < 1.2 {
		return ""
	}
	return fmt.Sprintf("Open the mapping with filemap.Random: %s as fast as without.%s",
		humanRatio(ratio(c.kept, advised)), c.lowerReadahead())
}

// lowerReadahead: a fault reads a whole window.
func (c *inquiry) lowerReadahead() string {
	const usualKB = 128
	if c.machine.ReadAheadKB == nil || *c.machine.ReadAheadKB <= usualKB {
		return ""
	}
	return fmt.Sprintf(" For mappings without the advice, the device's read_ahead_kb of %d could be lowered to %d, if no program reads files on it in order.",
		*c.machine.ReadAheadKB, usualKB)
}

// adviseOther: another way of mapping for each use that beats both the plain one
// and, where a mapping can be kept, that.
func (c *inquiry) adviseOther() string {
	best := c.bestMap
	switch {
	case best == c.kept, best == c.oneShot, best.Contender == NameKeptRandom, best.Contender == NameRandom,
		relate(best, c.oneShot) != faster, c.kept != nil && relate(best, c.kept) != faster:
		return ""
	}
	return fmt.Sprintf("Use the mapping as %q does: %s as fast as without.", best.Contender, humanRatio(ratio(c.oneShot, best)))
}

// remedyForReadWrite says what would help a mapping, if anything.
func (c *inquiry) remedyForReadWrite() string {
	stay := "Stay with read/write for this."
	if advice := c.adviseRandom(); advice != "" {
		return stay + " If it must be mapped: " + lowered(advice)
	}
	if c.settings.Cold || c.settings.Durable {
		return stay
	}
	return "Stay with read/write for this; --sweep shows whether there is a size from which it flips."
}

// remedyForNeither: more runs, or simply what is easier.
func (c *inquiry) remedyForNeither() string {
	return joined(c.adviseRandom(), "Take what is simpler; --time with a longer time, on a quiet machine, tells smaller differences from chance.")
}

func lowered(s string) string { return strings.ToLower(s[:1]) + s[1:] }

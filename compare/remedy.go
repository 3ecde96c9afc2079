package compare

import "fmt"

// remedyForMapping says what to do so that mapping wins where it is used.
func (c *inquiry) remedyForMapping() string {
	return joined(c.keepIt(), c.adviseRandom(), c.adviseOther())
}

// keepIt: worth saying where mapping anew loses what keeping wins.
func (c *inquiry) keepIt() string {
	if c.settings.Cold || c.kept == nil || c.oneShot == nil || c.kept.MedianNs >= c.oneShot.MedianNs {
		return ""
	}
	if significant, _ := differ(c.kept.SamplesNs, c.oneShot.SamplesNs); !significant {
		return ""
	}
	if c.oneShot.MedianNs > c.bestRW.MedianNs {
		return fmt.Sprintf("Map once and keep it: mapped for each use it is %s as fast as %s, and loses.",
			humanRatio(ratio(c.bestRW, c.oneShot)), c.bestRW.Contender)
	}
	return fmt.Sprintf("Map once and keep it: that is %s as fast as mapping for each use.", humanRatio(ratio(c.oneShot, c.kept)))
}

// adviseRandom: the remedy for random access to a cold file.
func (c *inquiry) adviseRandom() string {
	advised := c.named(NameKeptRandom)
	if advised == nil || c.kept == nil || advised.MedianNs >= c.kept.MedianNs {
		return ""
	}
	if significant, _ := differ(advised.SamplesNs, c.kept.SamplesNs); !significant || ratio(c.kept, advised) < 1.2 {
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
	return fmt.Sprintf(" For mappings without the advice, the device's read_ahead_kb of %d could be lowered to %d.",
		*c.machine.ReadAheadKB, usualKB)
}

// adviseOther: another way of mapping for each use that beats the plain one.
func (c *inquiry) adviseOther() string {
	best := c.bestMap
	switch {
	case best == c.kept || best == c.oneShot || best == nil || c.oneShot == nil,
		best.Contender == NameKeptRandom, best.Contender == NameRandom:
		return ""
	}
	if significant, _ := differ(best.SamplesNs, c.oneShot.SamplesNs); !significant {
		return ""
	}
	return fmt.Sprintf("Use the mapping as %q does: %s as fast as without.", best.Contender, humanRatio(ratio(c.oneShot, best)))
}

// remedyForReadWrite says what would make mapping win, if anything.
func (c *inquiry) remedyForReadWrite() string {
	if advice := c.adviseRandom(); advice != "" {
		return advice
	}
	if c.settings.Cold || c.settings.Durable {
		return "Stay with read/write for this."
	}
	return "Stay with read/write for this; --sweep shows whether there is a size from which it flips."
}

// remedyForNeither: more runs, or simply what is easier.
func (c *inquiry) remedyForNeither() string {
	return joined(c.adviseRandom(), "Take what is simpler; --time with a longer time, on a quiet machine, tells smaller differences from chance.")
}

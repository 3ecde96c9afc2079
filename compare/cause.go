package compare

import (
	"fmt"
	"strings"
)

// cause explains the verdict by the counts: who copied, who faulted, who slept,
// what setting up costs.
func (c *inquiry) cause() string {
	if c.settings.Cold {
		return joined(c.coldCause(c.bestRW), c.coldCause(c.bestMap), c.readaheadCause())
	}
	return joined(c.readWriteCause(), c.keptCause(), c.oneShotCause(), c.durableCause())
}

// readWriteCause: what the best loop pays for.
func (c *inquiry) readWriteCause() string {
	r := c.bestRW
	if r == nil || r.CopiedBytes == nil || r.SystemCalls == nil {
		return ""
	}
	verb := "copy"
	if *r.SystemCalls == 1 {
		verb = "copies"
	}
	return fmt.Sprintf("Each run of %s makes %s, which %s %s%s.",
		r.Contender, plural(*r.SystemCalls, "system call"), verb, humanBytes(*r.CopiedBytes), c.perOperation())
}

// perOperation relates the counts of a random pattern to its operations.
func (c *inquiry) perOperation() string {
	if c.settings.Operations == 0 {
		return ""
	}
	return fmt.Sprintf(" for %s blocks of %s", humanCount(float64(c.settings.Operations)), humanBlock(c.settings.BlockBytes))
}

// keptCause: what a kept mapping is spared, and what is left.
func (c *inquiry) keptCause() string {
	r := c.kept
	if r == nil || r.SystemCalls == nil || r.FaultsMinor == nil || r.FaultsMajor == nil {
		return ""
	}
	faults := *r.FaultsMinor + *r.FaultsMajor
	switch {
	case faults < 1 && *r.SystemCalls == 0:
		return "A kept mapping makes no system call, copies nothing and has no faults left: its pages were translated once."
	case faults < 1:
		return fmt.Sprintf("A kept mapping copies nothing and has no faults left; its %s: the sync.", plural(*r.SystemCalls, "system call"))
	}
	return fmt.Sprintf("A kept mapping copies nothing; it takes %s a run%s.", plural(faults, "fault"), c.whyFaults())
}

// whyFaults: who writes a page to the device makes it read-only first, so that
// the next store is noticed.
func (c *inquiry) whyFaults() string {
	switch {
	case c.settings.Durable:
		return ", since each sync makes its pages read-only again"
	case Pattern(c.settings.Pattern).writes():
		return ", probably since the kernel's own writeback made pages read-only again"
	}
	return ""
}

// oneShotCause: what mapping anew costs over keeping.
func (c *inquiry) oneShotCause() string {
	r := c.oneShot
	if r == nil || c.kept == nil || r.FaultsMinor == nil || r.FaultsMajor == nil || r.SystemCalls == nil {
		return ""
	}
	if relate(r, c.kept) != slower {
		return ""
	}
	more := r.MedianNs - c.kept.MedianNs
	faults := *r.FaultsMinor + *r.FaultsMajor
	return fmt.Sprintf("Mapped for each run it costs %s more: %s to set up and tear down, and %s for %s.",
		humanTime(more), plural(*r.SystemCalls, "system call"), plural(faults, "fault"), plural(c.pages(), "page"))
}

func (c *inquiry) pages() float64 {
	page := int64(max(c.machine.PageBytes, 1))
	return float64((c.size.SizeBytes + page - 1) / page)
}

// durableCause: with a sync in each run the device has the largest part.
func (c *inquiry) durableCause() string {
	if !c.settings.Durable || c.bestRW == nil || c.bestMap == nil || c.bestRW.DeviceWriteBytes == nil || c.bestMap.DeviceWriteBytes == nil {
		return ""
	}
	return fmt.Sprintf("Per run the device writes %s for %s and %s for %s.",
		humanBytes(*c.bestRW.DeviceWriteBytes), c.bestRW.Contender,
		humanBytes(*c.bestMap.DeviceWriteBytes), c.bestMap.Contender)
}

// coldCause: what a contender had the device read, and how often it waited.
func (c *inquiry) coldCause(r *Result) string {
	if r == nil {
		return ""
	}
	var did []string
	if r.DeviceReadBytes != nil {
		did = append(did, "has the device read "+humanBytes(*r.DeviceReadBytes)+c.amplified(r))
	}
	if r.FaultsMajor != nil && *r.FaultsMajor >= 1 {
		did = append(did, "takes "+plural(*r.FaultsMajor, "major fault"))
	}
	if r.Sleeps != nil {
		did = append(did, "sleeps "+times(*r.Sleeps))
	}
	if did == nil {
		return ""
	}
	return fmt.Sprintf("%s %s.", r.Contender, strings.Join(did, ", "))
}

func (c *inquiry) amplified(r *Result) string {
	if r.ReadAmplification == nil || *r.ReadAmplification < 1.5 {
		return ""
	}
	return fmt.Sprintf(" (%s what was asked for)", humanRatio(*r.ReadAmplification))
}

// readaheadCause: the plain mapping's faults in a cold file read ahead what a
// random pattern does not ask for.
func (c *inquiry) readaheadCause() string {
	plain, advised := c.kept, c.named(NameKeptRandom)
	if plain == nil || advised == nil || plain.DeviceReadBytes == nil || advised.DeviceReadBytes == nil {
		return ""
	}
	if *plain.DeviceReadBytes < 2**advised.DeviceReadBytes {
		return ""
	}
	return fmt.Sprintf("Without advice a fault reads ahead: %s instead of %s a run.",
		humanBytes(*plain.DeviceReadBytes), humanBytes(*advised.DeviceReadBytes))
}

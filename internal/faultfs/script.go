//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Op is a kind of request that the kernel makes of the file system.
type Op string

// The requests that can meet a fault.
const (
	Open     Op = "open"
	Read     Op = "read"
	Write    Op = "write"
	Allocate Op = "allocate" // fallocate(2)
	Sync     Op = "sync"     // fsync(2), fdatasync(2), msync(2), of directories too
)

var ops = []Op{Open, Read, Write, Allocate, Sync}

// AnyStep is what [History] has a [Step] for: all that changes the disk, and syncs.
// It can be counted, but meets no fault.
const AnyStep Op = "step"

// Effect is what a line of a script does to a request.
type Effect string

// The effects, as they are written in a script.
const (
	Delay    Effect = "delay"
	Hold     Effect = "hold"
	Fail     Effect = "error"
	Short    Effect = "short"
	Direct   Effect = "direct"
	Ignore   Effect = "ignore"
	Truncate Effect = "truncate"
	PowerCut Effect = "cut"
)

// anyFile is the name in a rule that is about all files.
const anyFile = "*"

// endless is where the range of a rule without an end ends.
const endless = math.MaxInt64

// Rule is one line of a script.
type Rule struct {
	Op       Op // of a truncate or cut: the requests that are counted; "" for now
	File     string
	From, To int64 // the half-open range of bytes; To is endless for "end"
	Effect   Effect

	Delay time.Duration // of a delay
	Errno string        // of an error: "EIO"
	Bytes int64         // of short, the most that is answered; of truncate, the new size

	After int // requests that pass first
	Times int // requests that it is in force for then; 0: all
}

// matches tells whether the rule is about a request.
func (r *Rule) matches(op Op, file string, off, n int64) bool {
	if r.Op != op || (r.File != anyFile && r.File != file) {
		return false
	}
	return off < r.To && off+max(n, 1) > r.From
}

// event tells whether the rule is about something that happens once.
func (r *Rule) event() bool { return r.Effect == Truncate || r.Effect == PowerCut }

// Script is a list of rules.
type Script []Rule

// String returns the script as Parse reads it.
func (s Script) String() string {
	var b strings.Builder
	for i := range s {
		b.WriteString(s[i].String())
		b.WriteByte('\n')
	}
	return b.String()
}

// String returns the rule as a line of a script.
func (r *Rule) String() string {
	if r.event() {
		text := string(r.Effect)
		if r.Effect == Truncate {
			text += fmt.Sprintf(" %s %s", r.File, sizeText(r.Bytes))
		}
		if r.Op != "" {
			text += fmt.Sprintf(" after %d %ss", r.After, r.Op)
		}
		return text
	}
	text := fmt.Sprintf("%s %s", r.Op, r.File)
	if r.From != 0 || r.To != endless {
		text += fmt.Sprintf("[%s,%s)", sizeText(r.From), sizeText(r.To))
	}
	text += " " + string(r.Effect)
	switch r.Effect {
	case Delay:
		text += " " + r.Delay.String()
	case Fail:
		text += " " + r.Errno
	case Short:
		text += " " + sizeText(r.Bytes)
	}
	if r.After > 0 {
		text += fmt.Sprintf(" after %d", r.After)
	}
	if r.Times > 0 {
		text += fmt.Sprintf(" times %d", r.Times)
	}
	return text
}

var units = []struct {
	name  string
	bytes int64
}{{"GB", 1 << 30}, {"MB", 1 << 20}, {"KB", 1 << 10}}

func sizeText(n int64) string {
	if n == endless {
		return "end"
	}
	for _, u := range units {
		if n > 0 && n%u.bytes == 0 {
			return fmt.Sprintf("%d%s", n/u.bytes, u.name)
		}
	}
	return fmt.Sprint(n)
}

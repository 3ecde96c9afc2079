//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Parse reads a script: see the package's comment. Its error has the number of
// the line, the line, and what is wrong with it, for every line that is wrong.
func Parse(text string) (Script, error) {
	var script Script
	var wrong []error
	for i, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		rule, err := parseLine(words)
		if err != nil {
			wrong = append(wrong, fmt.Errorf("faultfs: line %d, %q: %w", i+1, strings.Join(words, " "), err))
			continue
		}
		script = append(script, rule)
	}
	return script, errors.Join(wrong...)
}

// words are what is left of a line.
type words []string

// next takes the next word, which is to be what.
func (w *words) next(what string) (string, error) {
	if len(*w) == 0 {
		return "", fmt.Errorf("it ends where %s should be", what)
	}
	word := (*w)[0]
	*w = (*w)[1:]
	return word, nil
}

func parseLine(w words) (Rule, error) {
	verb, err := w.next("an operation")
	if err != nil {
		return Rule{}, err
	}
	switch Effect(verb) {
	case Truncate:
		return parseTruncate(w)
	case PowerCut:
		r := Rule{File: anyFile, Effect: PowerCut, To: endless}
		err := r.parseMoment(w, append(slices.Clone(ops), AnyStep))
		return r, err
	}
	r := Rule{Op: Op(verb), To: endless}
	if !slices.Contains(ops, r.Op) {
		return r, fmt.Errorf("%q is no operation: open, read, write, allocate, sync, truncate or cut", verb)
	}
	target, err := w.next("a file")
	if err != nil {
		return r, err
	}
	if err := r.parseTarget(target); err != nil {
		return r, err
	}
	if err := r.parseEffect(&w); err != nil {
		return r, err
	}
	err = r.parseLimits(w)
	return r, err
}

// parseTarget reads a file and its range: "data[4096,8192)".
func (r *Rule) parseTarget(word string) error {
	name, bounds, ranged := strings.Cut(word, "[")
	r.File = name
	if err := checkFile(name); err != nil {
		return err
	}
	if !ranged {
		return nil
	}
	if r.Op == Open || r.Op == Sync {
		return fmt.Errorf("%s has no range", r.Op)
	}
	inside, closed := strings.CutSuffix(bounds, ")")
	from, to, pair := strings.Cut(inside, ",")
	if !closed || !pair {
		return fmt.Errorf("range %q is not [FROM,TO), half-open and without spaces", "["+bounds)
	}
	var err error
	if r.From, err = parseSize(from); err != nil {
		return err
	}
	if to != "end" {
		if r.To, err = parseSize(to); err != nil {
			return err
		}
	}
	if r.From >= r.To {
		return fmt.Errorf("range %q is empty", "["+bounds)
	}
	return nil
}

func checkFile(name string) error {
	if name != anyFile && (!fs.ValidPath(name) || strings.ContainsAny(name, "[)")) {
		return fmt.Errorf(`%q is no file: its path below the mount, or "*" for all`, name)
	}
	return nil
}

func (r *Rule) parseEffect(w *words) error {
	effect, err := w.next("an effect (delay, hold, error, short, direct, ignore)")
	if err != nil {
		return err
	}
	r.Effect = Effect(effect)
	switch r.Effect {
	case Hold:
		return nil
	case Delay:
		return r.parseDelay(w)
	case Fail:
		r.Errno, err = w.next("an errno")
		if _, known := errnos[r.Errno]; err == nil && !known {
			err = fmt.Errorf("%q is no errno known here: %s", r.Errno, strings.Join(errnoNames(), ", "))
		}
		return err
	case Short:
		if r.Op != Read && r.Op != Write {
			return fmt.Errorf("%s cannot be short: read and write can", r.Op)
		}
		size, err := w.next("a number of bytes")
		if err == nil {
			r.Bytes, err = parseSize(size)
		}
		return err
	case Direct:
		if r.Op != Open {
			return fmt.Errorf("%s cannot be direct: open can", r.Op)
		}
		return nil
	case Ignore:
		if r.Op != Sync {
			return fmt.Errorf("%s cannot be ignored: sync can", r.Op)
		}
		return nil
	}
	return fmt.Errorf("%q is no effect: delay, hold, error, short, direct or ignore", effect)
}

func (r *Rule) parseDelay(w *words) error {
	text, err := w.next("a duration")
	if err != nil {
		return err
	}
	r.Delay, err = time.ParseDuration(text)
	switch {
	case err != nil:
		return fmt.Errorf("%q is no duration, such as 500ms or 2s", text)
	case r.Delay < 0 || r.Delay > HoldLimit:
		return fmt.Errorf("delay %v is not from 0 to %v", r.Delay, HoldLimit)
	}
	return nil
}

// parseLimits reads "after N" and "times N", in any order.
func (r *Rule) parseLimits(w words) error {
	seen := map[string]bool{}
	for len(w) > 0 {
		word, _ := w.next("")
		if word != "after" && word != "times" {
			return fmt.Errorf(`%q is not expected here: only "after N" and "times N" are`, word)
		}
		if seen[word] {
			return fmt.Errorf("%q is there twice", word)
		}
		seen[word] = true
		n, err := w.number(word)
		if err != nil {
			return err
		}
		if word == "after" {
			r.After = n
		} else {
			r.Times = n
		}
	}
	return nil
}

// parseTruncate reads what follows "truncate".
func parseTruncate(w words) (Rule, error) {
	r := Rule{Effect: Truncate, To: endless}
	var err error
	if r.File, err = w.next("a file"); err != nil {
		return r, err
	}
	if err := checkFile(r.File); err != nil {
		return r, err
	}
	if r.File == anyFile {
		return r, errors.New("truncate takes one file")
	}
	size, err := w.next("a size")
	if err != nil {
		return r, err
	}
	if r.Bytes, err = parseSize(size); err != nil {
		return r, err
	}
	err = r.parseMoment(w, ops)
	return r, err
}

// parseMoment reads nothing, which is now, or "after N" of what can be counted.
func (r *Rule) parseMoment(w words, counted []Op) error {
	if len(w) == 0 {
		return nil
	}
	names := make([]string, len(counted))
	for i, op := range counted {
		names[i] = string(op) + "s"
	}
	list := strings.Join(names, ", ")
	if word, _ := w.next(""); word != "after" {
		return fmt.Errorf(`%q is not expected here: only "after N reads" (or %s) is`, word, list)
	}
	var err error
	if r.After, err = w.number("after"); err != nil {
		return err
	}
	what, err := w.next("what to count: " + list)
	if err != nil {
		return err
	}
	if !slices.Contains(names, what) {
		return fmt.Errorf("%q is nothing to count: %s", what, list)
	}
	r.Op = Op(strings.TrimSuffix(what, "s"))
	if len(w) > 0 {
		return fmt.Errorf("%q is not expected here", w[0])
	}
	return nil
}

// number takes a number, at least 1, that follows the word before.
func (w *words) number(before string) (int, error) {
	text, err := w.next("the number of " + strconv.Quote(before))
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 || text[0] == '+' {
		return 0, fmt.Errorf("%q is not a number from 1 to %d", text, math.MaxInt32)
	}
	return int(n), nil
}

func parseSize(text string) (int64, error) {
	digits, factor := text, int64(1)
	for _, u := range units {
		if rest, found := strings.CutSuffix(text, u.name); found {
			digits, factor = rest, u.bytes
		}
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || int64(n) > (math.MaxInt64-1)/factor {
		return 0, fmt.Errorf("%q is no size: a number of bytes, or of KB, MB, GB", text)
	}
	return int64(n) * factor, nil
}

package compare

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestEverySentenceHolds makes up tables, and reads each sentence that is said of
// one back: the numbers in it must be the table's, and what it calls faster must be
// so by more than chance.
func TestEverySentenceHolds(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		report := drawReport(r)
		report.Conclude()
		text := joined(report.Verdict.Sentence, report.Verdict.Remedy)
		if !strings.HasPrefix(report.Verdict.Sentence, "There is no answer") {
			text = joined(text, report.Verdict.Cause) // else it is a contender's error
		}
		if report.Crossover != nil {
			text = joined(text, report.Crossover.Sentence())
		}
		reader := &reader{t: r, report: report}
		for _, sentence := range sentencesOf(text) {
			reader.check(sentence)
		}
		reader.winner()
	})
}

// sentencesOf splits at the full stops that end one.
func sentencesOf(text string) []string {
	return strings.Split(strings.TrimSuffix(text, "."), ". ")
}

func drawReport(r *rapid.T) *Report {
	s := Settings{
		Pattern: string(rapid.SampledFrom(Patterns).Draw(r, "pattern")),
		Cold:    rapid.Bool().Draw(r, "cold"), Durable: rapid.Bool().Draw(r, "durable"),
		BlockBytes: 8, Goroutines: 1,
	}
	if Pattern(s.Pattern).random() {
		s.Operations = 10_000
	}
	report := reportOf(s)
	report.Comparisons = nil
	for i := range rapid.IntRange(1, 5).Draw(r, "sizes") {
		size := Size{SizeBytes: SweepSizes[i]}
		for _, c := range contenders(Pattern(s.Pattern)) {
			size.Results = append(size.Results, drawResult(r, c))
		}
		report.Comparisons = append(report.Comparisons, size)
	}
	report.Results = report.Comparisons[0].Results
	return report
}

// drawResult makes up a result that is often close to the others', and sometimes
// none at all.
func drawResult(r *rapid.T, c contender) Result {
	median := rapid.SampledFrom([]float64{1000, 1000.5, 1003, 1010, 2000, 5000, 100_000}).Draw(r, c.name)
	result := made(c.name, c.family, median)
	noise := rapid.SampledFrom([]float64{0, 0.001, 0.1, 2}).Draw(r, "noise")
	for i := range result.SamplesNs {
		result.SamplesNs[i] = median * (1 + noise*(float64((i*7)%20)-9.5)/20)
	}
	result.MedianNs, result.LowNs, result.HighNs = interval(result.SamplesNs)
	counts := rapid.SampledFrom([]float64{0, 1, 2, 10, 2048})
	result = result.counting(counts.Draw(r, "minor"), counts.Draw(r, "major"), counts.Draw(r, "sleeps"), counts.Draw(r, "calls"), counts.Draw(r, "copied"))
	result = result.reading(counts.Draw(r, "read"), counts.Draw(r, "amplification"))
	result.DeviceWriteBytes = new(float64)
	switch rapid.IntRange(0, 9).Draw(r, "fails") {
	case 0:
		result.Outcome, result.Verified = "it failed", false
	case 1:
		result.FaultsMinor, result.SystemCalls, result.Sleeps, result.DeviceReadBytes, result.DeviceWriteBytes = nil, nil, nil, nil, nil
	}
	return result
}

// reader reads sentences back.
type reader struct {
	t      *rapid.T
	report *Report
}

// result is the contender's at the first size, the one that details are about.
func (r *reader) result(name string) *Result { return r.resultAt(0, name) }

func (r *reader) resultAt(size int, name string) *Result {
	for i := range r.report.Comparisons[size].Results {
		result := &r.report.Comparisons[size].Results[i]
		if result.Contender == name && result.Outcome == "ok" && result.Verified {
			return result
		}
	}
	return nil
}

// bestAt is the quickest of a family.
func (r *reader) bestAt(size int, family string) *Result {
	var best *Result
	for _, result := range r.report.Comparisons[size].Results {
		if found := r.resultAt(size, result.Contender); found != nil && found.Family == family && (best == nil || found.MedianNs < best.MedianNs) {
			best = found
		}
	}
	return best
}

func (r *reader) holds(ok bool, sentence, why string) {
	if !ok {
		r.t.Fatalf("%q: %s", sentence, why)
	}
}

// beats is the test's own reading of a table.
func beats(a, b *Result) bool {
	significant, _ := differ(a.SamplesNs, b.SamplesNs)
	return significant && a.MedianNs < b.MedianNs
}

// claim is one form of sentence.
type claim struct {
	form  *regexp.Regexp
	holds func(r *reader, sentence string, m []string)
}

func form(pattern string, holds func(*reader, string, []string)) claim {
	return claim{regexp.MustCompile("^" + pattern + "$"), holds}
}

func any3(*reader, string, []string) {}

const (
	aName    = `((?:read/write|map|pager)(?: kept| random| each time| populate| will-need| huge page| sequential| 64 KiB)*)`
	anAmount = `([\d.,]+ \S+)`
	aRatio   = `([\d.]+×)`
	sizeList = `((?:at|up to|from)[^;]*?)`
)

var claims []claim

func init() {
	claims = []claim{
		form(`(Mapping|Read/write) wins: `+aName+` takes `+anAmount+`, `+aRatio+` as fast as the best (?:mapping|read/write) \(`+aName+`, `+anAmount+`\)(?:; (.*))?`, (*reader).winsAtOne),
		form(`Neither wins: `+aName+` takes `+anAmount+` and `+aName+` takes `+anAmount+`, a difference that may be chance(?:; (.*))?`, (*reader).neitherAtOne),
		form(`There is no answer: .* measured`, (*reader).noAnswer),
		form(`Mapping wins `+sizeList+`: the best of it is (\S+)(?: to (\S+))? as fast as the best read/write(?:, and the difference may be chance `+sizeList+`)?(?:; (.*))?`, (*reader).mappingWinsSweep),
		form(`Read/write wins `+sizeList+`: the best of it is (\S+)(?: to (\S+))? as fast as the best mapping(?:, and the difference may be chance `+sizeList+`)?(?:; (.*))?`, (*reader).readWriteWinsSweep),
		form(`It depends on the size: mapping wins `+sizeList+`, read/write wins `+sizeList+`(?:, and the difference may be chance `+sizeList+`)?(?:; (.*))?`, (*reader).depends),
		form(`Neither wins: the difference may be chance `+sizeList+`(?:; (.*))?`, (*reader).neitherInSweep),
		form(`(A kept mapping|The difference between a kept mapping|A kept mapping or) .*`, (*reader).keptBySize),
		form(`(Mapping for each use|The difference between mapping for each use) .*`, (*reader).oneShotBySize),
		form(`Map once and keep it: mapped for each use it is `+aRatio+` as fast as `+aName+`, and loses`, (*reader).keepItLoses),
		form(`Map once and keep it: that is `+aRatio+` as fast as mapping for each use`, (*reader).keepIt),
		form(`Map once and keep the mapping `+sizeList, func(r *reader, s string, m []string) { r.sizes(s, m[1], faster, r.kept) }),
		form(`(?:Where it cannot be kept, map|Map) for each use `+sizeList, func(r *reader, s string, m []string) { r.sizes(s, m[1], faster, r.oneShot) }),
		form(`Stay with read/write `+sizeList, func(r *reader, s string, m []string) { r.sizes(s, m[1], slower, r.best) }),
		form(`Stay with read/write for this(; --sweep .*)?`, func(r *reader, s string, _ []string) {
			r.holds(beats(r.bestAt(0, FamilyReadWrite), r.bestAt(0, FamilyMapping)), s, "read/write does not win")
		}),
		form(`(?:If it must be mapped: )?[Oo]pen the mapping with filemap.Random: `+aRatio+` as fast as without`, (*reader).random),
		form(`For mappings without the advice, the device's read_ahead_kb of \d+ could be lowered to 128, if no program reads files on it in order`, any3),
		form(`Use the mapping as "`+aName+`" does: `+aRatio+` as fast as without`, (*reader).other),
		form(`Take what is simpler; .*`, (*reader).simpler),
		form(`These counts are those at 40 kB`, func(r *reader, s string, _ []string) { r.holds(len(r.report.Comparisons) > 1, s, "only one size") }),
		form(`Each run of `+aName+` makes (\S+) system calls?, which (?:copy|copies) `+anAmount+`(?: for .*)?`, (*reader).copies),
		form(`A kept mapping makes no system call, copies nothing and has no faults left: .*`, any3),
		form(`Mapped for each run it costs `+anAmount+` more: (\S+) system calls? to set up and tear down, and (\S+) faults? for .*`, (*reader).costsMore),
		form(`Per run the device writes .*`, any3),
		form(aName+` (?:has the device read .*|takes .*|sleeps .*)`, (*reader).didCold),
		form(`Without advice a fault reads ahead: `+anAmount+` instead of `+anAmount+` a run`, func(r *reader, s string, _ []string) {
			r.holds(*r.result(NameKept).DeviceReadBytes >= 2**r.result(NameKeptRandom).DeviceReadBytes, s, "it does not read more")
		}),
	}
}

// check finds the form of a sentence: one that has none cannot be said.
func (r *reader) check(sentence string) {
	for _, c := range claims {
		if m := c.form.FindStringSubmatch(sentence); m != nil {
			c.holds(r, sentence, m)
			return
		}
	}
	r.t.Fatalf("no form is known of %q", sentence)
}

func (r *reader) winner() {
	mapping, readWrite := false, false
	for i := range r.report.Comparisons {
		switch r.best(i) {
		case faster:
			mapping = true
		case slower:
			readWrite = true
		case unclear, unmeasured:
		}
	}
	want := WinnerNeither
	if mapping != readWrite {
		want = map[bool]string{true: WinnerMapping, false: WinnerReadWrite}[mapping]
	}
	if r.report.Verdict.Winner != want {
		r.t.Fatalf("the winner is %s, expected %s", r.report.Verdict.Winner, want)
	}
}

// The three comparisons of a sweep, read from the table.
func (r *reader) best(i int) relation {
	return r.related(r.bestAt(i, FamilyMapping), r.bestAt(i, FamilyReadWrite))
}

func (r *reader) kept(i int) relation {
	return r.related(r.resultAt(i, NameKept), r.bestAt(i, FamilyReadWrite))
}

func (r *reader) oneShot(i int) relation {
	return r.related(r.resultAt(i, NameOneShot), r.resultAt(i, NameReadWrite))
}

func (r *reader) related(a, b *Result) relation {
	switch {
	case a == nil || b == nil:
		return unmeasured
	case beats(a, b):
		return faster
	case beats(b, a):
		return slower
	}
	return unclear
}

// sizes checks that a list of sizes names those, and only those, of a relation.
func (r *reader) sizes(sentence, list string, want relation, at func(int) relation) {
	named := r.named(sentence, list)
	for i := range r.report.Comparisons {
		if (at(i) == want) != slices.Contains(named, i) {
			r.t.Fatalf("%q names the sizes %v; at number %d it is %d and not %d", sentence, named, i, at(i), want)
		}
	}
}

var sizePart = regexp.MustCompile(`\b(?:at every size|from ([\d.]+ \w+) on|from ([\d.]+ \w+) to ([\d.]+ \w+)|up to ([\d.]+ \w+)|at ([\d.]+ \w+))\b`)

func (r *reader) named(sentence, list string) []int {
	index := func(text string) int {
		for i, s := range r.report.Comparisons {
			if humanBytes(float64(s.SizeBytes)) == text {
				return i
			}
		}
		r.t.Fatalf("%q: there is no size %q", sentence, text)
		return 0
	}
	var named []int
	last := len(r.report.Comparisons) - 1
	for _, m := range sizePart.FindAllStringSubmatch(list, -1) {
		from, to := 0, last
		switch {
		case m[1] != "":
			from = index(m[1])
		case m[2] != "":
			from, to = index(m[2]), index(m[3])
		case m[4] != "":
			to = index(m[4])
		case m[5] != "":
			from = index(m[5])
			to = from
		}
		for i := from; i <= to; i++ {
			named = append(named, i)
		}
	}
	return named
}

func (r *reader) takes(sentence, name, time string) *Result {
	result := r.result(name)
	r.holds(result != nil && humanTime(result.MedianNs) == time, sentence, name+" does not take this")
	return result
}

func (r *reader) ratio(sentence, said string, slow, quick *Result) {
	r.holds(humanRatio(slow.MedianNs/quick.MedianNs) == said, sentence, "the table's ratio is "+humanRatio(slow.MedianNs/quick.MedianNs))
}

func (r *reader) winsAtOne(s string, m []string) {
	won, lost := r.takes(s, m[2], m[3]), r.takes(s, m[5], m[6])
	r.ratio(s, m[4], lost, won)
	family, other := FamilyMapping, FamilyReadWrite
	if m[1] != "Mapping" {
		family, other = other, family
	}
	r.holds(beats(won, lost) && won == r.bestAt(0, family) && lost == r.bestAt(0, other), s, "it does not")
	r.article(s, m[7])
}

func (r *reader) neitherAtOne(s string, m []string) {
	a, b := r.takes(s, m[1], m[2]), r.takes(s, m[3], m[4])
	r.holds(!beats(a, b) && !beats(b, a), s, "one does")
	r.article(s, m[5])
}

func (r *reader) noAnswer(s string, _ []string) {
	for i := range r.report.Comparisons {
		r.holds(r.best(i) == unmeasured, s, "both were measured")
	}
}

var articleForm = regexp.MustCompile(`^the article's 2.26× is here(?: at 40 kB)? (.*)$`)

// article checks what is said of the article's ratio beside the ones here.
func (r *reader) article(s, text string) {
	if text == "" {
		return
	}
	m := articleForm.FindStringSubmatch(text)
	r.holds(m != nil, s, "is no sentence about the article")
	for part := range strings.SplitSeq(m[1], ", ") {
		ratio, how, _ := strings.Cut(part, " ")
		name := NameOneShot
		if strings.Contains(how, "kept") {
			name = NameKept
		}
		base, mapping := r.result(NameReadWrite), r.result(name)
		r.ratio(s, ratio, base, mapping)
		certain := beats(base, mapping) || beats(mapping, base)
		r.holds(certain != strings.Contains(how, "chance"), s, "says the wrong of chance in "+part)
	}
}

func (r *reader) mappingWinsSweep(s string, m []string) {
	r.winsSweep(s, m, faster, FamilyMapping, FamilyReadWrite)
}

func (r *reader) readWriteWinsSweep(s string, m []string) {
	r.winsSweep(s, m, slower, FamilyReadWrite, FamilyMapping)
}

func (r *reader) winsSweep(s string, m []string, won relation, quick, slow string) {
	r.sizes(s, m[1], won, r.best)
	r.sizes(s, m[4], unclear, r.best)
	r.article(s, m[5])
	var said []string
	for i := range r.report.Comparisons {
		if r.best(i) == won {
			said = append(said, humanRatio(r.bestAt(i, slow).MedianNs/r.bestAt(i, quick).MedianNs))
		}
	}
	r.holds(slices.Contains(said, m[2]) && (m[3] == "" || slices.Contains(said, m[3])), s, fmt.Sprintf("the ratios are %v", said))
}

func (r *reader) depends(s string, m []string) {
	r.sizes(s, m[1], faster, r.best)
	r.sizes(s, m[2], slower, r.best)
	r.sizes(s, m[3], unclear, r.best)
	r.article(s, m[4])
}

func (r *reader) neitherInSweep(s string, m []string) {
	r.sizes(s, m[1], unclear, r.best)
	r.article(s, m[2])
}

func (r *reader) keptBySize(s string, _ []string) {
	if len(r.report.Comparisons) == 1 || strings.Contains(s, "copies nothing") {
		r.holds(r.result(NameKept) != nil, s, "it was not measured")
		return
	}
	r.bySize(s, r.kept)
}

func (r *reader) oneShotBySize(s string, _ []string) { r.bySize(s, r.oneShot) }

// bySize checks "… is faster than … LIST; it is slower LIST; the difference may be
// chance LIST; … was not measured LIST": each list must be complete.
func (r *reader) bySize(s string, at func(int) relation) {
	lists := map[relation]string{}
	for part := range strings.SplitSeq(s, "; ") {
		list := part[strings.LastIndex(part, firstSize(part)):]
		switch {
		case strings.Contains(part, "is faster"):
			lists[faster] = list
		case strings.Contains(part, "is slower"):
			lists[slower] = list
		case strings.Contains(part, "may be chance"):
			lists[unclear] = list
		case strings.Contains(part, "was not measured"):
			lists[unmeasured] = list
		default:
			r.t.Fatalf("%q: what is %q?", s, part)
		}
	}
	for _, want := range []relation{faster, slower, unclear, unmeasured} {
		r.sizes(s, lists[want], want, at)
	}
}

// firstSize is where the list of sizes begins in a part.
func firstSize(part string) string {
	return part[sizePart.FindStringIndex(part)[0]:]
}

func (r *reader) keepItLoses(s string, m []string) {
	kept, oneShot, best := r.result(NameKept), r.result(NameOneShot), r.bestAt(0, FamilyReadWrite)
	r.holds(best.Contender == m[2], s, "is not the best read/write")
	r.ratio(s, m[1], best, oneShot)
	r.holds(beats(best, oneShot) && beats(kept, best) && beats(kept, oneShot), s, "it does not")
}

func (r *reader) keepIt(s string, m []string) {
	kept, oneShot, best := r.result(NameKept), r.result(NameOneShot), r.bestAt(0, FamilyReadWrite)
	r.ratio(s, m[1], oneShot, kept)
	r.holds(beats(kept, oneShot) && beats(kept, best), s, "keeping does not win")
}

func (r *reader) random(s string, m []string) {
	kept, advised := r.result(NameKept), r.result(NameKeptRandom)
	r.ratio(s, m[1], kept, advised)
	r.holds(beats(advised, kept), s, "it is not faster")
	r.holds(!beats(r.bestAt(0, FamilyReadWrite), r.bestAt(0, FamilyMapping)) || strings.HasPrefix(s, "If it must"), s, "read/write wins")
}

func (r *reader) other(s string, m []string) {
	oneShot, other, kept := r.result(NameOneShot), r.result(m[1]), r.result(NameKept)
	r.ratio(s, m[2], oneShot, other)
	r.holds(beats(other, oneShot) && beats(other, r.bestAt(0, FamilyReadWrite)) && (kept == nil || beats(other, kept)), s, "it does not win")
}

func (r *reader) simpler(s string, _ []string) {
	for i := range r.report.Comparisons {
		best := r.best(i)
		r.holds(best == unclear || len(r.report.Comparisons) > 1 && best == faster && r.kept(i) != faster && r.oneShot(i) != faster || best == unmeasured, s, "one wins")
	}
}

func (r *reader) copies(s string, m []string) {
	best := r.bestAt(0, FamilyReadWrite)
	r.holds(best.Contender == m[1] && humanCount(*best.SystemCalls) == m[2] && humanBytes(*best.CopiedBytes) == m[3], s, "the table says something else")
}

func (r *reader) costsMore(s string, m []string) {
	kept, oneShot := r.result(NameKept), r.result(NameOneShot)
	r.holds(beats(kept, oneShot) && humanTime(oneShot.MedianNs-kept.MedianNs) == m[1] && humanCount(*oneShot.SystemCalls) == m[2] &&
		humanCount(*oneShot.FaultsMinor+*oneShot.FaultsMajor) == m[3], s, "the table says something else")
}

func (r *reader) didCold(s string, m []string) {
	r.holds(r.report.Settings.Cold && (r.result(m[1]) == r.bestAt(0, FamilyReadWrite) || r.result(m[1]) == r.bestAt(0, FamilyMapping)), s, "is neither of the best")
}

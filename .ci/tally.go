// Command tally reads `go test -json` from standard input and prints what a
// person wants of it: one line a package, everything a failed test said, and
// every skipped test with its reason. It fails when a test failed, when none
// ran, and when one was skipped for a reason that the allow list does not know.
//
//	go test -json ./... | go run .ci/tally.go -on linux/amd64 -allow .ci/skips-allowed -totals FILE
//
// Each run appends "passed failed skipped" to the totals file, and the line
// number of each allow-list entry that it used.
package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
)

func main() {
	on := flag.String("on", "", "the system that the tests ran on, as the allow list names it")
	allow := flag.String("allow", "", "file of the skips allowed; without it none is")
	totals := flag.String("totals", "", "file to append the totals to")
	flag.Parse()
	ok, err := run(os.Stdin, os.Stdout, *on, *allow, *totals)
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer, on, allowPath, totalsPath string) (bool, error) {
	allowed, err := readAllowed(allowPath)
	if err != nil {
		return false, err
	}
	t := tally{out: out, said: map[test][]string{}, broken: map[string]bool{}, running: map[string]bool{}}
	if err := t.read(in); err != nil {
		return false, err
	}
	refused, used := t.judgeSkips(on, allowed)
	fmt.Fprintf(out, "%s: %d passed, %d failed, %d skipped\n", on, t.passed, t.failed, len(t.skips))
	if totalsPath != "" {
		line := fmt.Sprintf("%d %d %d %s\n", t.passed, t.failed, len(t.skips), strings.Join(used, " "))
		if err := appendTo(totalsPath, line); err != nil {
			return false, err
		}
	}
	switch {
	case t.passed+t.failed == 0:
		return false, fmt.Errorf("%s: no test ran", on)
	case refused > 0:
		return false, fmt.Errorf("%s: %d skipped for a reason that %s does not list: let CI install what is missing, or list it",
			on, refused, cmp.Or(allowPath, "the allow list"))
	}
	return t.failed == 0, nil
}

func appendTo(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(line); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// event is one line of `go test -json`.
type event struct {
	Action, Package, Test, Output, ImportPath string
}

type test struct{ pkg, name string }

type skip struct {
	test   test
	reason string
}

type tally struct {
	out            io.Writer
	said           map[test][]string // by package and test; the package's own words under ""
	broken         map[string]bool   // packages with a failed test
	running        map[string]bool   // packages that started and did not end
	passed, failed int
	skips          []skip
}

func (t *tally) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if line := lines.Bytes(); !bytes.HasPrefix(line, []byte("{")) || json.Unmarshal(line, &e) != nil {
			fmt.Fprintf(t.out, "%s\n", line)
			continue
		}
		t.add(e)
	}
	// test2json says nothing of the end of a program that it did not start.
	for _, pkg := range slices.Sorted(maps.Keys(t.running)) {
		t.fail(test{pkg, ""})
	}
	return lines.Err()
}

func (t *tally) add(e event) {
	which := test{e.Package, e.Test}
	switch {
	case e.Action == "start":
		t.running[e.Package] = true
	case e.Test == "" && slices.Contains([]string{"pass", "fail", "skip"}, e.Action):
		delete(t.running, e.Package)
	}
	switch e.Action {
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "output":
		t.said[which] = append(t.said[which], e.Output)
		if e.Test == "" && strings.HasPrefix(e.Output, "ok  ") {
			fmt.Fprint(t.out, e.Output)
		}
	case "pass":
		if e.Test != "" {
			t.passed++
		}
	case "skip":
		if e.Test != "" {
			t.skips = append(t.skips, skip{which, reason(t.said[which])})
		}
	case "fail":
		t.fail(which)
	}
	if e.Test != "" && (e.Action == "pass" || e.Action == "skip") {
		delete(t.said, which)
	}
}

// fail shows what the test said; a package that failed without a failed test
// (it did not build, it crashed) counts as one.
func (t *tally) fail(which test) {
	if which.name != "" {
		t.failed++
		t.broken[which.pkg] = true
	} else if !t.broken[which.pkg] {
		t.failed++
		t.showUnfinished(which.pkg)
	}
	fmt.Fprintf(t.out, "FAIL %s %s\n%s", which.pkg, which.name, shortened(t.said[which]))
	delete(t.said, which)
}

// showUnfinished prints the words of the tests that a crash cut short.
func (t *tally) showUnfinished(pkg string) {
	var names []string
	for which := range t.said {
		if which.pkg == pkg && which.name != "" {
			names = append(names, which.name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprint(t.out, shortened(t.said[test{pkg, name}]))
	}
}

// shortened leaves the middle out of a long text, and the end off its long lines.
func shortened(said []string) string {
	const head, tail, width = 60, 60, 500
	said = slices.Clone(said)
	for i, line := range said {
		if len(line) > width {
			said[i] = line[:width] + "...\n"
		}
	}
	if n := len(said) - head - tail; n > 0 {
		said = slices.Replace(said, head, head+n, fmt.Sprintf("... %d lines left out ...\n", n))
	}
	return strings.Join(said, "")
}

// judgeSkips prints the skips that no allow-list entry matches, and counts
// them; those allowed are summed up by entry. used has the entries' line numbers.
func (t *tally) judgeSkips(on string, allowed []entry) (refused int, used []string) {
	fitting := make([]int, len(allowed))
	for _, s := range t.skips {
		line := fmt.Sprintf("%s %s.%s: %s", on, s.test.pkg, s.test.name, s.reason)
		i := slices.IndexFunc(allowed, func(e entry) bool { return e.match.MatchString(line) })
		if i >= 0 {
			fitting[i]++
			continue
		}
		refused++
		fmt.Fprintln(t.out, "skipped, not allowed:", line)
	}
	for i, count := range fitting {
		if count > 0 {
			used = append(used, fmt.Sprint(allowed[i].line))
			fmt.Fprintf(t.out, "skipped, allowed: %d: %s\n", count, allowed[i].match)
		}
	}
	return refused, used
}

var (
	saidAt        = regexp.MustCompile(`^\s+\S+\.go:\d+: (.*)`)
	skippedScript = regexp.MustCompile(`^> .*\bskip (.+)$`) // testscript shows the whole script's run
)

// reason is the message of the skip: the last thing said, with its further lines.
func reason(said []string) string {
	var last []string
	for _, line := range said {
		line = strings.TrimRight(line, "\r\n")
		if m := saidAt.FindStringSubmatch(line); m != nil {
			last = []string{m[1]}
		} else if len(last) > 0 && strings.HasPrefix(line, "        ") {
			last = append(last, strings.TrimSpace(line))
		}
	}
	for _, line := range slices.Backward(last) {
		if m := skippedScript.FindStringSubmatch(line); m != nil {
			return strings.Trim(m[1], "'")
		}
	}
	return cmp.Or(strings.Join(last, " "), "(no reason given)")
}

// entry is a line of the allow list: a regular expression that a skip's line,
// "system package.Test: reason", may match.
type entry struct {
	line  int
	match *regexp.Regexp
}

// readAllowed wants a comment before each entry, or group of entries, that says why.
func readAllowed(path string) ([]entry, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	entries := []entry{}
	explained := false
	for i, line := range strings.Split(string(text), "\n") {
		switch line = strings.TrimSpace(line); {
		case line == "":
			explained = false
		case strings.HasPrefix(line, "#"):
			explained = true
		case !explained:
			return nil, fmt.Errorf("%s:%d: a comment above must say why it cannot be had", path, i+1)
		default:
			match, err := regexp.Compile(line)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
			}
			entries = append(entries, entry{i + 1, match})
		}
	}
	return entries, nil
}

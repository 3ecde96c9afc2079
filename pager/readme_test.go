package pager

import (
	"os"
	"strings"
	"testing"
)

// The README's trace is what the example prints, and tests check that.
func TestReadmeTellsTheTruth(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, life, _ := strings.Cut(string(readme), "## The life of a page")
	_, trace, _ := strings.Cut(life, "```\n")
	trace, _, _ = strings.Cut(trace, "```")
	var told strings.Builder
	for line := range strings.Lines(trace) {
		line, _, _ = strings.Cut(line, "←")
		told.WriteString(strings.TrimRight(line, " \n") + "\n")
	}

	example, err := os.ReadFile("example_life_test.go")
	if err != nil {
		t.Fatal(err)
	}
	_, life, _ = strings.Cut(string(example), "func Example_lifeOfAPage")
	_, output, _ := strings.Cut(life, "// Output:\n")
	var printed strings.Builder
	for line := range strings.Lines(output) {
		if line, ok := strings.CutPrefix(line, "\t// "); ok {
			printed.WriteString(line)
		}
	}
	if told.String() != printed.String() {
		t.Errorf("the README tells\n%s\nand the example\n%s", told.String(), printed.String())
	}
}

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/terminal"
)

// verbsShown are command lines whose output is long, wide, or both.
func verbsShown(t *testing.T) [][]string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "a file with a long name, 数据.bin")
	if err := os.WriteFile(file, make([]byte, 3<<20), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "b"), make([]byte, 50_000), 0o644); err != nil {
		t.Fatal(err)
	}
	lines := [][]string{
		{"compare", "--runs", "1", "--time", "1ms", "--dir", dir, "--size", "400kB"},
		{"pages", file},
		{"pages", dir},
		{"doctor", dir},
		{"evict", file},
		{"warm", dir},
		{"simulate", "--pages", "20000", "--accesses", "40000"},
		{"trace", "--tier", "counters", file},
		{"nope"},
		{"compare", "--patern", "a value that is rather long, and of many words"},
	}
	for _, verb := range append([]string{""}, verbs...) {
		lines = append(lines, strings.Fields("help "+verb))
	}
	return append(lines, []string{"help", "compare"})
}

// Each verb fits the terminal, whatever its width; TERM=dumb, NO_COLOR and a pipe get
// no escape sequences, and a pipe plain numbers.
func TestEveryVerbFits(t *testing.T) {
	program := commandCopy(t)
	for _, c := range []struct {
		name    string
		columns uint16 // 0: a pipe
		env     string
		escapes bool
	}{
		{"40 columns", 40, "TERM=xterm", true},
		{"84 columns", 84, "TERM=xterm", true},
		{"TERM=dumb", 60, "TERM=dumb", false},
		{"NO_COLOR", 60, "NO_COLOR=1", false},
		{"pipe", 0, "TERM=xterm", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			escaped := false
			for _, line := range verbsShown(t) {
				text := shownOn(t, program, c.columns, c.env, line)
				// After a carriage return a line is written over.
				for out := range strings.FieldsFuncSeq(text, func(r rune) bool { return r == '\r' || r == '\n' }) {
					if width := terminal.Width(out); c.columns > 0 && width > int(c.columns) {
						t.Errorf("%q has a line of %d columns: %q", line, width, out)
					}
				}
				escaped = escaped || strings.Contains(text, "\x1b")
				if !c.escapes && strings.Contains(text, "\x1b") {
					t.Errorf("%q has escape sequences: %q", line, text)
				}
				if c.columns == 0 && strings.Contains(text, terminal.GroupSeparator) {
					t.Errorf("%q has numbers that a program cannot read: %s", line, text)
				}
			}
			if escaped != c.escapes {
				t.Errorf("escape sequences: %v, expected %v", escaped, c.escapes)
			}
		})
	}
}

// shownOn runs the command on a terminal of so many columns, or a pipe, and returns
// what it wrote. Its exit status is others' matter.
func shownOn(t *testing.T, program string, columns uint16, env string, line []string) string {
	t.Helper()
	c := exec.Command(program, line...)
	c.Env = append(os.Environ(), "NO_COLOR=", env)
	if columns == 0 {
		out, _ := c.CombinedOutput()
		return string(out)
	}
	term := newTerminal(t)
	term.size(t, columns, 50)
	c.Stdout, c.Stderr = term.user, term.user
	_ = c.Run()
	if _, err := term.user.WriteString("\nthe end\n"); err != nil {
		t.Fatal(err)
	}
	term.await(t, 0, "the end\r\n")
	return strings.TrimSuffix(term.written(), "\r\nthe end\r\n")
}

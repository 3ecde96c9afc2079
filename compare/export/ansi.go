package export

import (
	"strings"

	"github.com/rivo/uniseg"
)

// style is how a piece of text looks. The colours are those of the user's own
// terminal theme, so they are named by role here and numbered only below.
type style int

const (
	normal style = iota
	strong
	faint
	mapping
	readWrite
	alarm
)

// sgr are the parameters of the escape sequence that selects a style.
var sgr = map[style]string{
	strong:    "1",
	faint:     "2",
	mapping:   "36",
	readWrite: "33",
	alarm:     "31",
}

const (
	escape = "\x1b["
	reset  = escape + "0m"
)

// painter colours text, or leaves it as it is.
type painter bool

func (p painter) paint(s style, text string) string {
	if !p || s == normal || text == "" {
		return text
	}
	return escape + sgr[s] + "m" + text + reset
}

// span is a piece of one line in one style.
type span struct {
	text  string
	style style
}

// spans reads back one line that a painter coloured.
func spans(line string) []span {
	var found []span
	current := normal
	for line != "" {
		text, rest, more := strings.Cut(line, escape)
		if text != "" {
			found = append(found, span{text, current})
		}
		if !more {
			break
		}
		parameter, after, _ := strings.Cut(rest, "m")
		current, line = styleOf(parameter), after
	}
	return found
}

func styleOf(parameter string) style {
	for s, code := range sgr {
		if code == parameter {
			return s
		}
	}
	return normal
}

// width is the number of terminal columns that text takes.
func width(text string) int { return uniseg.StringWidth(text) }

// shortened cuts text to a number of columns, between characters as people see
// them, and marks the cut.
func shortened(text string, columns int) string {
	if width(text) <= columns {
		return text
	}
	if columns < 1 {
		return ""
	}
	var b strings.Builder
	used := 0
	for graphemes := uniseg.NewGraphemes(text); graphemes.Next(); {
		if used+graphemes.Width() > columns-1 {
			break
		}
		used += graphemes.Width()
		b.WriteString(graphemes.Str())
	}
	return b.String() + "…"
}

// wrapped breaks text at spaces into lines of at most the given columns.
func wrapped(text string, columns int) []string {
	return joined(strings.Fields(text), " ", columns)
}

// joined puts as many parts on a line as its columns allow.
func joined(parts []string, separator string, columns int) []string {
	var lines []string
	line := ""
	for _, part := range parts {
		switch {
		case line == "":
			line = part
		case width(line)+width(separator)+width(part) <= columns:
			line += separator + part
		default:
			lines = append(lines, line)
			line = part
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// bar is a horizontal bar of a part of the given columns, in eighths of a
// column. What is more than nothing shows as something.
func bar(part float64, columns int) string {
	eighths := int(part*float64(columns)*8 + 0.5)
	eighths = min(max(eighths, 1), columns*8)
	text := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		text += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	return text
}

package export

import (
	"strings"

	"github.com/filemap-go/filemap/internal/terminal"
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

const escape = "\x1b["

// painter colours text, or leaves it as it is.
type painter bool

func (p painter) paint(s style, text string) string {
	return terminal.Paint(bool(p), sgr[s], text)
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
func width(text string) int { return terminal.Width(text) }

// shortened cuts text to a number of columns, and marks the cut.
func shortened(text string, columns int) string { return terminal.Cut(text, columns) }

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

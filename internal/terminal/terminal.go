// Package terminal knows what the place that text is written to can show, and makes
// text fit it: one helper for every verb's output.
//
//	a terminal    as wide as it is; colours unless NO_COLOR or TERM=dumb forbid them
//	anything else whole lines, no escape sequences, numbers without separators
package terminal

import (
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// Look is what a writer can show.
type Look struct {
	Columns int  // 0: it is no terminal
	Color   bool // escape sequences that colour
	Dumb    bool // it is no terminal, or one that knows no escape sequences
}

// Of tells what w can show. NO_COLOR with any value but "" turns the colours off
// (no-color.org).
func Of(w io.Writer) Look {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return Look{Dumb: true}
	}
	l := Look{Columns: 80, Dumb: os.Getenv("TERM") == "dumb"}
	l.Color = !l.Dumb && os.Getenv("NO_COLOR") == ""
	if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
		l.Columns = columns
	}
	return l
}

// Write writes text as the place can show it: see [Fit] and [Plain].
func (l Look) Write(w io.Writer, text string) error {
	if l.Dumb {
		text = Plain(text)
	}
	if l.Columns > 0 {
		text = Fit(text, l.Columns)
	}
	_, err := io.WriteString(w, text)
	return err
}

// Paint gives text a colour, or style, by the parameters of its escape sequence.
func Paint(on bool, parameters, text string) string {
	if !on || parameters == "" || text == "" {
		return text
	}
	return "\x1b[" + parameters + "m" + text + "\x1b[0m"
}

// GroupSeparator separates groups of three digits: a narrow space that does not
// break. It is for people: [Plain] takes it out.
const GroupSeparator = "\u202f"

// Group writes 1234567 as 1 234 567, and leaves numbers of four digits alone.
func Group(n int64) string {
	digits := strconv.FormatInt(n, 10)
	sign := ""
	if digits[0] == '-' {
		sign, digits = "-", digits[1:]
	}
	if len(digits) <= 4 {
		return sign + digits
	}
	for at := len(digits) - 3; at > 0; at -= 3 {
		digits = digits[:at] + GroupSeparator + digits[at:]
	}
	return sign + digits
}

var grouped = regexp.MustCompile(`\d{1,3}(?:` + GroupSeparator + `\d{3})+`)

// Plain writes numbers without separators, for programs that read them.
func Plain(text string) string {
	return grouped.ReplaceAllStringFunc(text, func(number string) string {
		return strings.ReplaceAll(number, GroupSeparator, "")
	})
}

// Width is how many columns text takes. Escape sequences take none.
func Width(text string) int {
	columns := 0
	each(text, func(_ string, width int, _ bool) { columns += width })
	return columns
}

// each yields the characters as people see them, and escape sequences.
func each(text string, yield func(part string, width int, escape bool)) {
	state := -1
	for text != "" {
		if end := strings.IndexByte(text, 'm'); text[0] == '\x1b' && end > 0 {
			yield(text[:end+1], 0, true)
			text, state = text[end+1:], -1
			continue
		}
		part, rest, width, next := uniseg.FirstGraphemeClusterInString(text, state)
		yield(part, width, false)
		text, state = rest, next
	}
}

// Cut cuts a line to so many columns, and marks the cut: half a number must not be
// taken for a whole one. Escape sequences stay.
func Cut(line string, columns int) string {
	if Width(line) <= columns {
		return line
	}
	var b strings.Builder
	left, open := columns-1, true // one for the mark
	each(line, func(part string, width int, escape bool) {
		switch {
		case escape:
			b.WriteString(part)
		case open && width <= left:
			b.WriteString(part)
			left -= width
		case open && columns > 0:
			b.WriteString("…")
			open = false
		}
	})
	return b.String()
}

// Wrap breaks text at spaces into lines of at most so many columns. A word that is
// longer than a line is broken.
func Wrap(text string, columns int) []string { return wrap(text, columns, columns) }

// wrap is Wrap with a first line of another width.
func wrap(text string, first, columns int) []string {
	columns = max(columns, 1)
	room := max(first, 1)
	var lines []string
	line, used := "", 0
	end := func(done string) {
		lines = append(lines, done)
		room, used = columns, 0
	}
	for _, word := range strings.Fields(text) {
		width := Width(word)
		if used > 0 && used+1+width <= room {
			line, used = line+" "+word, used+1+width
			continue
		}
		if used > 0 {
			end(line)
		}
		for width > room {
			var head string
			head, word = split(word, room)
			end(head)
			width = Width(word)
		}
		line, used = word, width
	}
	if used > 0 {
		end(line)
	}
	return lines
}

// split divides a word after so many columns, and at least one character.
func split(word string, columns int) (head, tail string) {
	at, used, full := 0, 0, false
	each(word, func(part string, width int, _ bool) {
		if full || used > 0 && used+width > columns {
			full = true
			return
		}
		at, used = at+len(part), used+width
	})
	return word[:at], word[at:]
}

// Fit makes the lines of text fit so many columns. Prose is broken at words and goes
// on a little further in; a line with columns of its own, which are two spaces or
// more apart, is cut.
func Fit(text string, columns int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body, end := strings.CutSuffix(line, "\n")
		for i, part := range fitLine(body, columns) {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(part)
		}
		if end {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func fitLine(line string, columns int) []string {
	if Width(line) <= columns {
		return []string{line}
	}
	body := strings.TrimLeft(line, " ")
	if strings.Contains(strings.TrimRight(body, " "), "  ") || !strings.Contains(strings.TrimSpace(body), " ") {
		return []string{Cut(line, columns)}
	}
	return Hang(line[:len(line)-len(body)], "  ", body, columns)
}

// Hang wraps body behind a first indentation; later lines begin with it and more.
// Where it would take more than half of the columns it is cut to that.
func Hang(first, more, body string, columns int) []string {
	first = first[:min(len(first), columns/2)]
	later := (first + more)[:min(len(first)+len(more), columns/2)]
	lines := wrap(body, columns-len(first), columns-len(later))
	for i := range lines {
		if i == 0 {
			lines[i] = first + lines[i]
		} else {
			lines[i] = later + lines[i]
		}
	}
	return lines
}

// Join puts as many parts on a line as its columns allow.
func Join(parts []string, separator string, columns int) []string {
	var lines []string
	line := ""
	for _, part := range parts {
		switch {
		case line == "":
			line = part
		case Width(line)+Width(separator)+Width(part) <= columns:
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

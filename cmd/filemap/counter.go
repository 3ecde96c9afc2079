package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"
)

// counter tells on a terminal how far a work has come whose size is not known
// beforehand. It rewrites one line, and takes it away at the end.
type counter struct {
	to          io.Writer // nil draws nothing
	began, told time.Time
	drawn       bool
}

func newCounter(stderr io.Writer, quiet bool) *counter {
	c := &counter{began: time.Now()}
	if f, ok := stderr.(*os.File); ok && !quiet && term.IsTerminal(int(f.Fd())) {
		c.to = stderr
	}
	return c
}

func (c *counter) tell(line string) {
	now := time.Now()
	if c.to == nil || now.Sub(c.began) < 500*time.Millisecond || now.Sub(c.told) < 200*time.Millisecond {
		return
	}
	c.told, c.drawn = now, true
	fmt.Fprintf(c.to, "\r\x1b[K%s", line)
}

func (c *counter) end() {
	if c.drawn {
		fmt.Fprint(c.to, "\r\x1b[K")
	}
	c.drawn = false
}

// grouped writes 1234567 as "1 234 567", with narrow spaces.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if left := len(digits) - i; i > 0 && left%3 == 0 && digits[i-1] != '-' {
			b.WriteString("\u202f")
		}
		b.WriteRune(d)
	}
	return b.String()
}

package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/filemap-go/filemap/internal/terminal"
)

// statusLine is a line on a terminal that tells how far a work has come. It is
// written over and at the end taken away, by spaces and carriage returns, which every
// terminal knows. It draws nothing where standard error is no terminal, and nothing
// for what is over before anybody could wonder.
type statusLine struct {
	mu          sync.Mutex
	to          io.Writer // nil draws nothing
	columns     int
	began, told time.Time
	drawn       int // columns that the line takes
}

const (
	longRun     = 500 * time.Millisecond // from when on progress is worth showing
	redrawAfter = 200 * time.Millisecond
)

func newStatusLine(stderr io.Writer, quiet bool) *statusLine {
	s := &statusLine{began: time.Now()}
	if look := terminal.Of(stderr); look.Columns > 1 && !quiet {
		s.to, s.columns = stderr, look.Columns-1 // in the last column some terminals go to the next line
	}
	return s
}

// tell draws the line, if it is time to.
func (s *statusLine) tell(line func() string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if s.to == nil || now.Sub(s.began) < longRun || now.Sub(s.told) < redrawAfter {
		return
	}
	s.told = now
	s.draw(terminal.Cut(line(), s.columns))
}

func (s *statusLine) draw(line string) {
	columns := terminal.Width(line)
	fmt.Fprint(s.to, "\r", line, strings.Repeat(" ", max(s.drawn-columns, 0)))
	s.drawn = columns
}

// end takes the line away.
func (s *statusLine) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.drawn > 0 {
		s.draw("")
		fmt.Fprint(s.to, "\r")
	}
	s.drawn = 0
}

// progress draws a bar for a work whose size is known.
type progress struct{ line *statusLine }

func newProgress(stderr io.Writer, quiet bool) *progress {
	return &progress{newStatusLine(stderr, quiet)}
}

const barColumns = 30

func (p *progress) tell(done, total float64, what string) {
	p.line.tell(func() string {
		part := min(max(done/total, 0), 1)
		full := int(part * barColumns)
		return fmt.Sprintf("%3.0f %% %s%s %s", 100*part, strings.Repeat("█", full), strings.Repeat("░", barColumns-full), what)
	})
}

func (p *progress) end() { p.line.end() }

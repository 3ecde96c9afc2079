package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/filemap-go/filemap/internal/terminal"
	"github.com/filemap-go/filemap/pagecache"
)

// watchPages looks again and again. On a terminal it has the screen to itself,
// and leaves it as it was; elsewhere it prints one line, or one document, a look.
func watchPages(c *cobra.Command, f *pagesFlags) error {
	ctx, stop := context.WithCancel(c.Context())
	defer stop()
	screen := newScreen(c.OutOrStdout(), stop)
	defer screen.leave()
	tick := time.NewTicker(f.interval)
	defer tick.Stop()
	var outcome error
	for looks := 1; ; looks++ {
		r, err := newPagesRun(ctx, f)
		if err == nil {
			err = f.show(ctx, c.OutOrStdout(), r, screen)
		}
		// An interrupt is how watching ends.
		if ctx.Err() != nil {
			return outcome
		}
		if err != nil {
			return err
		}
		outcome = r.outcome()
		if looks == f.count {
			return outcome
		}
		select {
		case <-ctx.Done():
			return outcome
		case <-tick.C:
		case <-screen.resized():
		}
	}
}

// show makes one look, and one picture of it.
func (f *pagesFlags) show(ctx context.Context, w io.Writer, r *pagesRun, screen *screen) error {
	if f.json {
		return r.printLine(ctx, w)
	}
	if err := r.run(ctx); err != nil {
		return err
	}
	if screen == nil {
		line := newSheet(textOptions(w))
		line.watched(&r.total, r.fails)
		return line.flush(w)
	}
	var picture strings.Builder
	options := textOptions(w)
	if r.total.Files != 1 {
		_, rows := screen.size()
		r.listed = r.listed[:min(len(r.listed), max(rows-12, 1))]
	}
	if err := r.printText(ctx, &picture, options); err != nil {
		return err
	}
	for _, failure := range r.failed {
		fmt.Fprintln(&picture, visible(failure.Error))
	}
	return screen.draw(picture.String(), fmt.Sprintf("%s · every %v · q quits", time.Now().Format(time.TimeOnly), f.interval))
}

// printLine is one document on one line.
func (r *pagesRun) printLine(ctx context.Context, w io.Writer) error {
	d := pagesDocument{Schema: pagesSchema, Files: []*pagecache.File{}}
	if err := r.run(ctx); err != nil {
		return err
	}
	for _, brief := range r.listed {
		f, err := r.again(ctx, brief)
		if err != nil {
			if err := r.fail(ctx, brief.Path, err); err != nil {
				return err
			}
			continue
		}
		d.Files = append(d.Files, f)
	}
	d.Total, d.Failed = r.total, r.failed
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

// watched is one line of a log.
func (s *sheet) watched(t *pagecache.Total, fails int64) {
	text := func(n *int64) string {
		if n == nil {
			return "unknown"
		}
		return grouped(*n)
	}
	s.line("%s  cached %s of %s pages  dirty %s  writeback %s  evicted %s  mapped %s  unknown %d  failed %d", time.Now().Format(time.RFC3339),
		text(t.CachedPages), grouped(t.KnownPages), text(t.DirtyPages), text(t.WritebackPages), text(t.EvictedPages), text(t.MappedPages), t.UnknownFiles, fails)
}

// screen is a terminal's other screen, with no cursor. A nil screen is no terminal.
type screen struct {
	out     *os.File
	restore func()
	changed chan struct{}
	done    chan struct{}
}

// newScreen takes the screen, and calls quit when q or Ctrl-C is pressed.
func newScreen(w io.Writer, quit func()) *screen {
	out, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(out.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	s := &screen{out: out, restore: func() {}, changed: make(chan struct{}, 1), done: make(chan struct{})}
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		if before, err := term.MakeRaw(in); err == nil {
			s.restore = func() { _ = term.Restore(in, before) }
			go waitForKey(os.Stdin, quit)
		}
	}
	_, _ = io.WriteString(out, "\x1b[?1049h\x1b[?25l")
	go s.watchSize()
	return s
}

// waitForKey ends with the process: a read of a terminal cannot be called back.
func waitForKey(in io.Reader, quit func()) {
	var key [1]byte
	for {
		if _, err := in.Read(key[:]); err != nil {
			return
		}
		switch key[0] {
		case 'q', 'Q', 3, 4, 28: // Ctrl-C, Ctrl-D, Ctrl-\
			quit()
			return
		}
	}
}

// watchSize asks for the size, which every system can tell; not all have a signal.
func (s *screen) watchSize() {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	columns, rows, _ := term.GetSize(int(s.out.Fd()))
	for {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		if c, r, err := term.GetSize(int(s.out.Fd())); err == nil && (c != columns || r != rows) {
			columns, rows = c, r
			select {
			case s.changed <- struct{}{}:
			default:
			}
		}
	}
}

func (s *screen) resized() <-chan struct{} {
	if s == nil {
		return nil
	}
	return s.changed
}

func (s *screen) size() (columns, rows int) {
	columns, rows, err := term.GetSize(int(s.out.Fd()))
	if err != nil || rows <= 0 || columns <= 0 {
		return 80, 24
	}
	return columns, rows
}

// draw puts a picture on the screen in one write, so that it does not flicker.
// What has no room is cut off at the bottom, but for the last line.
func (s *screen) draw(picture, last string) error {
	lines := strings.Split(strings.TrimRight(picture, "\n"), "\n")
	columns, rows := s.size()
	lines = lines[:min(len(lines), max(rows-1, 1))]
	var b strings.Builder
	b.WriteString("\x1b[H")
	for _, l := range lines {
		b.WriteString(terminal.Cut(l, columns) + "\x1b[K\r\n")
	}
	b.WriteString(terminal.Cut(last, columns) + "\x1b[K\x1b[J")
	_, err := io.WriteString(s.out, b.String())
	return err
}

// leave gives the screen back as it was.
func (s *screen) leave() {
	if s == nil {
		return
	}
	close(s.done)
	_, _ = io.WriteString(s.out, "\x1b[?25h\x1b[?1049l")
	s.restore()
}

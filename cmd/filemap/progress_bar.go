//go:build !js && !wasip1 && !plan9

package main

import (
	"io"
	"os"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// progress draws a bar on standard error. It draws none where that is no
// terminal, and none for what is over before anybody could wonder.
type progress struct {
	began time.Time
	to    io.Writer // nil draws nothing
	bars  *mpb.Progress
	bar   *mpb.Bar
	what  atomic.Pointer[string]
}

func newProgress(stderr io.Writer, quiet bool) *progress {
	p := &progress{began: time.Now()}
	if f, ok := stderr.(*os.File); ok && !quiet && term.IsTerminal(int(f.Fd())) {
		p.to = stderr
	}
	return p
}

// longRun is from when on progress is worth showing.
const longRun = 500 * time.Millisecond

// steps is how finely the bar is divided.
const steps = 1000

// tell is called by the one goroutine that measures.
func (p *progress) tell(done, total float64, what string) {
	if p.to == nil || p.bar == nil && time.Since(p.began) < longRun {
		return
	}
	p.what.Store(&what)
	if p.bar == nil {
		p.bars = mpb.New(mpb.WithOutput(p.to), mpb.WithWidth(40), mpb.WithRefreshRate(200*time.Millisecond))
		p.bar = p.bars.AddBar(steps, mpb.BarRemoveOnComplete(),
			mpb.PrependDecorators(decor.Percentage(decor.WC{W: 5})),
			mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return *p.what.Load() })))
	}
	p.bar.SetCurrent(min(int64(steps*done/total), steps-1))
}

// end takes the bar away and waits until nothing draws any more.
func (p *progress) end() {
	if p.bar == nil {
		return
	}
	p.bar.Abort(true)
	p.bars.Wait()
}

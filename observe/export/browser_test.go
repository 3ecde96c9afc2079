//go:build unix || windows

package export

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/filemap-go/filemap/internal/browsertest"
	"github.com/filemap-go/filemap/observe"
	"github.com/filemap-go/filemap/observe/event"
)

// opened opens the page of a document.
func opened(ctx context.Context, t *testing.T, d *observe.Document) *browsertest.Complaints {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, d); err != nil {
		t.Fatal(err)
	}
	return browsertest.Open(ctx, t, "trace.html", b.Bytes())
}

// seen is what a page looks like to its reader.
type seen struct {
	Paper, Ink string
	Cells      int  // of figure 1 that are visible
	Lit        int  // arrows that the event lights
	Outside    int  // columns by which the page is wider than the window
	Tiny       int  // pieces of text smaller than 11 pixels
	Drawn      bool // the timeline has colours
	Title, Did string
	At         int
}

// well tells whether all of it can be seen and read.
func (s *seen) well() bool {
	return s.Cells >= 60 && s.Outside <= 0 && s.Tiny == 0 && s.Drawn && s.Title != "" && s.Did != ""
}

const look = `(() => {
  const style = getComputedStyle(document.body);
  const all = selector => [...document.querySelectorAll(selector)];
  const visible = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.left >= -4 && r.right <= innerWidth + 4 };
  const c = document.getElementById('lanes'), copy = document.createElement('canvas');
  copy.width = c.width; copy.height = c.height;
  const to = copy.getContext('2d', { willReadFrequently: true });
  to.drawImage(c, 0, 0);
  const data = to.getImageData(0, 0, c.width, c.height).data;
  const colors = new Set();
  for (let i = 0; i < data.length; i += 4) colors.add(data[i] << 16 | data[i + 1] << 8 | data[i + 2]);
  return {
    Paper: style.backgroundColor, Ink: style.color,
    Cells: all('#map .cell').filter(visible).length, Lit: all('#map .arrow.on').length,
    Outside: document.documentElement.scrollWidth - innerWidth,
    Tiny: all('svg text, p, td, th, li, h3').filter(e => { const r = e.getBoundingClientRect(); return r.height > 0 && r.height < 11 && e.textContent.trim() }).length,
    Drawn: colors.size > 4,
    Title: document.getElementById('title').textContent, Did: document.getElementById('did').textContent,
    At: Number(document.getElementById('slider').value),
  };
})()`

// ofAPager is what a pager's events look like.
func ofAPager() *observe.Document {
	const page = 4096
	events := []event.Event{
		event.New(event.Reserve, 0, 900, 0), event.New(event.Map, 1000, 2000, 0),
		event.New(event.Fault, 4000, 90_000, 3*page), event.New(event.DeviceRead, 5000, 80_000, 3*page),
		event.New(event.Access, 95_000, 20, 3*page), event.New(event.Dirty, 96_000, 0, 3*page),
		event.New(event.Reclaim, 100_000, 9000, event.NoOffset), event.New(event.SwapOut, 101_000, 4000, 3*page),
		event.New(event.SwapIn, 120_000, 40_000, 3*page), event.New(event.Writeback, 170_000, 30_000, 3*page),
		event.New(event.Evict, 210_000, 100, 3*page), event.New(event.Unmap, 220_000, 300, 0),
	}
	for i := range events {
		events[i].Length = page
	}
	return observe.OfPager(events, "/data/pages.db", 64*page, page)
}

func TestPageInBrowser(t *testing.T) {
	ctx := browsertest.Start(t)
	documents := map[string]*observe.Document{"pager": ofAPager(), "hostile": hostile()}
	for _, name := range recorded {
		documents[name] = load(t, name)
	}
	for name, d := range documents {
		t.Run(name, func(t *testing.T) {
			tab, cancel := chromedp.NewContext(ctx)
			defer cancel()
			found := opened(tab, t, d)
			looks(tab, t, name)
			if len(d.Events) > 10 {
				steps(tab, t, d)
			}
			if all := found.All(); len(all) > 0 {
				t.Errorf("the browser complains: %v", all)
			}
		})
	}
}

// looks checks the page in light and dark, wide and narrow.
func looks(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	papers := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		for _, columns := range []int64{1280, 400} {
			browsertest.Window(ctx, t, scheme, columns)
			s := browsertest.Evaluate[seen](ctx, t, look)
			for range 100 { // until it has drawn itself anew
				if s.well() {
					break
				}
				time.Sleep(20 * time.Millisecond)
				s = browsertest.Evaluate[seen](ctx, t, look)
			}
			browsertest.Screenshot(ctx, t, fmt.Sprintf("%s-%s-%d.png", name, scheme, columns))
			if !s.well() {
				t.Errorf("%s at %d columns: %+v", scheme, columns, s)
			}
			papers[s.Paper+s.Ink] = true
		}
	}
	if len(papers) != 2 {
		t.Errorf("light and dark look the same: %v", papers)
	}
	browsertest.Window(ctx, t, "light", 1280)
}

// steps goes through the events by the keyboard, plays, and speaks Chinese.
func steps(ctx context.Context, t *testing.T, d *observe.Document) {
	t.Helper()
	expect := func(at int, what string) {
		t.Helper()
		s := browsertest.Evaluate[seen](ctx, t, look)
		info, _ := event.Of(d.Events[at].Name)
		if s.At != at || !strings.HasPrefix(s.Title, info.Title.English) || s.Did != info.Did.English {
			t.Errorf("%s: event %d, %q, expected %d, %q", what, s.At, s.Title, at, info.Title.English)
		}
	}
	expect(0, "at the beginning")
	browsertest.Press(ctx, t, kb.ArrowRight)
	expect(1, "after →")
	browsertest.Press(ctx, t, kb.End)
	expect(len(d.Events)-1, "after End")
	browsertest.Press(ctx, t, kb.ArrowLeft)
	expect(len(d.Events)-2, "after ←")
	browsertest.Press(ctx, t, kb.Home)
	for n := 2; n <= 4; n++ {
		want := slices.IndexFunc(d.Events, func(e event.Event) bool { return e.Stage == n })
		if want < 0 {
			continue
		}
		browsertest.Press(ctx, t, kb.Home)
		browsertest.Press(ctx, t, fmt.Sprint(n))
		expect(want, fmt.Sprintf("after %d", n))
	}
	browsertest.Press(ctx, t, kb.Home)
	browsertest.Press(ctx, t, "l")
	info, _ := event.Of(d.Events[0].Name)
	if s := browsertest.Evaluate[seen](ctx, t, look); s.Title != info.Title.Chinese || s.Did != info.Did.Chinese {
		t.Errorf("in Chinese: %q, %q", s.Title, s.Did)
	}
	browsertest.Press(ctx, t, "l")
	browsertest.Evaluate[bool](ctx, t, `(document.getElementById('speed').value = 60, true)`)
	browsertest.Press(ctx, t, " ")
	for range 200 {
		if browsertest.Evaluate[seen](ctx, t, look).At > 2 {
			browsertest.Press(ctx, t, " ")
			stopped := browsertest.Evaluate[seen](ctx, t, look).At
			if later := browsertest.Evaluate[seen](ctx, t, look).At; later != stopped {
				t.Errorf("it plays on after the pause: %d, %d", stopped, later)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it does not play")
}

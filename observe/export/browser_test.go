//go:build unix || windows

package export

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/filemap-go/filemap/observe"
	"github.com/filemap-go/filemap/observe/event"
)

// complaints are what a browser has against a page.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) listen(e any) {
	text := ""
	switch e := e.(type) {
	case *runtime.EventConsoleAPICalled:
		text = fmt.Sprintf("console: %v", e.Type)
	case *runtime.EventExceptionThrown:
		text = fmt.Sprintf("exception: %v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		text = fmt.Sprintf("log: %s %s", e.Entry.Text, e.Entry.URL)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "file:") {
			text = "request: " + e.Request.URL
		}
	}
	if text != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.list = append(c.list, text)
	}
}

// browser starts a headless browser without a network, or skips the test.
func browser(t *testing.T) context.Context {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome", "chrome-headless-shell"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		t.Skip("needs a browser: chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"), chromedp.Flag("lang", "en"), chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
	if os.Geteuid() == 0 {
		options = append(options, chromedp.NoSandbox)
	}
	allocator, cancelAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(cancelAllocator)
	ctx, cancel := chromedp.NewContext(allocator)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	timed, cancelTimed := context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(cancelTimed)
	return timed
}

// opened writes a page to a file and opens that.
func opened(ctx context.Context, t *testing.T, d *observe.Document) *complaints {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, d); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "trace.html")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	found := &complaints{}
	if err := chromedp.Listen(ctx, found.listen); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
		t.Fatal(err)
	}
	if _, err := chromedp.Call(ctx, log.Enable, cdp.Empty{}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.Navigate("file://"+path)); err != nil {
		t.Fatal(err)
	}
	return found
}

// window sets the colour scheme and the width of the window.
func window(ctx context.Context, t *testing.T, scheme string, columns int64) {
	t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	if _, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}); err != nil {
		t.Fatal(err)
	}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(columns, 900)); err != nil {
		t.Fatal(err)
	}
}

func evaluated[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		t.Fatal(err)
	}
	return value
}

func pressed(ctx context.Context, t *testing.T, keys string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(keys)); err != nil {
		t.Fatal(err)
	}
}

func screenshot(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(t.ArtifactDir(), name), picture, 0o644); err != nil {
		t.Fatal(err)
	}
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
	ctx := browser(t)
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
			found.mu.Lock()
			defer found.mu.Unlock()
			if len(found.list) > 0 {
				t.Errorf("the browser complains: %v", found.list)
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
			window(ctx, t, scheme, columns)
			s := evaluated[seen](ctx, t, look)
			for range 100 { // until it has drawn itself anew
				if s.well() {
					break
				}
				time.Sleep(20 * time.Millisecond)
				s = evaluated[seen](ctx, t, look)
			}
			screenshot(ctx, t, fmt.Sprintf("%s-%s-%d.png", name, scheme, columns))
			if !s.well() {
				t.Errorf("%s at %d columns: %+v", scheme, columns, s)
			}
			papers[s.Paper+s.Ink] = true
		}
	}
	if len(papers) != 2 {
		t.Errorf("light and dark look the same: %v", papers)
	}
	window(ctx, t, "light", 1280)
}

// steps goes through the events by the keyboard, plays, and speaks Chinese.
func steps(ctx context.Context, t *testing.T, d *observe.Document) {
	t.Helper()
	expect := func(at int, what string) {
		t.Helper()
		s := evaluated[seen](ctx, t, look)
		info, _ := event.Of(d.Events[at].Name)
		if s.At != at || !strings.HasPrefix(s.Title, info.Title.English) || s.Did != info.Did.English {
			t.Errorf("%s: event %d, %q, expected %d, %q", what, s.At, s.Title, at, info.Title.English)
		}
	}
	expect(0, "at the beginning")
	pressed(ctx, t, kb.ArrowRight)
	expect(1, "after →")
	pressed(ctx, t, kb.End)
	expect(len(d.Events)-1, "after End")
	pressed(ctx, t, kb.ArrowLeft)
	expect(len(d.Events)-2, "after ←")
	pressed(ctx, t, kb.Home)
	for n := 2; n <= 4; n++ {
		want := slices.IndexFunc(d.Events, func(e event.Event) bool { return e.Stage == n })
		if want < 0 {
			continue
		}
		pressed(ctx, t, kb.Home)
		pressed(ctx, t, fmt.Sprint(n))
		expect(want, fmt.Sprintf("after %d", n))
	}
	pressed(ctx, t, kb.Home)
	pressed(ctx, t, "l")
	info, _ := event.Of(d.Events[0].Name)
	if s := evaluated[seen](ctx, t, look); s.Title != info.Title.Chinese || s.Did != info.Did.Chinese {
		t.Errorf("in Chinese: %q, %q", s.Title, s.Did)
	}
	pressed(ctx, t, "l")
	evaluated[bool](ctx, t, `(document.getElementById('speed').value = 60, true)`)
	pressed(ctx, t, " ")
	for range 200 {
		if evaluated[seen](ctx, t, look).At > 2 {
			pressed(ctx, t, " ")
			stopped := evaluated[seen](ctx, t, look).At
			if later := evaluated[seen](ctx, t, look).At; later != stopped {
				t.Errorf("it plays on after the pause: %d, %d", stopped, later)
			}
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it does not play")
}

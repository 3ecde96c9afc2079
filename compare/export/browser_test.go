//go:build unix || windows

package export

import (
	"bytes"
	"context"
	"encoding/base64"
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

	"github.com/filemap-go/filemap/compare"
)

// complaints are what a browser has against a page.
type complaints struct {
	mu   sync.Mutex
	list []string
}

func (c *complaints) add(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

func (c *complaints) listen(event any) {
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		c.add("console: %v", e.Type)
	case *runtime.EventExceptionThrown:
		c.add("exception: %v", e.ExceptionDetails)
	case *log.EventEntryAdded:
		c.add("log: %s %s", e.Entry.Text, e.Entry.URL)
	case *network.EventRequestWillBeSent:
		if !strings.HasPrefix(e.Request.URL, "file:") {
			c.add("request: %s", e.Request.URL)
		}
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
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND"), chromedp.DisableGPU, chromedp.UserDataDir(t.TempDir()))
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
func opened(ctx context.Context, t *testing.T, name string, write func(*bytes.Buffer) error) *complaints {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
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
	Paper, Ink string // colours
	Dots       int    // that are visible, and lie in the window
	Bars       int
	Outside    int // columns by which the page is wider than the window
	Tiny       int // pieces of text smaller than 11 pixels
}

const look = `(() => {
  const visible = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.left >= -4 && r.right <= innerWidth + 4 };
  const all = selector => [...document.querySelectorAll(selector)];
  const style = getComputedStyle(document.body);
  return {
    Paper: style.backgroundColor, Ink: style.color,
    Dots: all('svg circle').filter(visible).length,
    Bars: all('svg rect').filter(visible).length,
    Outside: document.documentElement.scrollWidth - innerWidth,
    Tiny: all('text, p, td, th, span, b').filter(e => parseFloat(getComputedStyle(e).fontSize) < 11).length,
  };
})()`

func TestHTMLInBrowser(t *testing.T) {
	ctx := browser(t)
	for name, report := range reports {
		t.Run(name, func(t *testing.T) {
			tab, cancel := chromedp.NewContext(ctx)
			defer cancel()
			found := opened(tab, t, "report.html", func(b *bytes.Buffer) error { return HTML(b, report()) })
			papers := map[string]bool{}
			for _, scheme := range []string{"light", "dark"} {
				for _, columns := range []int64{1280, 400} {
					window(tab, t, scheme, columns)
					s := evaluated[seen](tab, t, look)
					screenshot(tab, t, fmt.Sprintf("%s-%s-%d.png", name, scheme, columns))
					if s.Dots < 10 || s.Bars < 3 || s.Outside > 0 || s.Tiny > 0 {
						t.Errorf("%s at %d columns: %+v", scheme, columns, s)
					}
					papers[s.Paper+s.Ink] = true
				}
			}
			if len(papers) != 2 {
				t.Errorf("light and dark look the same: %v", papers)
			}
			downloads(tab, t, report())
			if len(found.list) > 0 {
				t.Errorf("the browser complains: %v", found.list)
			}
		})
	}
}

// downloads checks that the link holds the same document as JSON writes.
func downloads(ctx context.Context, t *testing.T, r *compare.Report) {
	t.Helper()
	link := evaluated[string](ctx, t, `document.querySelector('a[download]').getAttribute('href')`)
	var want bytes.Buffer
	if err := JSON(&want, r); err != nil {
		t.Fatal(err)
	}
	_, encoded, _ := strings.Cut(link, "base64,")
	if got, err := base64.StdEncoding.DecodeString(encoded); err != nil || !bytes.Equal(got, want.Bytes()) {
		t.Errorf("the link holds another document: %v", err)
	}
}

// TestHTMLByKeyboard walks the page with the tabulator key, and turns the axis
// with an arrow key.
func TestHTMLByKeyboard(t *testing.T) {
	ctx := browser(t)
	opened(ctx, t, "report.html", func(b *bytes.Buffer) error { return HTML(b, warmIncrement()) })
	const focus = `(e => e.id || e.getAttribute('download') || e.getAttribute('aria-label') || e.textContent)(document.activeElement)`
	var order []string
	for range 6 {
		press(ctx, t, kb.Tab)
		order = append(order, evaluated[string](ctx, t, focus))
	}
	want := []string{"To the figures", "axis-linear", "What each contender does", "All figures at 40 kB", "filemap-compare.json", "As the terminal shows it"}
	if !slices.Equal(order[:len(want)], want) {
		t.Errorf("the tabulator key goes to %q, want %q", order, want)
	}
	evaluated[any](ctx, t, `document.getElementById('axis-linear').focus()`)
	press(ctx, t, kb.ArrowRight)
	for class, want := range map[string]bool{"linear": false, "log": true} {
		shown := `document.querySelector('.row svg.` + class + `').getBoundingClientRect().width > 0`
		if evaluated[bool](ctx, t, shown) != want {
			t.Errorf("after the arrow key, the %s axis is shown: %v", class, !want)
		}
	}
}

func press(ctx context.Context, t *testing.T, key string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.KeyEvent(key)); err != nil {
		t.Fatal(err)
	}
}

// TestSVGInBrowser looks at the picture as a README shows it: as an image.
func TestSVGInBrowser(t *testing.T) {
	ctx := browser(t)
	for name, report := range reports {
		t.Run(name, func(t *testing.T) {
			tab, cancel := chromedp.NewContext(ctx)
			defer cancel()
			found := opened(tab, t, "report.svg", func(b *bytes.Buffer) error { return SVG(b, report()) })
			inks := map[string]bool{}
			for _, scheme := range []string{"light", "dark"} {
				window(tab, t, scheme, 1000)
				inks[evaluated[string](tab, t, `getComputedStyle(document.querySelector('text')).color`)] = true
				screenshot(tab, t, fmt.Sprintf("%s-%s.svg.png", name, scheme))
			}
			if len(inks) != 2 {
				t.Errorf("light and dark have the same ink: %v", inks)
			}
			if len(found.list) > 0 {
				t.Errorf("the browser complains: %v", found.list)
			}
		})
	}
}

// TestHostileInBrowser lets a browser try.
func TestHostileInBrowser(t *testing.T) {
	ctx := browser(t)
	found := opened(ctx, t, "report.html", func(b *bytes.Buffer) error { return HTML(b, hostile()) })
	if elements := evaluated[int](ctx, t, `document.querySelectorAll('script, img, iframe, [onload], [onerror]').length`); elements > 0 {
		t.Errorf("the page grew %d elements", elements)
	}
	for _, columns := range []int64{1280, 400} {
		window(ctx, t, "light", columns)
		if s := evaluated[seen](ctx, t, look); s.Outside > 0 {
			t.Errorf("the page is %d columns wider than its window of %d", s.Outside, columns)
		}
		screenshot(ctx, t, "hostile.png")
	}
	if len(found.list) > 0 {
		t.Errorf("the browser complains: %v", found.list)
	}
}

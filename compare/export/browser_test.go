//go:build unix || windows

package export

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/filemap-go/filemap/compare"
	"github.com/filemap-go/filemap/internal/browsertest"
)

// opened writes a page and opens it.
func opened(ctx context.Context, t *testing.T, name string, write func(*bytes.Buffer) error) *browsertest.Complaints {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return browsertest.Open(ctx, t, name, b.Bytes())
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
	ctx := browsertest.Start(t)
	for name, report := range reports {
		t.Run(name, func(t *testing.T) {
			tab, cancel := chromedp.NewContext(ctx)
			defer cancel()
			found := opened(tab, t, "report.html", func(b *bytes.Buffer) error { return HTML(b, report()) })
			papers := map[string]bool{}
			for _, scheme := range []string{"light", "dark"} {
				for _, columns := range []int64{1280, 400} {
					browsertest.Window(tab, t, scheme, columns)
					s := browsertest.Evaluate[seen](tab, t, look)
					browsertest.Screenshot(tab, t, fmt.Sprintf("%s-%s-%d.png", name, scheme, columns))
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
			if all := found.All(); len(all) > 0 {
				t.Errorf("the browser complains: %v", all)
			}
		})
	}
}

// downloads checks that the link holds the same document as JSON writes.
func downloads(ctx context.Context, t *testing.T, r *compare.Report) {
	t.Helper()
	link := browsertest.Evaluate[string](ctx, t, `document.querySelector('a[download]').getAttribute('href')`)
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
	ctx := browsertest.Start(t)
	opened(ctx, t, "report.html", func(b *bytes.Buffer) error { return HTML(b, warmIncrement()) })
	const focus = `(e => e.id || e.getAttribute('download') || e.getAttribute('aria-label') || e.textContent)(document.activeElement)`
	var order []string
	for range 6 {
		browsertest.Press(ctx, t, kb.Tab)
		order = append(order, browsertest.Evaluate[string](ctx, t, focus))
	}
	want := []string{"To the figures", "axis-linear", "What each contender does", "All figures at 40 kB", "filemap-compare.json", "As the terminal shows it"}
	if !slices.Equal(order[:len(want)], want) {
		t.Errorf("the tabulator key goes to %q, want %q", order, want)
	}
	browsertest.Evaluate[any](ctx, t, `document.getElementById('axis-linear').focus()`)
	browsertest.Press(ctx, t, kb.ArrowRight)
	for class, want := range map[string]bool{"linear": false, "log": true} {
		shown := `document.querySelector('.row svg.` + class + `').getBoundingClientRect().width > 0`
		if browsertest.Evaluate[bool](ctx, t, shown) != want {
			t.Errorf("after the arrow key, the %s axis is shown: %v", class, !want)
		}
	}
}

// TestSVGInBrowser looks at the picture as a README shows it: as an image.
func TestSVGInBrowser(t *testing.T) {
	ctx := browsertest.Start(t)
	for name, report := range reports {
		t.Run(name, func(t *testing.T) {
			tab, cancel := chromedp.NewContext(ctx)
			defer cancel()
			found := opened(tab, t, "report.svg", func(b *bytes.Buffer) error { return SVG(b, report()) })
			inks := map[string]bool{}
			for _, scheme := range []string{"light", "dark"} {
				browsertest.Window(tab, t, scheme, 1000)
				inks[browsertest.Evaluate[string](tab, t, `getComputedStyle(document.querySelector('text')).color`)] = true
				browsertest.Screenshot(tab, t, fmt.Sprintf("%s-%s.svg.png", name, scheme))
			}
			if len(inks) != 2 {
				t.Errorf("light and dark have the same ink: %v", inks)
			}
			if all := found.All(); len(all) > 0 {
				t.Errorf("the browser complains: %v", all)
			}
		})
	}
}

// TestHostileInBrowser lets a browser try.
func TestHostileInBrowser(t *testing.T) {
	ctx := browsertest.Start(t)
	found := opened(ctx, t, "report.html", func(b *bytes.Buffer) error { return HTML(b, hostile()) })
	if elements := browsertest.Evaluate[int](ctx, t, `document.querySelectorAll('script, img, iframe, [onload], [onerror]').length`); elements > 0 {
		t.Errorf("the page grew %d elements", elements)
	}
	for _, columns := range []int64{1280, 400} {
		browsertest.Window(ctx, t, "light", columns)
		if s := browsertest.Evaluate[seen](ctx, t, look); s.Outside > 0 {
			t.Errorf("the page is %d columns wider than its window of %d", s.Outside, columns)
		}
		browsertest.Screenshot(ctx, t, "hostile.png")
	}
	if all := found.All(); len(all) > 0 {
		t.Errorf("the browser complains: %v", all)
	}
}

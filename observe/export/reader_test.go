//go:build unix || windows

package export

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/filemap-go/filemap/internal/browsertest"
	"github.com/filemap-go/filemap/observe"
	"github.com/filemap-go/filemap/observe/event"
)

// attached is a trace of a running process that lost events, and of which a fault slept.
func attached(t *testing.T) *observe.Document {
	d := load(t, "command")
	d.PID, d.LostEvents = 17, 3
	d.Events = append(d.Events, event.Event{Stage: event.StageFault, Name: event.Fault, Kind: event.KindSlept, StartNS: d.Summary.WallNS - 10, DurationNS: 10, SelfNS: 10, Offset: event.NoOffset, ID: len(d.Events) + 1})
	return d
}

// documents are traces of all kinds.
func documents(t *testing.T) map[string]*observe.Document {
	t.Helper()
	all := map[string]*observe.Document{"pager": ofAPager(), "attached": attached(t)}
	for _, name := range recorded {
		all[name] = load(t, name)
	}
	return all
}

// What a reader sees of each trace.
func TestReader(t *testing.T) {
	ctx := browsertest.Start(t)
	for name, d := range documents(t) {
		t.Run(name, func(t *testing.T) {
			tab, cancel := chromedp.NewContext(ctx)
			defer cancel()
			opened(tab, t, d)
			fitsTheWindow(tab, t)
			timelineEndsWhereTheFiguresSay(tab, t, d)
			noArrowCrossesText(tab, t)
			allIsChinese(tab, t, name)
		})
	}
}

// fitsTheWindow: at common sizes the timeline, figure 1 and the text about the event are
// in the window together while one steps.
func fitsTheWindow(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, window := range []struct{ columns, rows int64 }{{1400, 1000}, {1280, 800}} {
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(window.columns, window.rows)); err != nil {
			t.Fatal(err)
		}
		browsertest.Press(ctx, t, kb.ArrowRight)
		out := browsertest.Evaluate[string](ctx, t, `['.controls', '#lanes', '#now', '#map', '.legend'].filter(s => {
			const r = document.querySelector(s).getBoundingClientRect();
			return r.top < -1 || r.bottom > innerHeight + 1 || r.left < 0 || r.right > innerWidth;
		}).join(' ')`)
		if out != "" {
			t.Errorf("in a window of %d×%d these are not wholly to be seen: %s", window.columns, window.rows, out)
		}
	}
}

// timelineEndsWhereTheFiguresSay: with the looking between the steps, which both tell.
func timelineEndsWhereTheFiguresSay(ctx context.Context, t *testing.T, d *observe.Document) {
	t.Helper()
	end := browsertest.Evaluate[string](ctx, t, `document.getElementById('lanes').dataset.end`)
	figure := browsertest.Evaluate[string](ctx, t, `document.querySelector('.figures div').textContent`)
	if want := duration(d.Summary.WallNS + d.Summary.RecordingNS); end != want || !strings.Contains(figure, want) {
		t.Errorf("the timeline ends at %q, the figure says %q, expected %q", end, figure, want)
	}
}

// crossed finds pieces of text of figure 1 that an arrow runs through.
const crossed = `[...document.querySelectorAll('#map .arrow')].flatMap(arrow => {
	const found = new Set();
	const texts = [...document.querySelectorAll('#map text:not(.digit)')].map(text => [text.getBBox(), text.textContent]);
	for (let at = 0; at <= arrow.getTotalLength(); at += 2) {
		const p = arrow.getPointAtLength(at);
		for (const [b, text] of texts) {
			if (p.x > b.x - 1 && p.x < b.x + b.width + 1 && p.y > b.y + 1 && p.y < b.y + b.height - 1) found.add(text);
		}
	}
	return [...found];
}).join('; ')`

func noArrowCrossesText(ctx context.Context, t *testing.T) {
	t.Helper()
	for _, columns := range []int64{400, 1280} {
		browsertest.Window(ctx, t, "light", columns)
		for range 2 { // in both languages
			browsertest.Press(ctx, t, "l")
			if found := browsertest.Evaluate[string](ctx, t, crossed); found != "" {
				t.Errorf("%d columns: an arrow runs through %q", columns, found)
			}
		}
	}
}

// inChinese finds what is not, at each event: pieces of text with Latin words and without
// Chinese, but for names, numbers and units.
const inChinese = `(() => {
	const found = new Set();
	const name = /^(\/.*|0x[0-9a-f]+|Linux .*|read\(\)|[cd]?rw|r-?|w|ext4|xfs|btrfs|tmpfs|perf|[a-z]*(pagemap|cachestat)|kpage\w+|MADV_\w+|\[v\w+\])$/;
	const number = /^[-+–\d.,/\s\u202f]*(ns|µs|ms|s|B|[KMGT]iB)?$/;
	const look = text => {
		for (const part of text.split(' · ')) {
			const s = part.trim();
			if (/[A-Za-z]{2}/.test(s) && !/\p{Script=Han}/u.test(s) && !name.test(s) && !number.test(s)) found.add(s);
		}
	};
	const all = () => {
		const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		for (let n; n = walker.nextNode();) if (!n.parentElement.closest('[translate=no], script, style, select')) look(n.textContent);
		for (const e of document.querySelectorAll('[aria-label]')) look(e.getAttribute('aria-label'));
	};
	const slider = document.getElementById('slider'), told = new Set();
	all();
	JSON.parse(document.getElementById('data').textContent).trace.events.forEach((e, i) => { // each that tells something new
		const tells = [e.name, e.kind, e.phase, e.seen, e.file].join();
		if (told.has(tells)) return;
		told.add(tells);
		slider.value = i;
		slider.dispatchEvent(new Event('input'));
		for (const e of document.querySelectorAll('#details li, #map text')) { // short: an English word among Chinese ones is seen
			const s = e.textContent.replace(/0x[0-9a-f]+|\S*[\/.+]\S*/g, '').match(/[a-z]{3,}/g) || [];
			for (const word of s) if (!/^(perf|pagemap|cachestat|getrusage|pager|folio|ns|vdso|vvar)$/.test(word)) found.add(e.textContent);
		}
		for (const e of document.querySelectorAll('#now *, #map text, #two text, #scale')) if (!e.children.length) look(e.textContent);
	});
	return [...found].join('\n');
})()`

// allIsChinese: a reader of Chinese finds no English, names and what the terminal shows
// apart, and a reader of English no Chinese.
func allIsChinese(ctx context.Context, t *testing.T, name string) {
	t.Helper()
	if found := browsertest.Evaluate[string](ctx, t, `(document.body.innerText.replace('中文', '').match(/\p{Script=Han}+/u) || [''])[0]`); found != "" {
		t.Errorf("in English it says %q", found)
	}
	browsertest.Press(ctx, t, "l")
	if found := browsertest.Evaluate[string](ctx, t, inChinese); found != "" {
		t.Errorf("not Chinese:\n%s", found)
	}
	browsertest.Screenshot(ctx, t, name+"-zh.png")
}

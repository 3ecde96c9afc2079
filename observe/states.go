//go:build linux

package observe

import (
	"strings"

	"github.com/filemap-go/filemap/observe/event"
)

// snapshot keeps what was seen of every page after a step, and tells what must
// have happened since the last one and is not known from elsewhere.
func (t *timeline) snapshot(s *step, r *stepResult) {
	file := t.region.File
	before, known := t.before[file]
	t.before[file] = r.Pages
	if r.Pages == nil {
		r.Pages = []Run{}
	}
	t.doc.Snapshots = append(t.doc.Snapshots, Snapshot{
		AtNS: r.SnapshotAt - t.zero, Phase: s.Phase, File: file, Runs: r.Pages, Cut: r.Cut, Counts: r.Counts,
	})
	if !known {
		return
	}
	switch s.Op {
	case opSync:
		t.cleaned(s, r, changes(before, r.Pages, 'd', false))
	case opTouch:
		if !t.byPoints && s.Write {
			t.dirty(s, r, changes(before, r.Pages, 'd', true))
		}
		t.swappedOut(s, r, changes(before, r.Pages, 's', true))
	}
}

// changes returns the pages that are not in a state and were (appear false), or
// the other way round.
func changes(before, after []Run, state byte, appear bool) []pages {
	from, to := before, after
	if appear {
		from, to = after, before
	}
	var found []pages
	for _, f := range from {
		if strings.IndexByte(f.State, state) < 0 {
			continue
		}
		at, beyond := f.Page, f.Page+f.Pages
		for _, o := range to {
			if strings.IndexByte(o.State, state) < 0 || o.Page+o.Pages <= at || o.Page >= beyond {
				continue
			}
			if o.Page > at {
				found = append(found, pages{at, o.Page})
			}
			at = max(at, o.Page+o.Pages)
		}
		if at < beyond {
			found = append(found, pages{at, beyond})
		}
	}
	return joined(found)
}

// joined joins ranges that touch; they are in order.
func joined(in []pages) []pages {
	var out []pages
	for _, p := range in {
		if n := len(out) - 1; n >= 0 && out[n].Beyond == p.First {
			out[n].Beyond = p.Beyond
			continue
		}
		out = append(out, p)
	}
	return out
}

func count(in []pages) (n int64) {
	for _, p := range in {
		n += p.Beyond - p.First
	}
	return n
}

// dirty adds, at a step's end, the pages that a comparison of snapshots showed.
func (t *timeline) dirty(s *step, r *stepResult, in []pages) {
	for _, p := range in {
		t.seen(s, event.Dirty, "cachestat", r.End, p)
	}
	t.dirtied(count(in))
}

func (t *timeline) seen(s *step, name, by string, at int64, p pages) {
	e := t.event(name, at, at, p.First*t.page)
	e.Pages = p.Beyond - p.First
	e.Length, e.Phase, e.Seen = e.Pages*t.page, s.Phase, by
	t.add(e, true)
}

// cleaned tells which pages a sync wrote: dirty before, clean after. They are
// write-protected again, as the next store's fault proves; when is inferred: before
// each is written, since a store meanwhile would be lost (clear_page_dirty_for_io of
// the kernel's mm/page-writeback.c).
func (t *timeline) cleaned(s *step, r *stepResult, in []pages) {
	if len(in) == 0 {
		return
	}
	e := t.event(event.Writeback, r.Start, r.End, in[0].First*t.page)
	e.Pages, e.Length = count(in), (in[len(in)-1].Beyond-in[0].First)*t.page
	e.Phase, e.Seen, e.Thread = s.Phase, "cachestat", t.thread
	t.add(e, false)
	for _, p := range in {
		t.seen(s, event.Reprotect, "inferred", r.Start, p)
	}
}

// swappedOut tells the pages that are in swap, and were not, and that no
// tracepoint told.
func (t *timeline) swappedOut(s *step, r *stepResult, in []pages) {
	for _, p := range in {
		e := t.event(event.SwapOut, r.End, r.End, p.First*t.page)
		e.Pages = p.Beyond - p.First
		e.Length, e.Phase, e.Seen = e.Pages*t.page, s.Phase, "pagemap"
		t.unproven = append(t.unproven, e)
	}
}

// proveSwapOuts adds those that no tracepoint told one by one.
func (t *timeline) proveSwapOuts() {
	told := map[int64]bool{}
	for i := range t.spans {
		if e := &t.spans[i].Event; e.Name == event.SwapOut {
			for n := range e.Pages {
				told[e.Offset/t.page+n] = true
			}
		}
	}
	for _, e := range t.unproven {
		var left []pages
		first := e.Offset / t.page
		for at := first; at < first+e.Pages; at++ {
			if !told[at] {
				left = append(left, pages{at, at + 1})
			}
		}
		for _, p := range joined(left) {
			e.Offset, e.Pages = p.First*t.page, p.Beyond-p.First
			e.Length = e.Pages * t.page
			t.total.SwappedOut += e.Pages
			t.add(e, true)
		}
	}
}

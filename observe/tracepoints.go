//go:build linux

package observe

import (
	"sort"
	"strings"

	"github.com/filemap-go/filemap/observe/event"
)

// tracepoints tells what the kernel's tracepoints add to the steps and faults.
type tracepoints struct {
	*timeline
	decided  int              // index in spans of the decision that frames are still added for
	adding   int              // index in spans of the Add event that the next frame may join
	requests map[request]int  // those that the device works on: index in spans
	requeued map[request]bool // of these, those that it did not take yet
	reclaim  int64            // when the reclaim that goes on began, 0 without
}

type request struct {
	device uint32
	sector int64
}

const none = -1

func (t *timeline) tracepoints() {
	sort.SliceStable(t.points, func(i, j int) bool { return t.points[i].Time < t.points[j].Time })
	p := &tracepoints{timeline: t, decided: none, adding: none, requests: map[request]int{}, requeued: map[request]bool{}}
	last := t.answer.Results[len(t.answer.Results)-1].End
	if t.byPoints {
		t.total.AddedPages, t.total.DeviceReadBytes, t.total.DeviceWriteBytes = new(int64), new(int64), new(int64)
	}
	for i := range t.points {
		point := &t.points[i]
		if at := int64(point.Time); at >= t.zero && at <= last {
			p.tell(point, at)
		}
	}
}

func (p *tracepoints) tell(t *tracepoint, at int64) {
	own := t.thread() == p.thread
	switch name := t.Format.Name; name {
	case "vm_unmapped_area":
		if s := p.stepAt(at); own && s != nil && s.Op == opMap {
			e := p.point(event.Place, at, event.NoOffset, int64(t.number("length")))
			e.Address, e.File = t.number("addr"), s.File
		}
	case "mm_filemap_fault":
		p.cached(t, event.Lookup, at, p.page, own)
	case "mm_filemap_get_pages":
		length := int64(t.number("last_index")-t.number("index")+1) * p.page
		p.cached(t, event.ReadCall, at, length, own)
	case "page_cache_sync_ra", "page_cache_async_ra", "page_cache_ra_order", "page_cache_ra_unbounded":
		p.decide(t, name, at, own)
	case "mm_filemap_add_to_page_cache":
		p.added(t, at, own)
	case "mm_filemap_delete_from_page_cache":
		p.evicted(t, at)
	case "writeback_dirty_folio":
		if file, known := p.fileOf(0, t.number("ino"), false); known {
			p.point(event.Dirty, at, int64(t.number("index"))*p.page, p.page).File = file
			p.dirtied(1)
		}
	case "block_rq_issue":
		p.issued(t, at)
	case "block_rq_requeue":
		p.requeued[requestOf(t)] = true
	case "block_rq_complete":
		p.completed(t, at)
	case "mm_vmscan_memcg_reclaim_begin", "mm_vmscan_direct_reclaim_begin":
		p.reclaim = at
	case "mm_vmscan_memcg_reclaim_end", "mm_vmscan_direct_reclaim_end":
		p.reclaimed(t, at)
	case "mm_vmscan_write_folio":
		p.swapOut(t, at)
	}
}

func (t *timeline) dirtied(pages int64) {
	if t.total.DirtiedPages == nil {
		t.total.DirtiedPages = new(int64)
	}
	*t.total.DirtiedPages += pages
}

// point adds a moment.
func (p *tracepoints) point(name string, at, offset, length int64) *span {
	e := p.event(name, at, at, offset)
	e.Length, e.Seen, e.Phase = length, "tracepoint", p.phaseAt(at)
	return p.add(e, true)
}

// stepAt returns the step at work at a time, nil between two of them.
func (t *timeline) stepAt(at int64) *step {
	results := t.answer.Results
	i := sort.Search(len(results), func(i int) bool { return results[i].Start > at }) - 1
	if i < 0 || at > results[i].End {
		return nil
	}
	return &t.job.Steps[i]
}

// phaseAt returns the phase of the step at work at a time, or of the last before.
func (t *timeline) phaseAt(at int64) string {
	results := t.answer.Results
	i := sort.Search(len(results), func(i int) bool { return results[i].Start > at }) - 1
	if i < 0 {
		return ""
	}
	return t.job.Steps[i].Phase
}

// fileOf finds the file that an event names by its inode.
func (t *timeline) fileOf(device uint32, inode uint64, byDevice bool) (int, bool) {
	for i, f := range t.files {
		if f.Inode == inode && (!byDevice || kernelDevice(f.Major, f.Minor) == device) {
			return i, true
		}
	}
	return 0, false
}

// cached adds a moment at which the page cache was asked.
func (p *tracepoints) cached(t *tracepoint, name string, at, length int64, own bool) {
	file, known := p.fileOf(uint32(t.number("s_dev")), t.number("i_ino"), true)
	if !known {
		return
	}
	e := p.point(name, at, int64(t.number("index"))*p.page, length)
	e.File = file
	if !own {
		e.Thread = t.thread()
	}
}

// decide adds a decision what to read ahead. The kernel tells one by several
// events in a row, the last of which know its size.
func (p *tracepoints) decide(t *tracepoint, name string, at int64, own bool) {
	file, known := p.fileOf(uint32(t.number("s_dev")), t.number("i_ino"), true)
	if !known || !own {
		return
	}
	offset := int64(t.number("index")) * p.page
	var length int64
	switch name {
	case "page_cache_ra_order":
		length = int64(t.number("size")) * p.page
	case "page_cache_ra_unbounded":
		length = int64(t.number("nr_to_read")) * p.page
	default:
		length = int64(t.number("req_count")) * p.page
	}
	if p.decided == none || p.adding != none {
		e := p.point(event.Readahead, at, offset, length)
		e.File, e.async, e.Thread = file, false, p.thread
		p.decided, p.adding = len(p.spans)-1, none
		return
	}
	d := &p.spans[p.decided]
	d.Offset, d.Length = offset, length
}

// added joins frames that follow each other, by one thread, to one event.
func (p *tracepoints) added(t *tracepoint, at int64, own bool) {
	file, known := p.fileOf(uint32(t.number("s_dev")), t.number("i_ino"), true)
	if !known {
		return
	}
	pages := int64(1) << min(t.number("order"), 30)
	offset, length := int64(t.number("index"))*p.page, pages*p.page
	*p.total.AddedPages += pages
	if own && p.decided != none {
		d := &p.spans[p.decided]
		d.DurationNS = at - p.zero - d.StartNS
	}
	if own && p.adding != none {
		if a := &p.spans[p.adding]; a.File == file && a.Offset+a.Length == offset {
			a.Length += length
			a.Pages += pages
			a.Folios++
			return
		}
	}
	e := p.point(event.Add, at, offset, length)
	e.File, e.Pages, e.Folios, e.Thread = file, pages, 1, t.thread()
	if own {
		p.adding = len(p.spans) - 1
	}
}

func (p *tracepoints) evicted(t *tracepoint, at int64) {
	file, known := p.fileOf(uint32(t.number("s_dev")), t.number("i_ino"), true)
	if !known {
		return
	}
	pages := int64(1) << min(t.number("order"), 30)
	offset, length := int64(t.number("index"))*p.page, pages*p.page
	if n := len(p.spans) - 1; n >= 0 {
		if last := &p.spans[n]; last.Name == event.Evict && last.File == file && last.Offset+last.Length == offset {
			last.Length += length
			last.Pages += pages
			last.Folios++
			return
		}
	}
	e := p.point(event.Evict, at, offset, length)
	e.File, e.Pages, e.Folios, e.Thread = file, pages, 1, t.thread()
}

// issued begins a request to the device that is about one of the files; those of
// the file system's own bookkeeping are left out.
func (p *tracepoints) issued(t *tracepoint, at int64) {
	if t.thread() == p.thread {
		p.decided, p.adding = none, none // what was decided is on its way
	}
	rwbs := t.text("rwbs")
	name := event.DeviceRead
	switch {
	case strings.HasPrefix(rwbs, "W") || strings.HasPrefix(rwbs, "FW"):
		name = event.DeviceWrite
	case !strings.HasPrefix(rwbs, "R"):
		return
	}
	device, sector, sectors := uint32(t.number("dev")), int64(t.number("sector")), int64(t.number("nr_sector"))
	file, offset, length, found := p.fileAt(device, sector, sectors)
	if !found {
		return
	}
	key := requestOf(t)
	if _, open := p.requests[key]; open && p.requeued[key] {
		delete(p.requeued, key)
		return // the device was busy: it is issued again
	}
	e := p.point(name, at, offset, length)
	e.File, e.Thread = file, t.thread()
	p.requests[key] = len(p.spans) - 1
	if name == event.DeviceRead {
		*p.total.DeviceReadBytes += length
	} else {
		*p.total.DeviceWriteBytes += length
	}
}

func (p *tracepoints) completed(t *tracepoint, at int64) {
	key := requestOf(t)
	if i, open := p.requests[key]; open {
		p.spans[i].DurationNS = at - p.zero - p.spans[i].StartNS
		delete(p.requests, key)
		delete(p.requeued, key)
	}
}

func requestOf(t *tracepoint) request {
	return request{uint32(t.number("dev")), int64(t.number("sector"))}
}

func (p *tracepoints) reclaimed(t *tracepoint, at int64) {
	if p.reclaim == 0 {
		return
	}
	e := p.event(event.Reclaim, p.reclaim, at, event.NoOffset)
	e.Pages, e.Seen, e.Phase, e.Thread = int64(t.number("nr_reclaimed")), "tracepoint", p.phaseAt(at), p.thread
	p.add(e, false)
	p.reclaim = 0
}

// swapOut finds out by its frame which page was written to swap.
func (p *tracepoints) swapOut(t *tracepoint, at int64) {
	const anonymous = 1 // RECLAIM_WB_ANON
	frame := t.number("pfn")
	offset, known := p.framesAt(frame, at)
	if t.number("reclaim_flags")&anonymous == 0 || !known {
		return
	}
	p.total.SwappedOut++
	if last := &p.spans[len(p.spans)-1]; last.Name == event.SwapOut && last.Offset+last.Length == offset {
		last.Length += p.page
		last.Pages++
		last.Frame = 0 // each has its own
		return
	}
	e := p.point(event.SwapOut, at, offset, p.page)
	e.Frame, e.Pages = frame, 1
}

// framesAt returns which page was in a frame at a time: of the touches before, the
// last that found a page there.
func (t *timeline) framesAt(frame uint64, at int64) (int64, bool) {
	owners := t.owners[frame]
	i := sort.Search(len(owners), func(i int) bool { return owners[i].start > at }) - 1
	if i < 0 {
		return 0, false
	}
	return owners[i].offset, true
}

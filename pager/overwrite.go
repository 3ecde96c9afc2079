package pager

import "context"

// overwrite stores whole pages that are absent, from the offset at on, without
// reading what they were: it returns how much of p that was. 0: pin them.
//
// The bytes are in place before a page becomes resident, so that nobody sees
// anything else than what the page was and what it is now.
func (m *Mapping) overwrite(ctx context.Context, p []byte, at uint64) (int, error) {
	pages := len(p) >> m.shift
	page := at >> m.shift
	if at&m.inPage != 0 || pages == 0 || !m.writable || m.table[page].load().state() != absent {
		return 0, nil
	}
	begun := m.pager.now()
	if m.gate != nil {
		if err := m.gate.enter(ctx); err != nil {
			return 0, m.failPin(int64(at), len(p), err)
		}
		defer m.gate.leave()
	}
	frames, err := m.pager.acquire(ctx, min(m.missing(page, page+uint64(pages)-1), m.copyBytes()>>m.shift), true)
	if err != nil {
		return 0, m.failPin(int64(at), len(p), err)
	}
	if err := m.tasks.begin(ctx); err != nil {
		m.pager.frames.release(frames)
		return 0, m.failPin(int64(at), len(p), err)
	}
	defer m.tasks.end()
	r := run{first: page, count: m.claim(page, frames)}
	m.pager.frames.release(frames - r.count)
	if r.count == 0 {
		return 0, nil
	}
	defer func() {
		if r.pins == 0 { // it went to swap meanwhile, or p is memory that cannot be read
			m.giveUp(r, nil)
			return
		}
		m.unpinPages(page, page+uint64(r.count), true)
	}()
	if m.table[page].load()&slotted != 0 {
		return 0, nil
	}
	n := copy(m.data[page<<m.shift:(page+uint64(r.count))<<m.shift], p)
	pinned := r
	pinned.pins = r.count
	m.install(pinned)
	r = pinned
	for i := range uint64(r.count) {
		m.soil(page + i)
	}
	m.pager.tellAccess(m, begun, int64(at), n, true)
	return n, nil
}

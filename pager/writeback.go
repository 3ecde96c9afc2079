package pager

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/filemap-go/filemap/observe/event"
)

// writersMax is how many writes to stores one writeback has under way.
const writersMax = 16

// writeOut writes pages that are being evicted to their store, neighbours
// together, several writes at a time. Those that could not be written have err
// set; the first error is returned.
func (p *Pager) writeOut(victims []victim) error {
	var dirtyOnes []*victim
	for i := range victims {
		if victims[i].word&dirty != 0 {
			dirtyOnes = append(dirtyOnes, &victims[i])
		}
	}
	slices.SortFunc(dirtyOnes, func(a, b *victim) int {
		return cmp.Or(cmp.Compare(a.m.id, b.m.id), cmp.Compare(a.page, b.page))
	})
	var writes writes
	for begin := 0; begin < len(dirtyOnes); {
		end := begin + 1
		for end < len(dirtyOnes) && end-begin < maxRun &&
			dirtyOnes[end].m == dirtyOnes[begin].m && dirtyOnes[end].page == dirtyOnes[end-1].page+1 {
			end++
		}
		part := dirtyOnes[begin:end]
		for _, v := range part {
			v.err = errUnfinished
		}
		writes.do(func() error {
			err := part[0].m.writeRun(run{first: part[0].page, count: len(part)})
			for _, v := range part {
				v.err = err
			}
			return err
		})
		begin = end
	}
	return writes.wait()
}

// writes runs functions, up to writersMax at a time, and keeps the first error.
// The last is run by the caller: where there is only one, no goroutine is needed.
type writes struct {
	slots chan struct{}
	group sync.WaitGroup
	last  func() error
	mu    sync.Mutex
	err   error
}

func (w *writes) do(f func() error) {
	before := w.last
	w.last = f
	if before == nil {
		return
	}
	if w.slots == nil {
		w.slots = make(chan struct{}, writersMax)
	}
	w.slots <- struct{}{}
	w.group.Go(func() {
		err := errUnfinished
		defer func() {
			w.note(err)
			<-w.slots
		}()
		err = before()
	})
}

func (w *writes) note(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err = err
	}
}

// wait runs the last function and waits for the others, even if the last one ends
// the goroutine.
func (w *writes) wait() error {
	w.runLast()
	return w.err
}

func (w *writes) runLast() {
	defer w.group.Wait()
	if w.last != nil {
		w.note(w.last())
	}
}

// writeRun writes pages to the store. They are evicting, or pinned: in either
// case nobody else writes them. If there is a checker, what it is told of and
// what is written must be the same bytes even while somebody stores to the page:
// a copy.
func (m *Mapping) writeRun(r run) error {
	p := m.pager
	begun := p.now()
	valid := m.valid(r)
	bytes := m.data[r.first<<m.shift:][:valid]
	if m.check != nil {
		s := p.borrow()
		defer p.scratch.Put(s)
		bytes = s.bytes()[:copy(s.bytes(), bytes)]
	}
	err := m.store.write(bytes, m.base+int64(r.first<<m.shift))
	m.wrote()
	if err == nil {
		err = m.written(r, bytes)
	}
	if err != nil {
		p.stats.writeErrors.Add(1)
		return m.fail("write back", int64(r.first<<m.shift), int64(valid), err)
	}
	p.stats.writes.Add(1)
	p.stats.writtenBytes.Add(uint64(valid))
	p.stats.writeTime.add(p.now() - begun)
	p.tell(event.Writeback, m, begun, r.first, uint64(r.count), true)
	return nil
}

// Sync writes the dirty pages of a Shared mapping to the store and has the store
// make them durable. When it returns nil, everything that was stored, and whose
// pin was taken off, before the call survives a power cut, as far as the store's
// Sync promises that. Pages stay resident, and can be pinned and stored to
// meanwhile; of a page that is pinned for writing what is there at that moment is
// written, and it stays dirty.
//
// After an error of a write the pages that could not be written are still dirty:
// call it again. After a sync of the store that failed nobody knows what of all
// that was written since the last one is on the device, and the system does not
// say it twice: that is [ErrSyncFailed], from then on for every Sync of every
// mapping of the store, and for Close. When the context ends, no new write is
// begun. [ErrMode] for a Private or Transactional mapping.
func (m *Mapping) Sync(ctx context.Context) error {
	begun := m.pager.now()
	if m.mode == Private || m.mode == Transactional {
		return m.fail("sync", 0, 0, ErrMode)
	}
	if err := m.takeTurn(ctx, "sync"); err != nil {
		return err
	}
	defer m.leaveTurn()
	if m.mode == ReadOnly {
		return nil
	}
	if err := m.store.syncFailed(); err != nil {
		return m.fail("sync", 0, int64(m.size), err)
	}
	if err := m.writeDirty(ctx); err != nil {
		return err
	}
	if err := m.store.sync(); err != nil {
		m.pager.stats.writeErrors.Add(1)
		return m.fail("sync", 0, int64(m.size), err)
	}
	m.pager.tell(event.Sync, m, begun, 0, uint64(len(m.table)), false)
	return nil
}

// takeTurn waits for the mapping's turn to sync, commit or discard, in which it
// cannot be closed.
func (m *Mapping) takeTurn(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return m.fail(op, 0, 0, err)
	}
	select {
	case m.syncTurn <- struct{}{}:
	case <-ctx.Done():
		return m.fail(op, 0, 0, ctx.Err())
	}
	if err := m.tasks.begin(ctx); err != nil {
		<-m.syncTurn
		return m.fail(op, 0, 0, err)
	}
	return nil
}

func (m *Mapping) leaveTurn() {
	m.tasks.end()
	<-m.syncTurn
}

// writeDirty writes every dirty page. The chunk's bit is cleared first: whoever
// dirties a page from then on sets it again.
func (m *Mapping) writeDirty(ctx context.Context) error {
	var writes writes
	pages := uint64(len(m.table))
	for chunk := range m.chunks.all() {
		if !m.chunks.take(chunk) {
			continue
		}
		end := min((chunk+1)*chunkPages, pages)
		for page := chunk * chunkPages; page < end; {
			if ctx.Err() != nil {
				m.chunks.note(page)
				return errors.Join(m.fail("sync", 0, 0, ctx.Err()), writes.wait())
			}
			r := m.pinDirty(page, end)
			if r.count == 0 {
				page++
				continue
			}
			writes.do(func() error { return m.writePinned(r) })
			page += uint64(r.count)
		}
	}
	return writes.wait()
}

// pinDirty pins the dirty pages that begin at page and lie one after the other,
// and calls them clean. One that is being evicted is waited for.
func (m *Mapping) pinDirty(page, end uint64) run {
	r := run{first: page}
	for r.count < maxRun && page < end {
		c := &m.table[page]
		w := c.load()
		if w.state() == evicting && r.count == 0 {
			_ = m.pager.waits.wait(background, page, c)
			continue
		}
		if w.state() != resident || w&dirty == 0 {
			break
		}
		if c.swap(w, (w+onePin)&^dirty) {
			r.count++
			page++
		}
	}
	return r
}

func (m *Mapping) writePinned(r run) error {
	err := errUnfinished
	defer func() { m.unpinPages(r.first, r.first+uint64(r.count), err != nil) }() // dirty again
	err = m.writeRun(r)
	return err
}

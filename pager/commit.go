package pager

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/filemap-go/filemap/internal/journal"
	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/event"
)

// ErrPending says that a commit is durable in the journal, and not yet all of it
// in the store: the next Commit, or Map with the same journal, goes on with it.
var ErrPending = journal.ErrPending

// committer commits a Transactional mapping through its journal.
type committer struct {
	journal *journal.Journal
	place   journal.Place
	size    int64 // of the store
}

// target is the store as the journal wants it.
type target struct{ *backing }

func (t target) ReadAt(p []byte, off int64) (int, error) {
	if err := t.read(p, off, len(p)); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t target) WriteAt(p []byte, off int64) (int, error) {
	if err := t.write(p, off); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (t target) Sync() error { return t.sync() }

func (t target) Size() (int64, error) { return t.size() }

// Truncate is asked for when the store has another size than at the commit that
// is to be applied.
func (t target) Truncate(size int64) error {
	if err := t.truncate(size); err != nil {
		return fmt.Errorf("the store has not the %d bytes that it had when the journal was written: %w", size, err)
	}
	return nil
}

func openCommitter(m *Mapping, o Options) (*committer, error) {
	size, err := m.store.size()
	if err != nil {
		return nil, err
	}
	c := &committer{size: size}
	if o.journalFile != nil {
		c.journal, _, err = journal.OpenOn(o.journalFile, target{m.store}, journal.Options{})
		return c, err
	}
	if isFile(m.store.path(), o.Journal) {
		return nil, fmt.Errorf("%w: Journal: %w: it is the store itself (choose another path)", ErrConfig, journal.ErrNotJournal)
	}
	if c.place, err = journal.PlaceOf(o.Journal); err != nil {
		return nil, err
	}
	options, err := journalOptions(m.store)
	if err == nil {
		c.journal, _, err = journal.Open(c.place, target{m.store}, options)
	}
	if err != nil {
		return nil, errors.Join(err, c.place.Close())
	}
	return c, nil
}

// isFile tells whether two paths are of one file.
func isFile(a, b string) bool {
	if a == "" {
		return false
	}
	one, err := os.Stat(a)
	other, otherErr := os.Stat(b)
	return err == nil && otherErr == nil && os.SameFile(one, other)
}

// journalOptions says which file the store is, if it is one: a journal is never
// applied to another, and is not that file itself.
func journalOptions(b *backing) (o journal.Options, err error) {
	if f, ok := b.store.(interface{ Sys() sys.File }); ok {
		var id sys.Identity
		o.File = f.Sys()
		id, err = o.File.Identity()
		o.Identity = journal.Identity(id)
	}
	return o, err
}

// unchanged is an error if the store has another size than when it was mapped: a commit
// would be in the journal, and could not be written to the store.
func (c *committer) unchanged(b *backing) error {
	size, err := b.size()
	if err == nil && size != c.size {
		err = fmt.Errorf("%w of the store, which has %d bytes now, and had %d (nothing was committed)", ErrBounds, size, c.size)
	}
	return err
}

// close lets the journal go. What is known to have failed is said once more.
func (c *committer) close() error {
	return c.failure(errors.Join(c.journal.Close(), c.place.Close()))
}

// failure is the error of a commit that failed.
func (c *committer) failure(err error) error {
	if err != nil && c.journal.Failed() && !errors.Is(err, ErrSyncFailed) {
		return fmt.Errorf("%w: %w", ErrSyncFailed, err)
	}
	return err
}

// Commit makes all changes of a Transactional mapping since the last durable in
// the store, together or not at all: after a power cut, or the death of the
// process, at any moment, the store has all of them or none (it is Map, with the
// same journal, that finishes what was under way). It needs memory for neither
// all of them nor the journal; what is in swap is read from there. The journal is
// synced, the store only when there are 16 MiB of commits in it, and by Close: until
// then the store without its journal may lack them after a power cut.
//
// It waits until no page is pinned for writing, and PinWrite waits for it; reads
// go on. After an error nothing is committed and all changes are still there,
// but for [ErrPending], after which they are safe, and for a sync of the store or
// the journal that failed, after which nobody knows: [ErrSyncFailed], from then on
// of every Commit. Close, open the store again, and map it.
func (m *Mapping) Commit(ctx context.Context) error {
	begun := m.pager.now()
	if m.mode != Transactional {
		return m.fail("commit", 0, 0, ErrMode)
	}
	if err := m.takeTurn(ctx, "commit"); err != nil {
		return err
	}
	defer m.leaveTurn()
	if err := m.gate.close(ctx); err != nil {
		return m.fail("commit", 0, 0, err)
	}
	defer m.gate.open()
	pages := m.changed()
	if len(pages) == 0 {
		return nil
	}
	if err := m.commits.unchanged(m.store); err != nil {
		return m.fail("commit", 0, 0, err)
	}
	err := m.commits.journal.CommitFrom(m.commits.size, m.spans(pages), m.readChanged)
	m.wrote()
	if err != nil {
		m.pager.stats.writeErrors.Add(1)
		return m.fail("commit", 0, 0, m.commits.failure(err))
	}
	for _, page := range pages {
		m.settle(page)
	}
	m.forgetChunks(pages)
	p := m.pager
	p.stats.commits.Add(1)
	p.stats.commTime.add(p.now() - begun)
	p.tell(event.Sync, m, begun, pages[0], uint64(len(pages)), true)
	return nil
}

// changed lists the pages that have changes that the store has not, in order.
// Nobody makes more of them: the gate is closed, or the caller does not mind.
func (m *Mapping) changed() []uint64 {
	var pages []uint64
	for chunk := range m.chunks.all() {
		for page := chunk * chunkPages; page < min((chunk+1)*chunkPages, uint64(len(m.table))); page++ {
			if w := m.settled(page); w.isChanged() {
				pages = append(pages, page)
			}
		}
	}
	return pages
}

func (w entry) isChanged() bool {
	return w.state() == swapped || w.state() == resident && w&(dirty|slotted) != 0
}

// settled is the word of a page once it is neither faulting nor evicting.
func (m *Mapping) settled(page uint64) entry {
	c := &m.table[page]
	for {
		w := c.load()
		if s := w.state(); s != faulting && s != evicting {
			return w
		}
		_ = m.pager.waits.wait(background, page, c) // a failed read is the reader's
	}
}

// spans are the pages as ranges of the store.
func (m *Mapping) spans(pages []uint64) []journal.Span {
	const most = 1 << 30 / (64 << 10) // pages in a span: its length must fit 32 bits
	var all []journal.Span
	for i := 0; i < len(pages); {
		n := 1
		for i+n < len(pages) && n < most>>(m.shift-12) && pages[i+n] == pages[i]+uint64(n) {
			n++
		}
		r := run{first: pages[i], count: n}
		all = append(all, journal.Span{Offset: m.base + int64(r.first<<m.shift), Length: int64(m.valid(r))})
		i += n
	}
	return all
}

// readChanged fills b with the mapping's bytes at an offset of the store, from
// memory or from swap. It brings no page in.
func (m *Mapping) readChanged(b []byte, off int64) error {
	at := uint64(off - m.base)
	for len(b) > 0 {
		n := min(len(b), int(m.inPage+1-at&m.inPage))
		if err := m.copyChanged(b[:n], at); err != nil {
			return err
		}
		b, at = b[n:], at+uint64(n)
	}
	return nil
}

// copyChanged copies from one page.
func (m *Mapping) copyChanged(b []byte, at uint64) error {
	page := at >> m.shift
	c := &m.table[page]
	for {
		w := m.settled(page)
		if w.state() == swapped {
			return m.copySwapped(b, at, w)
		}
		if w.state() == resident && c.swap(w, w+onePin) {
			copy(b, m.data[at:])
			m.drop(c)
			return nil
		}
	}
}

func (m *Mapping) copySwapped(b []byte, at uint64, w entry) error {
	page := at >> m.shift
	s := m.pager.borrow()
	defer m.pager.scratch.Put(s)
	whole := s.bytes()[:m.inPage+1]
	if err := m.pager.swap.read(w.slot(), w.sum(), m.pageID(page), whole); err != nil {
		return m.fail("swap in", int64(page<<m.shift), int64(len(whole)), err)
	}
	copy(b, whole[at&m.inPage:])
	return nil
}

// settle says of a page that the store has it now.
func (m *Mapping) settle(page uint64) {
	c := &m.table[page]
	for {
		w := m.settled(page)
		switch {
		case w.state() == swapped:
			if c.swap(w, 0) {
				m.leave(page)
				m.pager.swap.release(w.slot())
				return
			}
		case w&slotted != 0:
			// The pin keeps the page from being evicted with a slot that is
			// being given back.
			if c.swap(w, (w+onePin)&^slotted) {
				m.pager.swap.forget(m.pageID(page))
				m.drop(c)
				return
			}
		case c.swap(w, w&^dirty):
			return
		}
	}
}

func (m *Mapping) forgetChunks(pages []uint64) {
	for _, page := range pages {
		m.chunks.take(page / chunkPages)
	}
}

// Discard forgets all changes of a Private mapping, or those of a Transactional
// one since the last Commit: the pages are the store's again. While one of them
// is pinned it is [ErrPinned], and nothing is forgotten.
func (m *Mapping) Discard(ctx context.Context) error {
	if m.mode != Private && m.mode != Transactional {
		return m.fail("discard", 0, 0, ErrMode)
	}
	if err := m.takeTurn(ctx, "discard"); err != nil {
		return err
	}
	defer m.leaveTurn()
	if m.gate != nil {
		if err := m.gate.close(ctx); err != nil {
			return m.fail("discard", 0, 0, err)
		}
		defer m.gate.open()
		// What a commit could not write yet must be in the store first.
		if err := m.commits.journal.Finish(); err != nil {
			return m.fail("discard", 0, 0, m.commits.failure(err))
		}
	}
	pages := m.changed()
	inMemory, inSlots, err := m.claimChanged(pages)
	for _, v := range inSlots {
		c := &m.table[v.page]
		if err != nil {
			c.set(v.word, inSwap(v.word.slot(), v.word.sum()))
		} else {
			m.setAbsent(v.page, v.word)
			m.pager.swap.release(v.word.slot())
		}
		m.pager.waits.finish(v.page, c, nil)
	}
	if err != nil {
		m.pager.unclaim(inMemory)
	} else {
		m.vacate(inMemory)
	}
	return err
}

// claimChanged makes pages that are in memory evicting, and those in swap
// faulting, so that nobody else comes at them. An error says that one is pinned.
func (m *Mapping) claimChanged(pages []uint64) (inMemory, inSlots []victim, err error) {
	for _, page := range pages {
		for {
			w := m.settled(page)
			if !w.isChanged() {
				break
			}
			if w.state() == resident && w.pins() > 0 {
				return inMemory, inSlots, m.fail("discard", int64(page<<m.shift), 1<<m.shift, ErrPinned)
			}
			v := victim{m: m, page: page, word: w.in(evicting)}
			if w.state() == swapped {
				v.word = w.in(faulting) | slotted
			}
			if !m.table[page].swap(w, v.word) {
				continue
			}
			if w.state() == swapped {
				inSlots = append(inSlots, v)
			} else {
				inMemory = append(inMemory, v)
			}
			break
		}
	}
	return inMemory, inSlots, nil
}

package filemap

import (
	"github.com/filemap-go/filemap/internal/journal"
	"github.com/filemap-go/filemap/internal/sys"
)

// target is the file of a [Staged] Map as its pages are written to it.
//
// Pages are written singly, into folios of the page cache that may hold 2 MiB, of a
// file that was written or read in large pieces. ext4 then goes through the state
// of each block of the folio for every such write, and again when it is written to
// the device. So what is written to often and has large folios has them split, as
// soon as it is clean: that costs as much as a few writes, and readers no more than
// that fewer pages are mapped by one fault.
type target struct {
	journal.Target
	file   sys.File
	writes map[int64]*written // since the last Sync, by their window
	split  map[int64]bool     // windows that have been, or have no large folio
	syncs  int                // since split was emptied
}

// written is what happened in a window, as far as anything may be split there.
type written struct {
	times int
	off   int64 // of the last one
}

const (
	splitWindow = 1 << 20  // that is looked at, and split, at once
	splitAfter  = 2        // writes to it
	splitBelow  = 64 << 10 // bytes that a write may have to count as one of single pages
	splitSyncs  = 16       // after which folios may have become large again
)

func newTarget(f sys.File) *target {
	return &target{Target: journal.TargetOf(f), file: f, writes: map[int64]*written{}, split: map[int64]bool{}}
}

// WriteAt writes p, and counts it.
func (t *target) WriteAt(p []byte, off int64) (int, error) {
	if window := off &^ (splitWindow - 1); sys.SplitsFolios && len(p) < splitBelow && !t.split[window] {
		w := t.writes[window]
		if w == nil {
			w = new(written)
			t.writes[window] = w
		}
		w.times, w.off = w.times+1, off
	}
	return t.Target.WriteAt(p, off)
}

// Sync makes the file durable, and splits folios then.
func (t *target) Sync() error {
	if err := t.Target.Sync(); err != nil {
		return err
	}
	if t.syncs++; t.syncs == splitSyncs {
		t.syncs = 0
		clear(t.split)
	}
	for window, w := range t.writes {
		if w.times >= splitAfter {
			// It only saves time: what fails leaves things as they are.
			_ = t.file.SplitFolio(w.off)
			t.split[window] = true
		}
	}
	clear(t.writes)
	return nil
}

// writeBytes is how much of a Staged Map is written to its file at a time.
const writeBytes = 64 << 10

// writeDurably writes the spans to the file and syncs it. Only a sync that fails
// is for good: the system then thinks the pages written. What a write refuses
// (a full disk, say) is still ours, and can be written again.
func (m *Map) writeDurably(spans []sys.Span) error {
	buffer, size := make([]byte, writeBytes), m.size.Load()
	for _, span := range spans {
		if err := m.writeSpan(span, size, buffer); err != nil {
			return err
		}
	}
	err := m.stage.target.Sync()
	if err == nil && m.sync.entry.Valid() {
		if err = m.file.Sync(); err == nil {
			err = m.syncEntry()
		}
	}
	if err != nil {
		m.sync.failed = err
	}
	return err
}

// writeSpan writes a span to the file by way of a buffer: what the kernel reads of
// memory that is not mapped any more is an error of the write that says nothing,
// and pages that were just mapped are dear for it to reach on virtual machines that
// keep two page tables.
func (m *Map) writeSpan(span sys.Span, size int64, buffer []byte) error {
	at, b := m.clip(span, size)
	for n := int64(len(b)); n > 0; {
		part := buffer[:min(n, int64(len(buffer)))]
		if err := m.copyLocked("sync", part, at); err != nil {
			return err
		}
		done, err := m.stage.target.WriteAt(part, m.offset+at)
		if err != nil {
			return m.fail("sync", at+int64(done), n-int64(done), m.refused(sys.Stores, spaceError(err)))
		}
		at, n = at+int64(len(part)), n-int64(len(part))
	}
	return nil
}

// copyLocked fills p with what is stored from off on. m.mu is held. That it was
// there is known afterwards: the file can have become shorter meanwhile.
func (m *Map) copyLocked(op string, p []byte, off int64) error {
	err := m.guardLocked(op, func() { copy(p, m.data[off:]) })
	if err == nil {
		err = m.stage.canary.check()
	}
	return err
}

// clip cuts a span of the region down to the bytes of the mapping, of which there
// are size: where they begin, and they. The Map's own size may change at any time;
// the caller has read it once.
func (m *Map) clip(span sys.Span, size int64) (off int64, b []byte) {
	begin := min(max(span.Off, m.begin), m.begin+int(size))
	end := max(min(span.Off+span.Len, m.begin+int(size)), begin)
	return int64(begin - m.begin), m.region.Bytes()[begin:end]
}

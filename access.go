package filemap

import "github.com/filemap-go/filemap/internal/sys"

// View calls f with the n bytes from off; n may be [ToEnd]. The bytes are there
// when f runs: what is not in memory is loaded before, inside system calls, so
// that the goroutine waits and not the scheduler's processor with it. A page
// that cannot be had is an *Error, before f or, as under [Map.Guard], out of it.
// Resident bytes cost a look at what the Map knows and the guard, a few ns.
//
// f must not store to the slice ([Map.Update] is for that) nor keep it. Mapped
// bytes are handed over themselves; of a Map whose [Backing] is Read, a copy: more
// than this machine has memory for, or this process may have, is an [ErrMapLimit].
func (m *Map) View(off, n int64, f func(b []byte) error) error {
	n, err := m.span("view", off, n)
	if err != nil {
		return err
	}
	if m.backing == Read {
		return m.viewCopy("view", off, n, f)
	}
	return m.access("view", off, n, f)
}

// Update calls f with the n bytes from off to change them; n may be [ToEnd]. It
// is [Map.View] otherwise. Of a [Staged] Map all of the n bytes count for the
// [DirtyLimit], and where n is a page or less they count as changed; f must not
// call Sync, Commit or Discard, which wait for it. When f fails, panics or faults,
// what it has stored stays stored. Of a Map whose [Backing] is
// Read, f gets a copy, which is written back when f returns nil.
func (m *Map) Update(off, n int64, f func(b []byte) error) error {
	n, err := m.span("update", off, n)
	if err != nil {
		return err
	}
	if m.mode == ReadOnly {
		return m.fail("update", off, n, ErrReadOnly)
	}
	if m.backing == Read {
		return m.updateFile(off, n, f)
	}
	if err := m.beginStore("update", off, n, true); err != nil {
		return err
	}
	defer m.endStore(true)
	return m.access("update", off, n, f)
}

func (m *Map) access(op string, off, n int64, f func(b []byte) error) error {
	if n > 0 && !m.resident(off, n) {
		if _, err := m.loaded(op, off, n, m.load(m.accessBy(op, n), off, n)); err != nil {
			return err
		}
	}
	return m.Guard(func() error { return f(m.data[off : off+n : off+n]) })
}

// accessBy is how n bytes are loaded for op. Of a [Staged] Map the copy that the
// first store makes of its page is made with them, where that is one page or two:
// to map the file's page first would cost a fault more, and tell all processors
// when the copy takes its place.
func (m *Map) accessBy(op string, n int64) sys.Advice {
	if op == "update" && m.stage != nil && n <= int64(sys.PageSize) {
		return sys.PopulateWrite
	}
	return sys.PopulateRead
}

func (m *Map) updateFile(off, n int64, f func(b []byte) error) error {
	return m.viewCopy("update", off, n, func(b []byte) error {
		if err := f(b); err != nil {
			return err
		}
		_, err := m.writeFile("update", b, off)
		return err
	})
}

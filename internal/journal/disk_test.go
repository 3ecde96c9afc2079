package journal

import (
	"bytes"
	"errors"
	"io"
	"slices"
)

// disk is a device that remembers what a power cut can lose: of the operations
// since a file's last sync any may be missing, a write in any of its sectors.
type disk struct {
	journal, target *model
	steps           int  // operations so far
	stopAt          int  // the operation at which the power goes; 0: never
	atSync          bool // and that was a sync
	full            int  // writes that still find room; negative: all
	failSync        *model
}

var (
	errPower = errors.New("the power is gone")
	errFull  = errors.New("no space")
	errSync  = errors.New("the device failed")
)

const sector = block / 2 // two are enough for a write to be torn

// model is a file of the disk.
type model struct {
	disk    *disk
	durable []byte
	now     []byte // what a process sees
	pending []op   // since the last sync
}

// op is a write of one sector, or a new size where data is nil.
type op struct {
	off  int64
	data []byte
}

// newDisk has a target and a journal that was just made.
func newDisk(target []byte) *disk {
	d := &disk{full: -1}
	blank := Blank(testIdentity.Identity)
	d.journal = &model{disk: d, durable: blank, now: slices.Clone(blank)}
	d.target = &model{disk: d, durable: slices.Clone(target), now: slices.Clone(target)}
	return d
}

func (d *disk) step() error {
	d.steps++
	if d.stopAt > 0 && d.steps >= d.stopAt {
		return errPower
	}
	return nil
}

func (m *model) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(m.now)) {
		return 0, io.EOF
	}
	n := copy(p, m.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *model) WriteAt(p []byte, off int64) (int, error) {
	if err := m.disk.step(); err != nil {
		return 0, err
	}
	if m.disk.full == 0 {
		return 0, errFull
	}
	m.disk.full--
	if end := off + int64(len(p)); off >= int64(len(m.now)) && isZero(p) {
		m.do(op{end, nil}) // which is what zeros behind the end come to
		return len(p), nil
	}
	for done := 0; done < len(p); {
		at := off + int64(done)
		n := min(int(sector-at%sector), len(p)-done)
		m.do(op{at, slices.Clone(p[done : done+n])})
		done += n
	}
	return len(p), nil
}

func (m *model) do(o op) {
	if !m.idle(o) {
		m.pending = append(m.pending, o)
	}
	m.now = o.apply(m.now)
}

// idle tells whether it makes no difference if an operation is lost: it writes what
// is there, on the device or by one that can be lost as well. There would be too
// many disks to look at with these.
func (m *model) idle(o op) bool {
	if o.data == nil {
		return o.off == int64(len(m.now))
	}
	end := o.off + int64(len(o.data))
	for _, p := range slices.Backward(m.pending) {
		if p.data == nil && p.off >= end {
			continue
		}
		if p.data == nil {
			return false
		}
		if p.off < end && o.off < p.off+int64(len(p.data)) {
			return p.off == o.off && bytes.Equal(p.data, o.data)
		}
	}
	return end <= int64(len(m.durable)) && bytes.Equal(m.durable[o.off:end], o.data)
}

func (o op) apply(b []byte) []byte {
	if o.data == nil {
		if o.off < int64(len(b)) {
			return b[:o.off]
		}
		return append(b, make([]byte, o.off-int64(len(b)))...)
	}
	if end := o.off + int64(len(o.data)); end > int64(len(b)) {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	copy(b[o.off:], o.data)
	return b
}

func (m *model) Truncate(size int64) error {
	if err := m.disk.step(); err != nil {
		return err
	}
	m.do(op{size, nil})
	return nil
}

func (m *model) Size() (int64, error) { return int64(len(m.now)), nil }

func (m *model) Sync() error {
	if err := m.disk.step(); err != nil {
		m.disk.atSync = m.disk.steps == m.disk.stopAt
		return err
	}
	if m.disk.failSync == m {
		m.pending = nil // the system thinks it written
		return errSync
	}
	m.durable, m.pending = slices.Clone(m.now), nil
	return nil
}

func (m *model) Close() error { return nil }

// cut is the disk after a power cut at which, of the operations that were not
// synced, those happened whose bit of kept is set, in their order.
func (d *disk) cut(kept uint64) *disk {
	after := newDisk(nil)
	for _, pair := range [][2]*model{{d.journal, after.journal}, {d.target, after.target}} {
		was, is := pair[0], pair[1]
		b := slices.Clone(was.durable)
		for _, o := range was.pending {
			if kept&1 != 0 {
				b = o.apply(b)
			}
			kept >>= 1
		}
		is.durable, is.now = slices.Clone(b), b
	}
	return after
}

// killed is the disk after the death of the process alone: the system's cache
// lives on, and what was not synced can still be lost later.
func (d *disk) killed() *disk {
	after := newDisk(nil)
	for _, pair := range [][2]*model{{d.journal, after.journal}, {d.target, after.target}} {
		was, is := pair[0], pair[1]
		is.durable, is.now, is.pending = slices.Clone(was.durable), slices.Clone(was.now), slices.Clone(was.pending)
	}
	return after
}

// unsynced is how many operations a power cut could lose.
func (d *disk) unsynced() int { return len(d.journal.pending) + len(d.target.pending) }

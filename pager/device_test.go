package pager

import (
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/filemap-go/filemap/internal/journal"
	"github.com/filemap-go/filemap/internal/sys"
)

var (
	errDevice = errors.New("the device failed")
	errPower  = errors.New("the power is gone")
)

// device is what stores, journals and swap files of a test are on: it can fail
// any call, hold it up, and lose what was not synced.
type device struct {
	mu     sync.Mutex
	steps  int                                          // calls that change something, so far
	stopAt int                                          // the power goes at this one; 0: never
	fail   func(op string, b *brittle, off int64) error // asked before each call, unlocked
	hold   func(op string, b *brittle, off int64)       // called before each call, unlocked
	files  []*brittle
}

// brittle is a file on a device. It is a store, and a journal's file.
type brittle struct {
	device  *device
	name    string
	now     []byte   // what a process sees
	durable []byte   // what was synced
	pending []change // since then
	synced  int      // how often it was
}

// change is a write of up to a sector, or a new size where data is nil.
type change struct {
	off  int64
	data []byte
}

const sectorBytes = 2048

// file makes a file; a journal is one that was just made.
func (d *device) file(name string, content []byte) *brittle {
	if name == "journal" && content == nil {
		content = journal.Blank(journal.Identity{})
	}
	b := &brittle{device: d, name: name, now: slices.Clone(content), durable: slices.Clone(content)}
	d.files = append(d.files, b)
	return b
}

// call is the beginning of each call; it returns with the device locked.
func (b *brittle) call(op string, off int64, changes bool) error {
	d := b.device
	if d.hold != nil {
		d.hold(op, b, off)
	}
	if d.fail != nil {
		if err := d.fail(op, b, off); err != nil {
			d.mu.Lock()
			return err
		}
	}
	d.mu.Lock()
	if changes {
		if d.steps++; d.stopAt > 0 && d.steps >= d.stopAt {
			return errPower
		}
	}
	return nil
}

func (b *brittle) ReadAt(p []byte, off int64) (int, error) {
	err := b.call("read", off, false)
	defer b.device.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if off >= int64(len(b.now)) {
		return 0, io.EOF
	}
	n := copy(p, b.now[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (b *brittle) WriteAt(p []byte, off int64) (int, error) {
	err := b.call("write", off, true)
	defer b.device.mu.Unlock()
	if err != nil {
		return 0, err
	}
	for done := 0; done < len(p); {
		at := off + int64(done)
		n := min(int(sectorBytes-at%sectorBytes), len(p)-done)
		b.do(change{at, slices.Clone(p[done : done+n])})
		done += n
	}
	return len(p), nil
}

func (b *brittle) do(c change) {
	b.now = c.apply(b.now)
	b.pending = append(b.pending, c)
}

func (c change) apply(b []byte) []byte {
	end := c.off + int64(len(c.data))
	if end > int64(len(b)) {
		b = append(b, make([]byte, end-int64(len(b)))...)
	}
	if c.data == nil {
		return b[:c.off]
	}
	copy(b[c.off:], c.data)
	return b
}

func (b *brittle) Truncate(size int64) error {
	err := b.call("truncate", 0, true)
	defer b.device.mu.Unlock()
	if err == nil {
		b.do(change{size, nil})
	}
	return err
}

func (b *brittle) Sync() error {
	err := b.call("sync", 0, true)
	defer b.device.mu.Unlock()
	if err == nil {
		b.durable, b.pending = slices.Clone(b.now), nil
		b.synced++
	}
	return err
}

func (b *brittle) Size() (int64, error) {
	err := b.call("size", 0, false)
	defer b.device.mu.Unlock()
	return int64(len(b.now)), err
}

func (b *brittle) Close() error { return nil }

// after is the device as it is found later. With lost, the power was cut: of what
// was not synced any part may be missing, and lost says which. Without, only the
// process died.
func (d *device) after(lost func() bool) *device {
	d.mu.Lock()
	defer d.mu.Unlock()
	again := &device{}
	for _, b := range d.files {
		content := b.now
		if lost != nil {
			content = slices.Clone(b.durable)
			for _, c := range b.pending {
				if !lost() {
					content = c.apply(content)
				}
			}
		}
		again.file(b.name, content)
	}
	return again
}

func (d *device) named(name string) *brittle {
	for _, b := range d.files {
		if b.name == name {
			return b
		}
	}
	return nil
}

func coin() bool { return rand.IntN(2) == 0 }

// failing makes one kind of call fail on one file, until heal.
func (d *device) failing(op, file string, page int) {
	d.fail = func(o string, b *brittle, off int64) error {
		if o == op && b.name == file && (page < 0 || off/int64(sys.PageSize) == int64(page)) {
			return errDevice
		}
		return nil
	}
}

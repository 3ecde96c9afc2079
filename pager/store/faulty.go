package store

import (
	"errors"
	"io"
	"slices"
	"sync"
	"time"
)

// Faulty is a store for tests: it passes on what it is asked to another store,
// unless a [Fault] says otherwise, and keeps writes back until they are synced,
// so that a power cut can lose them. It is safe for concurrent use.
//
//	ReadAt ──► faults ──► writes since the last Sync, over the base
//	WriteAt ─► faults ──► kept in memory, in order
//	Sync ────► faults ──► all of them to the base, and the base's Sync
//	PowerCut ───────────► some of them to the base, the others are lost
type Faulty struct {
	base Store

	mu     sync.Mutex
	faults []*Fault
	writes []Write
	size   int64 // with the writes
	isDown bool
}

// Op is an operation of a store, as a bit.
type Op uint8

// The operations that a Fault can be about.
const (
	ReadOp Op = 1 << iota
	WriteOp
	SyncOp
	SizeOp
)

// Fault says what goes wrong. The zero Fault matches every operation and does
// nothing; set what is wanted.
type Fault struct {
	Ops      Op              // which operations; 0: all
	From, To int64           // reads and writes that touch [From, To); both 0: all
	Skip     int             // so many matching operations go well first
	Count    int             // so many go wrong, then no more; 0: all
	Delay    time.Duration   // before anything else happens
	Block    <-chan struct{} // and until this is closed; nil: no
	Err      error           // what fails; nil: it does not
	Short    int             // with Err: bytes that are transferred before it
	Flip     bool            // invert the first byte that is read: corruption that nobody reports

	matched int
}

// Write is one that was not synced yet.
type Write struct {
	Offset int64
	Bytes  []byte
}

// ErrPowerCut is the error of everything between a PowerCut and a Restart.
var ErrPowerCut = errors.New("the power was cut")

// NewFaulty returns a store on top of base.
func NewFaulty(base Store) (*Faulty, error) {
	size, err := base.Size()
	if err != nil {
		return nil, err
	}
	return &Faulty{base: base, size: size}, nil
}

// Inject adds a fault. Of several that match, each delays, and the first that
// has an error is the one that counts. remove takes it away again.
func (f *Faulty) Inject(fault Fault) (remove func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	added := &fault
	f.faults = append(f.faults, added)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.faults = slices.DeleteFunc(f.faults, func(x *Fault) bool { return x == added })
	}
}

// applies tells whether the fault strikes this operation, and counts it.
func (x *Fault) applies(op Op, off int64, n int) bool {
	if x.Ops != 0 && x.Ops&op == 0 {
		return false
	}
	if x.From != 0 || x.To != 0 {
		if op&(ReadOp|WriteOp) == 0 || off >= x.To || off+int64(n) <= x.From {
			return false
		}
	}
	x.matched++
	return x.matched > x.Skip && (x.Count == 0 || x.matched <= x.Skip+x.Count)
}

// strike waits for the delays of an operation and returns the fault that counts,
// an empty one if none does.
func (f *Faulty) strike(op Op, off int64, n int) Fault {
	var first Fault
	var waits []Fault
	f.mu.Lock()
	for _, x := range f.faults {
		if !x.applies(op, off, n) {
			continue
		}
		waits = append(waits, *x)
		if first.Err == nil && x.Err != nil || x.Flip {
			flip := first.Flip || x.Flip
			if first.Err == nil {
				first = *x
			}
			first.Flip = flip
		}
	}
	f.mu.Unlock()
	for _, x := range waits {
		time.Sleep(x.Delay)
		if x.Block != nil {
			<-x.Block
		}
	}
	return first
}

// ReadAt reads what was written last, synced or not.
func (f *Faulty) ReadAt(p []byte, off int64) (int, error) {
	fault := f.strike(ReadOp, off, len(p))
	want := p
	if fault.Err != nil {
		want = p[:min(fault.Short, len(p))]
	}
	n, err := f.read(want, off)
	if fault.Flip && n > 0 {
		p[0] = ^p[0]
	}
	if err == nil {
		err = fault.Err
	}
	return n, err
}

func (f *Faulty) read(p []byte, off int64) (int, error) {
	f.mu.Lock()
	if f.isDown {
		f.mu.Unlock()
		return 0, ErrPowerCut
	}
	if off < 0 {
		f.mu.Unlock()
		return 0, &Error{Op: "read", Path: "faulty store", Offset: off, Length: int64(len(p)), Err: ErrBounds}
	}
	end := min(off+int64(len(p)), f.size)
	writes := f.writes[:len(f.writes):len(f.writes)] // the bytes of a Write do not change
	f.mu.Unlock()
	if off >= end {
		if len(p) == 0 {
			return 0, nil
		}
		return 0, io.EOF
	}
	n := int(end - off)
	got, err := f.base.ReadAt(p[:n], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return got, err
	}
	clear(p[got:n]) // a hole before what was written behind the base's end
	for _, w := range writes {
		if from, to := max(off, w.Offset), min(end, w.Offset+int64(len(w.Bytes))); from < to {
			copy(p[from-off:to-off], w.Bytes[from-w.Offset:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt keeps the bytes until the next Sync.
func (f *Faulty) WriteAt(p []byte, off int64) (int, error) {
	fault := f.strike(WriteOp, off, len(p))
	if fault.Err != nil {
		p = p[:min(fault.Short, len(p))]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.isDown:
		return 0, ErrPowerCut
	case off < 0:
		return 0, &Error{Op: "write", Path: "faulty store", Offset: off, Length: int64(len(p)), Err: ErrBounds}
	}
	if len(p) > 0 {
		f.writes = append(f.writes, Write{off, slices.Clone(p)})
		f.size = max(f.size, off+int64(len(p)))
	}
	return len(p), fault.Err
}

// Sync writes everything to the base and syncs it. When it fails, what was
// written may still be lost.
func (f *Faulty) Sync() error {
	if fault := f.strike(SyncOp, 0, 0); fault.Err != nil {
		return fault.Err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isDown {
		return ErrPowerCut
	}
	return f.applyLocked(f.writes)
}

func (f *Faulty) applyLocked(writes []Write) error {
	for _, w := range writes {
		if _, err := f.base.WriteAt(w.Bytes, w.Offset); err != nil {
			return err
		}
	}
	f.writes = nil
	return f.base.Sync()
}

// Size is the length with all writes.
func (f *Faulty) Size() (int64, error) {
	if fault := f.strike(SizeOp, 0, 0); fault.Err != nil {
		return 0, fault.Err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.isDown {
		return 0, ErrPowerCut
	}
	return f.size, nil
}

// Unsynced returns the writes that a power cut could lose, in order.
func (f *Faulty) Unsynced() []Write {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.writes)
}

// PowerCut ends everything: of the writes that were not synced, those survive,
// or parts of them, that survivors returns; nil: none. From then on every
// operation fails with ErrPowerCut, until Restart.
func (f *Faulty) PowerCut(survivors func(unsynced []Write) []Write) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isDown = true
	var left []Write
	if survivors != nil {
		left = survivors(f.writes)
	}
	if err := f.applyLocked(left); err != nil {
		return err
	}
	size, err := f.base.Size()
	f.size = size
	return err
}

// Restart makes the store usable again, with what has survived.
func (f *Faulty) Restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.isDown = false
}

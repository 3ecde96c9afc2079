package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"

	"github.com/filemap-go/filemap/internal/sys"
)

// Read fills p from off of the target, the journal of which is at a place, with bytes
// that all belong to one commit, while others commit or after they have died. It
// takes no lock and keeps nobody waiting: it reads the target, then the row of
// commits in the journal, puts these over it, and begins again if another row was
// begun meanwhile. It returns the number of bytes, and io.EOF where the target
// ends before len(p). A target without a journal is read as it is.
//
// It costs, on top of p, the last commit, to be read and checked, and of those
// before it in the row their headers and what they have of p. When a writer fills
// rows faster than that, it goes on until ctx ends: [ErrBusy].
func Read(ctx context.Context, place Place, target Source, o Options, p []byte, off int64) (int, error) {
	for {
		n, steady, err := readOnce(place, target, o, p, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, &Error{Op: "read", Path: place.Path, Err: err}
		}
		if steady {
			return n, err
		}
		if ctx.Err() != nil {
			return 0, &Error{Op: "read", Path: place.Path, Err: errors.Join(ErrBusy, ctx.Err())}
		}
		runtime.Gosched()
	}
}

func readOnce(place Place, target Source, o Options, p []byte, off int64) (n int, steady bool, err error) {
	f, err := place.Dir.OpenFile(place.Name, 0, 0)
	if errors.Is(err, fs.ErrNotExist) {
		n, err = readTarget(target, p, off)
		f, missing := place.Dir.OpenFile(place.Name, 0, 0)
		if missing == nil {
			missing = f.Close()
		}
		return n, errors.Is(missing, fs.ErrNotExist), err
	}
	if err != nil {
		return 0, false, place.explain(err)
	}
	defer func() { // also when p is a mapping's and faults
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
	}()
	if st, err := f.Stat(); err == nil && st.Kind != sys.Regular {
		return 0, false, fmt.Errorf("%w: it is %v", ErrNotJournal, st.Kind)
	}
	return readConsistent(fileOf{f}, target, o, p, off)
}

// readConsistent reads once, and tells whether no row was begun meanwhile.
//
// The order is what makes it right. Whatever of a commit is in the target was whole
// in the journal before, so the row, read after the target, has all commits of
// which it can have a part; and laid over it in their order they make it the state
// that the last of them left. Only a row that was begun meanwhile can have others.
func readConsistent(f Source, target Source, o Options, p []byte, off int64) (n int, steady bool, err error) {
	h, damaged := readHeads(f)
	if damaged == nil {
		if n, err = readTarget(target, p, off); err != nil && !errors.Is(err, io.EOF) {
			return 0, false, err
		}
		n, damaged = h.layOver(f, o, p, n, off)
	}
	if damaged != nil && !errors.Is(damaged, ErrDamaged) && !errors.Is(damaged, errMoved) {
		return 0, false, damaged
	}
	after, err := readSome(f, 0, superblocks)
	if err != nil {
		return 0, false, err
	}
	steady = bytes.Equal(h.bytes, after) && !errors.Is(damaged, errMoved)
	switch {
	case !steady:
		return n, false, nil
	case damaged != nil:
		return 0, false, damaged
	case n < len(p):
		err = io.EOF
	}
	return n, true, err
}

// layOver makes of the first n bytes of p, which are the target's at off with any
// part of the row's commits, those after all of them, and returns how many these
// are.
func (h *heads) layOver(f Source, o Options, p []byte, n int, off int64) (int, error) {
	var records []record
	last, _, err := h.row.walk(f, func(one record) (bool, error) {
		records = append(records, one)
		return true, nil
	})
	if err == nil {
		err = h.row.belongsTo(o, len(records))
	}
	if err != nil {
		return n, err
	}
	e := end{h.row.start, h.row.sequence - 1, last.least}
	for i, one := range records {
		whole, over, err := one.within(f, off, int64(len(p)), i == len(records)-1)
		if err != nil {
			return n, err
		}
		if !whole {
			break
		}
		n = one.layOver(p, n, off, over)
		e.at, e.sequence = one.at+one.bytes(), one.sequence
	}
	return n, h.confirm(f, e)
}

// errMoved says that a reader saw a row that has become longer meanwhile.
var errMoved = errors.New("the row has become longer")

// confirm is judge for a reader, beside which a writer may have gone on.
func (h *heads) confirm(f Source, e end) error {
	var damaged *damage
	err := h.judge(f, e)
	if !errors.As(err, &damaged) {
		return err
	}
	// What is proven now was whole before: is it still missing?
	now, _, walkErr := h.row.walk(f, func(r record) (bool, error) { return r.checkData(f, nil) })
	if walkErr != nil {
		return walkErr
	}
	if now.sequence > e.sequence {
		return errMoved
	}
	return err
}

// within returns what a record has for the n bytes at off of the target, if all
// of it is whole. Of one that is not the row's last only these are looked at: it
// was synced before the next one was begun.
func (r record) within(f io.ReaderAt, off, n int64, last bool) (whole bool, over []Extent, err error) {
	wanted := func(e entry) bool { return last || e.offset < off+n && off < e.offset+int64(e.length) }
	whole, err = r.checkSome(f, wanted, func(at, _ int64, b []byte) error {
		begin, end := max(at, off), min(at+int64(len(b)), off+n)
		if begin < end {
			over = append(over, Extent{begin, bytes.Clone(b[begin-at : end-at])})
		}
		return nil
	})
	return whole, over, err
}

// layOver makes of the first n bytes of p, which are the target's at off before
// the commit, those after it, and returns how many these are.
func (r record) layOver(p []byte, n int, off int64, over []Extent) int {
	after := int(max(0, min(int64(len(p)), r.size-off)))
	if n < after {
		clear(p[n:after])
	}
	for _, e := range over {
		copy(p[:after][e.Offset-off:], e.Data)
	}
	return after
}

// readTarget fills p from off of the target, as far as that goes.
func readTarget(target io.ReaderAt, p []byte, off int64) (int, error) {
	n, err := target.ReadAt(p, off)
	if n == len(p) {
		err = nil
	}
	return n, err
}

package journal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/filemap-go/filemap/internal/sys"
)

// Read fills p from off of the target, of which the journal is at path, with bytes
// that all belong to one commit, while others commit or after they have died. It
// takes no lock and keeps nobody waiting: it reads the target, then the row of
// commits in the journal, puts these over it, and begins again if another row was
// begun meanwhile. It returns the number of bytes, and io.EOF where the target
// ends before len(p). A target without a journal is read as it is.
//
// It costs the row, to be read and checked, on top of p: some MiB, or a larger
// commit. When a writer fills rows faster than that, it goes on until ctx ends:
// [ErrBusy].
func Read(ctx context.Context, path string, target Source, o Options, p []byte, off int64) (int, error) {
	for {
		n, steady, err := readOnce(path, target, o, p, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, &Error{Op: "read", Path: path, Err: err}
		}
		if steady {
			return n, err
		}
		if ctx.Err() != nil {
			return 0, &Error{Op: "read", Path: path, Err: errors.Join(ErrBusy, ctx.Err())}
		}
		runtime.Gosched()
	}
}

func readOnce(path string, target Source, o Options, p []byte, off int64) (n int, steady bool, err error) {
	f, err := sys.OpenFile(path, 0, 0)
	if errors.Is(err, fs.ErrNotExist) {
		n, err = readTarget(target, p, off)
		_, missing := os.Lstat(path)
		return n, errors.Is(missing, fs.ErrNotExist), err
	}
	if err != nil {
		return 0, false, err
	}
	n, steady, err = readConsistent(fileOf{f}, target, o, p, off)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	return n, steady, err
}

// readConsistent reads once, and tells whether no row was begun meanwhile.
//
// The order is what makes it right. Whatever of a commit is in the target was whole
// in the journal before, so the row, read after the target, has all commits of
// which it can have a part; and laid over it in their order they make it the state
// that the last of them left. Only a row that was begun meanwhile can have others.
func readConsistent(f Source, target Source, o Options, p []byte, off int64) (n int, steady bool, err error) {
	row, _, before, err := readSuperblocks(f)
	if err != nil {
		return 0, false, err
	}
	n, err = readTarget(target, p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, false, err
	}
	_, err = row.walk(f, func(r record) (bool, error) {
		whole, over, err := r.within(f, off, int64(len(p)))
		switch {
		case !whole || err != nil:
			return false, err
		case row.identity != o.Identity && !o.Adopt:
			return false, ErrForeign
		}
		n = r.layOver(p, n, off, over)
		return true, nil
	})
	if err != nil {
		return 0, false, err
	}
	after, err := readSome(f, 0, superblocks)
	if err != nil {
		return 0, false, err
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, bytes.Equal(before, after), err
}

// within returns what a record has for the n bytes at off of the target, if all
// of it is whole.
func (r record) within(f io.ReaderAt, off, n int64) (whole bool, over []Extent, err error) {
	whole, err = r.checkData(f, func(at, _ int64, b []byte) error {
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

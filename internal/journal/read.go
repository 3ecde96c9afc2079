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

// Source is a target that is only read.
type Source interface {
	io.ReaderAt
	Size() (int64, error)
}

// Read fills p from off of the target, of which the journal is at path, with bytes
// that all belong to one commit, while others commit or after they have died. It
// takes no lock and keeps nobody waiting: it reads the journal, then the target,
// puts what the journal has over it, and begins again if the journal's header
// has changed meanwhile. It returns the number of bytes, and io.EOF where the
// target ends before len(p). A target without a journal is read as it is.
//
// It costs the journal's last commit, to be read and checked, on top of p. When a
// writer commits faster than that, it goes on until ctx ends: [ErrBusy].
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
		n, err = readTarget(target, p, off, nil, nil)
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

// readConsistent reads once, and tells whether nobody committed meanwhile.
func readConsistent(f Source, target Source, o Options, p []byte, off int64) (n int, steady bool, err error) {
	length, err := f.Size()
	if err != nil {
		return 0, false, err
	}
	h, state, before, err := readHeader(f, length)
	if err != nil {
		return 0, false, err
	}
	if state == Whole && h.identity != o.Identity && !o.Adopt {
		return 0, false, ErrForeign
	}
	var over []Extent
	var end *int64
	if state == Whole {
		whole, found, err := overlay(f, &h, off, int64(len(p)))
		if err != nil {
			return 0, false, err
		}
		if whole {
			over, end = found, &h.size
		}
	}
	n, err = readTarget(target, p, off, end, over)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, false, err
	}
	after, again := readSome(f, 0, int64(max(len(before), 1)))
	if again != nil {
		return 0, false, again
	}
	return n, bytes.Equal(before, after), err
}

// overlay returns what the journal's commit has for the n bytes at off of the
// target, if all of the commit is whole.
func overlay(f io.ReaderAt, h *header, off, n int64) (whole bool, over []Extent, err error) {
	whole, err = checkData(f, h, func(_ int, at, _ int64, b []byte) error {
		begin, end := max(at, off), min(at+int64(len(b)), off+n)
		if begin < end {
			over = append(over, Extent{begin, bytes.Clone(b[begin-at : end-at])})
		}
		return nil
	})
	return whole, over, err
}

// readTarget fills p from off of the target as it is when over is written to it
// and its size is end.
func readTarget(target io.ReaderAt, p []byte, off int64, end *int64, over []Extent) (int, error) {
	n, err := target.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	if end != nil {
		want := int(max(0, min(int64(len(p)), *end-off)))
		if n < want {
			clear(p[n:want])
		}
		n = want
	}
	for _, e := range over {
		copy(p[:n][e.Offset-off:], e.Data)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

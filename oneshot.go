package filemap

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/filemap-go/filemap/internal/sys"
)

// OneShotBytes is the size from which [Whole] maps a file: below it, mapping,
// faulting and unmapping cost more than reading into a buffer that is there.
// `filemap compare --pattern sum --sweep` measures where that is on a machine: on
// the one this was written on, a mapping made for each use is 0.7 times as fast
// as the best reading at 40 kB, 1.2 at 160 kB and 1.4 at 640 kB.
const OneShotBytes = 256 << 10

// Whole calls f once with all bytes of the file at path, and chooses how to get
// them: a regular file of [OneShotBytes] and more is mapped, a smaller one is
// read, and so is what cannot be mapped (a pipe, a file of procfs, a file system
// without mappings). f must neither store to the bytes nor keep them.
//
// A page that cannot be had is an *Error, as under [Map.Guard]. For more than one
// look at a file, open it and keep the Map.
func Whole(path string, f func(b []byte) error) error {
	file, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		return &Error{Op: "read", Path: path, Err: explainOpen(path, err)}
	}
	for range wholeTries {
		st, tail, _, err := counted(file, sys.File.Stat)
		switch {
		case err != nil || st.Kind != sys.Regular:
			_ = file.Close()
			return wholeStream(path, f)
		case tail.at != 0 || st.Size >= OneShotBytes && sys.Mapped:
			c := newConfig(ReadOnly, []Option{OrRead}) // Open knows how much counts
			c.own = true
			m, err := mapOrClose(file, path, &c)
			if err != nil {
				return err
			}
			return wholeMapped(m, f)
		case st.Size > 0:
			done, err := wholeCopy(file, path, st.Size, f)
			if done {
				return err
			}
		}
		b, err := os.ReadFile(path) // it is empty, does not know its size, or has become longer
		if again, statErr := file.Stat(); statErr == nil && again.Size == st.Size {
			_ = file.Close()
			if err != nil {
				return &Error{Op: "read", Path: path, Err: err}
			}
			return f(b)
		}
	}
	_ = file.Close()
	return wholeStream(path, f)
}

// wholeTries bounds how often Whole begins again, of a file that becomes longer all the
// time: then it is whatever it is when it is read.
const wholeTries = 10

// wholeCopy reads a file of that size, closes it and calls f, unless it has more bytes
// by now.
func wholeCopy(file sys.File, path string, size int64, f func(b []byte) error) (done bool, err error) {
	b, free, err := copyBuffer(size + 1) // one more, to see whether that was all
	if err != nil {
		_ = file.Close()
		return true, &Error{Op: "read", Path: path, Length: size, Err: err}
	}
	defer freed(free, &err)
	n, err := file.ReadAt(b, 0)
	if int64(n) > size {
		return false, nil
	}
	_ = file.Close()
	if err != nil && !errors.Is(err, io.EOF) {
		return true, &Error{Op: "read", Path: path, Offset: int64(n), Length: 1, Err: fmt.Errorf("%w: %w", ErrIO, err)}
	}
	return true, f(b[:n])
}

// wholeMapped closes m, however f ends.
func wholeMapped(m *Map, f func(b []byte) error) (err error) {
	defer freed(m.Close, &err)
	return m.View(0, ToEnd, f)
}

// wholeStream reads what has no size until it ends.
func wholeStream(path string, f func(b []byte) error) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return &Error{Op: "read", Path: path, Err: explainOpen(path, err)}
	}
	return f(b)
}

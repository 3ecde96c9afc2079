package comparison

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// increment is the article's task: a file of 32-bit integers is read, each is
// incremented, and they are written back. One operation is the whole file once.
//
// All contenders work on the same file and increment by the same loop. Before
// each run the contender increments once with the clock stopped, so that what is
// timed is a buffer or a mapping in use, not one that lay idle while the others
// had their turn: a kernel that watches which pages are used (README.md, "What
// idling costs") has by then forgotten it. After each run the file is read
// through a descriptor of its own: every integer must have grown by exactly the
// number of operations.
func increment() *harness.Comparison {
	c := &harness.Comparison{
		Name:  "increment",
		About: "the article's task: every int32 of a file + 1; a kept mapping against read/write loops",
	}
	for _, size := range []struct {
		name     string
		integers int
	}{
		{"40KB", 10_000}, // the article's
		{"1MB", 250_000},
		{"16MB", 4_000_000},
		{"64MB", 16_000_000},
		{"256MB", 64_000_000},
	} {
		c.Cases = append(c.Cases, harness.Case{
			Name:       size.name,
			Unit:       "ns/op",
			Better:     harness.Lower,
			Prepare:    func(dir string) error { return makeIntegers(integersIn(dir), size.integers) },
			Contenders: incrementContenders(size.integers * 4),
		})
	}
	return c
}

func integersIn(dir string) string { return filepath.Join(dir, "mmap_test") }

// makeIntegers makes a file whose integer at place i is i.
func makeIntegers(path string, count int) error {
	return makeFile(path, int64(count)*4, func(p []byte, off int64) {
		for i, first := 0, int32(off/4); i < len(p)/4; i++ {
			viewOf[int32](p)[i] = first + int32(i)
		}
	})
}

func incrementContenders(size int) []harness.Contender {
	all := []harness.Contender{
		incrementer("filemap kept", harness.Ours, filemapKept),
		incrementer("filemap one-shot", harness.Ours, filemapOneShot),
	}
	for _, library := range append(contender.Peers(), &contender.Raw) {
		if library.Write != nil {
			all = append(all, incrementer(library.Name+" kept", library.Role, keptOf(library)))
		}
	}
	for _, piece := range []int{16 << 10, 64 << 10, 256 << 10} {
		if piece < size {
			name := fmt.Sprintf("os.File, %d KiB pieces", piece>>10)
			all = append(all, incrementer(name, harness.Alternative, readWrite(piece)))
		}
	}
	return append(all, incrementer("os.File, whole file", harness.Alternative, readWrite(size)))
}

// work is a contender without its check: one call increments the file once.
type work struct {
	once  func() error
	close func() error
}

func incrementer(name string, role harness.Role, begin func(path string) (*work, error)) harness.Contender {
	return harness.Contender{Name: name, Role: role, New: func(dir string) (*harness.Task, error) {
		check, err := os.Open(integersIn(dir))
		if err != nil {
			return nil, err
		}
		w, err := begin(integersIn(dir))
		if err != nil {
			return nil, errors.Join(err, check.Close())
		}
		var before int32
		return &harness.Task{
			Before: func(int) (err error) {
				if err := w.once(); err != nil {
					return err
				}
				before, err = firstInteger(check)
				return err
			},
			Run: func(n int) error {
				for range n {
					if err := w.once(); err != nil {
						return err
					}
				}
				return nil
			},
			Check: func(n int) error { return checkIntegers(check, before+int32(n)) },
			Close: func() error { return errors.Join(w.close(), check.Close()) },
		}, nil
	}}
}

func filemapKept(path string) (*work, error) {
	m, err := filemap.Open(path, filemap.ReadWrite)
	if err != nil {
		return nil, err
	}
	integers, err := filemap.SliceOf[int32](m, 0, filemap.ToEnd)
	if err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return &work{func() error { addOne(integers); return nil }, m.Close}, nil
}

func filemapOneShot(path string) (*work, error) {
	once := func() error {
		w, err := filemapKept(path)
		if err != nil {
			return err
		}
		return errors.Join(w.once(), w.close())
	}
	return &work{once, func() error { return nil }}, nil
}

func keptOf(library *contender.Library) func(path string) (*work, error) {
	return func(path string) (*work, error) {
		m, err := library.Write(path)
		if err != nil {
			return nil, err
		}
		integers := viewOf[int32](m.Bytes)
		return &work{func() error { addOne(integers); return nil }, m.Close}, nil
	}
}

// readWrite keeps the file open and one buffer.
func readWrite(pieceBytes int) func(path string) (*work, error) {
	return func(path string) (*work, error) {
		f, err := contender.OSFile.Write(path)
		if err != nil {
			return nil, err
		}
		buffer := make([]byte, pieceBytes)
		once := func() error {
			for off := int64(0); ; off += int64(len(buffer)) {
				n, err := f.ReadAt(buffer, off)
				if err != nil && !errors.Is(err, io.EOF) {
					return err
				}
				addOne(viewOf[int32](buffer[:n]))
				if _, err := f.WriteAt(buffer[:n], off); err != nil {
					return err
				}
				if n < len(buffer) || err != nil {
					return nil
				}
			}
		}
		return &work{once, f.Close}, nil
	}
}

// addOne is the loop of every contender: sixteen integers a turn, no bounds checks.
//
//go:noinline
func addOne(s []int32) {
	for len(s) >= 16 {
		p := (*[16]int32)(s)
		p[0]++
		p[1]++
		p[2]++
		p[3]++
		p[4]++
		p[5]++
		p[6]++
		p[7]++
		p[8]++
		p[9]++
		p[10]++
		p[11]++
		p[12]++
		p[13]++
		p[14]++
		p[15]++
		s = s[16:]
	}
	for i := range s {
		s[i]++
	}
}

func firstInteger(f *os.File) (int32, error) {
	p := make([]byte, 4)
	_, err := f.ReadAt(p, 0)
	return viewOf[int32](p)[0], err
}

// checkIntegers reads all of f: the integer at place i must be first+i.
func checkIntegers(f *os.File, first int32) error {
	buffer := make([]byte, 256<<10)
	want := first
	for off := int64(0); ; off += int64(len(buffer)) {
		n, err := f.ReadAt(buffer, off)
		for i, got := range viewOf[int32](buffer[:n]) {
			if got != want {
				return harness.Wrong("integer %d is %d, not %d", off/4+int64(i), got, want)
			}
			want++
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

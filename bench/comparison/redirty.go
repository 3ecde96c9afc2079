package comparison

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

// redirty is what it costs to store to pages again that a sync has just made
// durable, and what a whole round of dense storing and syncing costs.
//
// The cases "again" store 8 bytes to each page of a file, which all of them were
// stored to and synced before, the clock stopped; the value is the time of such a
// store. The cases "round" store to every byte and sync; the value is the time of
// both. The file is written in pieces of 1 MiB or of 4 KiB, which decides how large
// the page cache's folios are. Each contender has a file of its own, since a sync
// concerns all mappings of a file. After each run the file is read through a
// descriptor: it must hold what was stored last.
func redirty() *harness.Comparison {
	large, small := rewriting{"large", 256 << 20, 1 << 20}, rewriting{"small", 64 << 20, 4 << 10}
	round := rewriting{"large", 64 << 20, 1 << 20}
	return &harness.Comparison{
		Name:  "redirty",
		About: "storing again to pages that were synced, and rounds of storing everything and syncing",
		Cases: []harness.Case{
			large.newCase("again", "ns/page", (*rewriter).again),
			small.newCase("again", "ns/page", (*rewriter).again),
			round.newCase("round", "ms", (*rewriter).round),
			small.newCase("round", "ms", (*rewriter).round),
		},
	}
}

// pageWords is how many 8-byte words a page has.
var pageWords = int(pageBytes / 8)

// rewriting is the file of a case: its size, and the pieces it is written in.
type rewriting struct {
	folios      string
	size, piece int64
}

func (r rewriting) newCase(what, unit string, measure func(*rewriter) (float64, error)) harness.Case {
	c := harness.Case{Name: fmt.Sprintf("%s/%s/%dMB", what, r.folios, r.size>>20), Unit: unit, Better: harness.Lower, Ops: 1}
	add := func(name string, role harness.Role, write func(path string) (*contender.Mapping, error)) {
		c.Contenders = append(c.Contenders, harness.Contender{Name: name, Role: role, New: func(dir string) (*harness.Task, error) {
			return r.newTask(filepath.Join(dir, fmt.Sprintf("%s-%d-%d", what, r.size, len(name))+name[:3]), write, measure, what == "again")
		}})
	}
	add("filemap", harness.Ours, filemapWrite)
	for _, l := range append(contender.Peers(), &contender.Raw) {
		if l.Write != nil {
			add(l.Name, l.Role, l.Write)
		}
	}
	return c
}

func filemapWrite(path string) (*contender.Mapping, error) {
	m, err := filemap.Open(path, filemap.ReadWrite)
	if err != nil {
		return nil, err
	}
	return &contender.Mapping{Bytes: m.Bytes(), Sync: m.Sync, Close: m.Close}, nil
}

// rewriter is a mapping and what was stored to it last.
type rewriter struct {
	mapping *contender.Mapping
	words   []uint64
	value   uint64
}

func (r rewriting) newTask(path string, write func(string) (*contender.Mapping, error), measure func(*rewriter) (float64, error), synced bool) (*harness.Task, error) {
	if err := makePieces(path, r.size, r.piece); err != nil {
		return nil, err
	}
	m, err := write(path)
	if err != nil {
		return nil, errors.Join(err, os.Remove(path))
	}
	w := &rewriter{mapping: m, words: viewOf[uint64](m.Bytes)}
	stride := 1
	if synced {
		stride = pageWords
	}
	return &harness.Task{
		Before: func(int) error {
			if !synced {
				return nil
			}
			w.store(stride)
			return m.Sync()
		},
		Measure: func(int) (float64, error) { return measure(w) },
		Check:   func(int) error { return checkWords(path, stride, w.value) },
		Close:   func() error { return errors.Join(m.Close(), os.Remove(path)) },
	}, nil
}

// store puts the next value to every word, or to one of each stride.
func (w *rewriter) store(stride int) {
	w.value++
	for i := 0; i < len(w.words); i += stride {
		w.words[i] = w.value
	}
}

func (w *rewriter) again() (float64, error) {
	begin := time.Now()
	w.store(pageWords)
	return float64(time.Since(begin)) / float64(len(w.words)/pageWords), nil
}

func (w *rewriter) round() (float64, error) {
	begin := time.Now()
	w.store(1)
	err := w.mapping.Sync()
	return float64(time.Since(begin)) / float64(time.Millisecond), err
}

// makePieces makes a file of zeros, by writes of piece bytes.
func makePieces(path string, size, piece int64) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zeros := make([]byte, piece)
	for done := int64(0); done < size; done += piece {
		if _, err := f.Write(zeros); err != nil {
			return err
		}
	}
	return f.Sync()
}

// checkWords checks that one word of each stride is want.
func checkWords(path string, stride int, want uint64) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buffer := make([]byte, writeBytes)
	for off := int64(0); ; {
		n, readErr := f.ReadAt(buffer, off)
		for i, word := range viewOf[uint64](buffer[:n]) {
			if i%stride == 0 && word != want {
				return harness.Wrong("%d at %d, not %d", word, off+int64(i)*8, want)
			}
		}
		off += int64(n)
		if readErr != nil {
			return nil // the end
		}
	}
}

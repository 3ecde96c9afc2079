package comparison

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dgraph-io/ristretto/v2/z"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/bench/harness"
)

// appending is what it costs to write a file by putting pieces behind each other:
// one operation is the making of a file, all its pieces, and the closing, at its
// exact length. Nothing is made durable. What filemap and ristretto have written
// can be read through their mappings at once; what bufio has cannot until it is
// handed on. After each run the file is read and compared, and removed.
//
// ristretto's file grows by its Truncate, which moves the mapping: doubled each
// time, as its users do. bufio has the buffer it comes with, and one of 64 KiB.
func appending() *harness.Comparison {
	c := &harness.Comparison{
		Name:  "append",
		About: "a file written piece by piece: Append against bufio with os.File, and ristretto's Truncate",
	}
	for _, k := range []appendCase{{100, 16 << 20}, {4096, 64 << 20}, {64 << 10, 128 << 20}} {
		c.Cases = append(c.Cases, harness.Case{
			Name: fmt.Sprintf("%dMB/by %d", k.total>>20, k.piece), Unit: "ns/op", Better: harness.Lower, Ops: 1,
			Contenders: []harness.Contender{
				k.contender("filemap", harness.Ours, appendFilemap),
				k.contender("filemap, bufio 64 KiB", harness.Ours, appendFilemapBuffered),
				k.contender("ristretto", harness.Peer, appendRistretto),
				k.contender("bufio, 4 KiB", harness.Alternative, appendBuffered(4<<10)),
				k.contender("bufio, 64 KiB", harness.Alternative, appendBuffered(64<<10)),
				k.contender("os.File", harness.Alternative, appendFile),
			},
		})
	}
	return c
}

// appendCase is how many bytes are written, and in pieces of how many.
type appendCase struct{ piece, total int }

func (k appendCase) contender(name string, role harness.Role, write func(path string, p []byte, total int) error) harness.Contender {
	return harness.Contender{Name: name, Role: role, New: func(dir string) (*harness.Task, error) {
		path := filepath.Join(dir, "append")
		piece := make([]byte, k.piece)
		for i := range piece {
			piece[i] = byte(i%251 + 1)
		}
		return &harness.Task{
			Before: func(int) error { return removeIfThere(path) },
			Run: func(n int) error {
				for range n {
					if err := errors.Join(removeIfThere(path), write(path, piece, k.total)); err != nil {
						return err
					}
				}
				return nil
			},
			Check: func(int) error { return errors.Join(checkPieces(path, piece, k.total), os.Remove(path)) },
		}, nil
	}}
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// checkPieces checks that the file is as many whole pieces as total bytes take.
func checkPieces(path string, piece []byte, total int) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if want := total / len(piece) * len(piece); len(b) != want {
		return harness.Wrong("%d bytes, not %d", len(b), want)
	}
	for off := 0; off < len(b); off += len(piece) {
		if !bytes.Equal(b[off:off+len(piece)], piece) {
			return harness.Wrong("another piece at %d", off)
		}
	}
	return nil
}

// allPieces hands as many pieces to write as total bytes take.
func allPieces(w io.Writer, piece []byte, total int) error {
	for range total / len(piece) {
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return nil
}

func appendFilemap(path string, piece []byte, total int) error {
	m, err := filemap.Create(path, 0, filemap.Reserve(1<<30))
	if err != nil {
		return err
	}
	return errors.Join(allPieces(m.Appender(), piece, total), m.Close())
}

func appendFilemapBuffered(path string, piece []byte, total int) error {
	m, err := filemap.Create(path, 0, filemap.Reserve(1<<30))
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(m.Appender(), 64<<10)
	return errors.Join(allPieces(w, piece, total), w.Flush(), m.Close())
}

func appendRistretto(path string, piece []byte, total int) error {
	m, err := z.OpenMmapFile(path, os.O_RDWR|os.O_CREATE, 1<<20)
	if err != nil && !errors.Is(err, z.NewFile) {
		return err
	}
	end := 0
	for range total / len(piece) {
		if end+len(piece) > len(m.Data) {
			if err := m.Truncate(int64(2 * len(m.Data))); err != nil {
				return err
			}
		}
		end += copy(m.Data[end:], piece)
	}
	// Close would sync.
	return errors.Join(z.Munmap(m.Data), m.Fd.Truncate(int64(end)), m.Fd.Close())
}

func appendFile(path string, piece []byte, total int) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(allPieces(f, piece, total), f.Close())
}

func appendBuffered(size int) func(path string, piece []byte, total int) error {
	return func(path string, piece []byte, total int) error {
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		w := bufio.NewWriterSize(f, size)
		return errors.Join(allPieces(w, piece, total), w.Flush(), f.Close())
	}
}

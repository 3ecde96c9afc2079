package journal

import (
	"hash/crc32"
	"io"
)

// chunkWriter writes data in large pieces, whole blocks.
type chunkWriter struct {
	file   io.WriterAt
	at     int64
	buffer []byte
}

// write appends p and returns its checksum, of the bytes that are written.
func (w *chunkWriter) write(p []byte, seed uint32) (uint32, error) {
	sum := seed
	for len(p) > 0 {
		free := w.buffer[len(w.buffer):cap(w.buffer)]
		n := copy(free, p)
		sum = crc32.Update(sum, castagnoli, free[:n])
		w.buffer = w.buffer[:len(w.buffer)+n]
		p = p[n:]
		if len(w.buffer) == cap(w.buffer) {
			if err := w.flush(); err != nil {
				return 0, err
			}
		}
	}
	return sum, nil
}

func (w *chunkWriter) flush() error {
	n, err := w.file.WriteAt(w.buffer, w.at)
	w.at += int64(n)
	w.buffer = w.buffer[:0]
	return err
}

// pad ends the data with zeros up to a whole block.
func (w *chunkWriter) pad() error {
	n := len(w.buffer)
	if n == 0 {
		return nil
	}
	w.buffer = w.buffer[:roundUp(int64(n))]
	clear(w.buffer[n:])
	return w.flush()
}

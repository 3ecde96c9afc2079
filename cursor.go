package filemap

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
)

// Cursor reads and writes a Map from a position that moves along, as an open
// file does: the interfaces below, each to the letter of its contract. It is
// not for use by several goroutines at once; take one each.
type Cursor struct {
	m   *Map
	off int64
}

var (
	_ io.ReadWriteSeeker = (*Cursor)(nil)
	_ io.ReaderAt        = (*Cursor)(nil)
	_ io.WriterAt        = (*Cursor)(nil)
	_ io.ByteScanner     = (*Cursor)(nil)
	_ io.ByteWriter      = (*Cursor)(nil)
	_ io.StringWriter    = (*Cursor)(nil)
	_ io.WriterTo        = (*Cursor)(nil)
	_ io.ReaderFrom      = (*Cursor)(nil)
)

// chunkBytes is how much WriterTo and ReaderFrom move at a time.
const chunkBytes = 64 << 10

// Cursor returns a new cursor at the mapping's first byte.
func (m *Map) Cursor() *Cursor { return &Cursor{m: m} }

// Read copies the next bytes into p ([io.Reader]); io.EOF at the mapping's end.
func (c *Cursor) Read(p []byte) (int, error) {
	n, err := c.m.ReadAt(p, c.off)
	c.off += int64(n)
	if n > 0 && errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// ReadAt is the Map's ReadAt; the position stays.
func (c *Cursor) ReadAt(p []byte, off int64) (int, error) { return c.m.ReadAt(p, off) }

// Write stores p ([io.Writer]); what does not fit is an [ErrBounds].
func (c *Cursor) Write(p []byte) (int, error) {
	n, err := c.m.WriteAt(p, c.off)
	c.off += int64(n)
	return n, err
}

// WriteAt is the Map's WriteAt; the position stays.
func (c *Cursor) WriteAt(p []byte, off int64) (int, error) { return c.m.WriteAt(p, off) }

// WriteString stores s ([io.StringWriter]).
func (c *Cursor) WriteString(s string) (int, error) { return c.Write([]byte(s)) }

// Seek moves the position ([io.Seeker]). Beyond the end is allowed: reads there
// are at io.EOF, writes an error. Before the start is an [ErrBounds], and the
// position stays.
func (c *Cursor) Seek(offset int64, whence int) (int64, error) {
	if c.m.closed.Load() {
		return 0, c.m.fail("seek", offset, 0, ErrClosed)
	}
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += c.off
	case io.SeekEnd:
		offset += c.m.Len()
	default:
		return 0, c.m.fail("seek", 0, 0, fmt.Errorf("%w: whence %d", ErrOption, whence))
	}
	if offset < 0 {
		return 0, c.m.fail("seek", offset, 0, fmt.Errorf("%w: position %d is before the start", ErrBounds, offset))
	}
	c.off = offset
	return offset, nil
}

// ReadByte returns the next byte ([io.ByteReader]).
func (c *Cursor) ReadByte() (byte, error) {
	v, err := Load[byte](c.m, c.off)
	if err != nil {
		if c.off >= c.m.Len() && errors.Is(err, ErrBounds) {
			err = io.EOF
		}
		return 0, err
	}
	c.off++
	return v, nil
}

// UnreadByte moves back by one byte ([io.ByteScanner]).
func (c *Cursor) UnreadByte() error {
	switch {
	case c.m.closed.Load():
		return c.m.fail("unread", c.off, 0, ErrClosed)
	case c.off == 0:
		return c.m.fail("unread", 0, 0, fmt.Errorf("%w: nothing was read yet", ErrBounds))
	}
	c.off--
	return nil
}

// WriteByte stores one byte ([io.ByteWriter]).
func (c *Cursor) WriteByte(v byte) error {
	if err := Store(c.m, c.off, v); err != nil {
		return err
	}
	c.off++
	return nil
}

// Next returns the next n bytes without copying them and moves on, or fewer and
// io.EOF where the mapping ends before. What holds for [Map.Slice] holds for it.
func (c *Cursor) Next(n int64) ([]byte, error) {
	if n < 0 {
		return nil, c.m.boundsError("slice", c.off, n)
	}
	size := c.m.Len()
	left := max(size-c.off, 0)
	short := n > left
	if short {
		n = left
	}
	b, err := c.m.Slice(min(c.off, size), n)
	if err != nil {
		return nil, err
	}
	c.off += n
	if short {
		return b, io.EOF
	}
	return b, nil
}

// WriteTo writes the rest of the mapping to w ([io.WriterTo], which io.Copy
// uses). An *os.File is handed the mapped pages themselves, so that there is
// only the copy of write(2), and any other writer a copy of 64 KiB at a time:
// it might pass the bytes to a goroutine that a fault would crash.
func (c *Cursor) WriteTo(w io.Writer) (int64, error) {
	if f, ok := w.(*os.File); ok && c.m.backing != Read {
		return c.writeToFile(f)
	}
	buffer := make([]byte, min(chunkBytes, max(c.m.Len()-c.off, 1)))
	var done int64
	for {
		n, readErr := c.m.ReadAt(buffer, c.off)
		written, err := writeAll(w, buffer[:n])
		c.off += int64(written)
		done += int64(written)
		switch {
		case err != nil:
			return done, err
		case errors.Is(readErr, io.EOF):
			return done, nil
		case readErr != nil:
			return done, readErr
		}
	}
}

func writeAll(w io.Writer, p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := w.Write(p)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return n, err
}

// writeToFile lets write(2) read the pages: a bad one is EFAULT there, no signal.
func (c *Cursor) writeToFile(f *os.File) (int64, error) {
	var done int64
	for {
		left := c.m.Len() - c.off
		if left <= 0 {
			break
		}
		b, err := c.m.Slice(c.off, min(1<<20, left))
		if err != nil {
			return done, err
		}
		n, err := f.Write(b)
		runtime.KeepAlive(c.m)
		c.off += int64(n)
		done += int64(n)
		if err != nil {
			return done, c.m.explainAddress("read", c.off, err)
		}
	}
	if c.m.closed.Load() {
		return done, c.m.fail("read", c.off, 0, ErrClosed)
	}
	return done, nil
}

// ReadFrom stores what r yields until r ends ([io.ReaderFrom], which io.Copy
// uses). When the mapping is full and r is not at its end, it returns an
// [ErrBounds]; at most 64 KiB of r are then read and lost.
func (c *Cursor) ReadFrom(r io.Reader) (int64, error) {
	if c.m.closed.Load() {
		return 0, c.m.fail("write", c.off, 0, ErrClosed)
	}
	buffer := make([]byte, chunkBytes)
	var done int64
	for empty := 0; ; {
		n, readErr := r.Read(buffer)
		written, err := c.Write(buffer[:n])
		done += int64(written)
		if empty++; n > 0 {
			empty = 0
		}
		switch {
		case err != nil:
			return done, err
		case errors.Is(readErr, io.EOF):
			return done, nil
		case readErr != nil:
			return done, readErr
		case empty > 100:
			return done, io.ErrNoProgress
		}
	}
}

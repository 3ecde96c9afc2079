package filemap_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/filemap-go/filemap"
)

func TestReadAt(t *testing.T) {
	content := pattern(10000)
	m := open(t, writeFile(t, content), filemap.Range(100, 9000))
	content = content[100:9100]
	for _, c := range []struct {
		off  int64
		n    int
		want int
		err  error
	}{
		{0, 0, 0, nil},
		{0, 10, 10, nil},
		{8990, 10, 10, nil},
		{8990, 11, 10, io.EOF},
		{9000, 1, 0, io.EOF},
		{9000, 0, 0, nil},
		{1 << 40, 1, 0, io.EOF},
		{-1, 1, 0, filemap.ErrBounds},
		{3, 8000, 8000, nil},
	} {
		p := make([]byte, c.n)
		n, err := m.ReadAt(p, c.off)
		if n != c.want || !errors.Is(err, c.err) {
			t.Errorf("ReadAt(%d bytes, %d) = %d, %v; want %d, %v", c.n, c.off, n, err, c.want, c.err)
		}
		if n > 0 && !bytes.Equal(p[:n], content[c.off:c.off+int64(n)]) {
			t.Errorf("ReadAt(%d bytes, %d): wrong bytes", c.n, c.off)
		}
	}
}

func TestWriteAt(t *testing.T) {
	m := create(t, 100)
	for _, c := range []struct {
		off  int64
		p    string
		want int
		err  error
	}{
		{0, "", 0, nil},
		{0, "abc", 3, nil},
		{97, "xyz", 3, nil},
		{98, "123", 2, filemap.ErrBounds},
		{100, "1", 0, filemap.ErrBounds},
		{100, "", 0, nil},
		{101, "1", 0, filemap.ErrBounds},
		{-1, "1", 0, filemap.ErrBounds},
	} {
		n, err := m.WriteAt([]byte(c.p), c.off)
		if n != c.want || !errors.Is(err, c.err) {
			t.Errorf("WriteAt(%q, %d) = %d, %v; want %d, %v", c.p, c.off, n, err, c.want, c.err)
		}
	}
	if got := string(m.Bytes()[:4]) + string(m.Bytes()[97:]); got != "abc\x00x12" {
		t.Errorf("stored %q", got)
	}
}

// TestCursorReads holds the cursor against the contracts of io as iotest knows
// them: Reader, ReaderAt, Seeker, ByteScanner, WriterTo.
func TestCursorReads(t *testing.T) {
	for _, size := range []int{0, 1, 3, 4096, 100_001} {
		for _, off := range []int64{0, 1, 4097} {
			if off > int64(size) {
				continue
			}
			t.Run(fmt.Sprintf("%d from %d", size, off), func(t *testing.T) {
				content := pattern(size)
				m := open(t, writeFile(t, content), filemap.Range(off, filemap.ToEnd))
				if err := iotest.TestReader(m.Cursor(), content[off:]); err != nil {
					t.Error(err)
				}
				testByteScanner(t, m.Cursor(), content[off:])
				var b bytes.Buffer
				if n, err := io.Copy(&b, m.Cursor()); err != nil || n != int64(b.Len()) || !bytes.Equal(b.Bytes(), content[off:]) {
					t.Errorf("io.Copy: %d bytes, %v", n, err)
				}
				if err := iotest.TestReader(io.NewSectionReader(m, 0, m.Len()), content[off:]); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func testByteScanner(t *testing.T, c *filemap.Cursor, want []byte) {
	t.Helper()
	if err := c.UnreadByte(); err == nil {
		t.Error("UnreadByte at the start succeeded")
	}
	for i, w := range want[:min(len(want), 5000)] {
		got, err := c.ReadByte()
		if err != nil || got != w {
			t.Fatalf("ReadByte %d: %d, %v", i, got, err)
		}
		if i%100 == 0 {
			if err := c.UnreadByte(); err != nil {
				t.Fatal(err)
			}
			if again, err := c.ReadByte(); again != w || err != nil {
				t.Fatalf("after UnreadByte: %d, %v", again, err)
			}
		}
	}
	if _, err := c.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if _, err := c.ReadByte(); err != io.EOF {
		t.Errorf("ReadByte at the end: %v, want io.EOF itself", err)
	}
}

func TestCursorSeek(t *testing.T) {
	c := open(t, writeFile(t, pattern(100))).Cursor()
	for _, s := range []struct {
		off    int64
		whence int
		want   int64
		err    error
	}{
		{10, io.SeekStart, 10, nil},
		{5, io.SeekCurrent, 15, nil},
		{-3, io.SeekEnd, 97, nil},
		{500, io.SeekStart, 500, nil},
		{-1, io.SeekStart, 0, filemap.ErrBounds},
		{0, 7, 0, filemap.ErrOption},
		{0, io.SeekCurrent, 500, nil},
		{-501, io.SeekCurrent, 0, filemap.ErrBounds},
	} {
		if at, err := c.Seek(s.off, s.whence); at != s.want || !errors.Is(err, s.err) {
			t.Errorf("Seek(%d, %d) = %d, %v; want %d, %v", s.off, s.whence, at, err, s.want, s.err)
		}
	}
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("Read beyond the end: %d, %v", n, err)
	}
	if n, err := c.Read(nil); n != 0 || err != nil {
		t.Errorf("Read of nothing: %d, %v", n, err)
	}
}

func TestCursorWrites(t *testing.T) {
	m := create(t, 200_000)
	content := pattern(200_000)
	c := m.Cursor()
	if n, err := c.ReadFrom(iotest.HalfReader(bytes.NewReader(content[:150_000]))); n != 150_000 || err != nil {
		t.Fatalf("ReadFrom: %d, %v", n, err)
	}
	for _, b := range content[150_000:150_010] {
		if err := c.WriteByte(b); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.WriteString(string(content[150_010:150_020])); n != 10 || err != nil {
		t.Fatalf("WriteString: %d, %v", n, err)
	}
	w := bufio.NewWriter(c)
	if _, err := w.Write(content[150_020:]); err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Bytes(), content) {
		t.Error("the bytes written are not those in the mapping")
	}
	if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, filemap.ErrBounds) {
		t.Errorf("Write at the end: %d, %v", n, err)
	}
	wantError(t, c.WriteByte('x'), filemap.ErrBounds)
	if _, err := c.Seek(-2, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	if n, err := c.ReadFrom(strings.NewReader("abc")); n != 2 || !errors.Is(err, filemap.ErrBounds) {
		t.Errorf("ReadFrom beyond the end: %d, %v", n, err)
	}
	boom := errors.New("boom")
	if _, err := m.Cursor().ReadFrom(iotest.ErrReader(boom)); !errors.Is(err, boom) {
		t.Errorf("ReadFrom hides the reader's error: %v", err)
	}
	if _, err := m.Cursor().ReadFrom(stuckReader{}); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("ReadFrom of a reader that yields nothing: %v", err)
	}
}

type stuckReader struct{}

func (stuckReader) Read([]byte) (int, error) { return 0, nil }

func TestCursorWriteToFile(t *testing.T) {
	content := pattern(3<<20 + 5)
	m := open(t, writeFile(t, content))
	f, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if n, err := io.Copy(f, m.Cursor()); n != int64(len(content)) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	got, err := os.ReadFile(f.Name())
	if err != nil || sha256.Sum256(got) != sha256.Sum256(content) {
		t.Errorf("the copy differs (%v)", err)
	}
}

func TestCursorWriteToErrors(t *testing.T) {
	m := open(t, writeFile(t, pattern(100_000)))
	boom := errors.New("boom")
	c := m.Cursor()
	n, err := c.WriteTo(&failingWriter{left: 70_000, err: boom})
	if at, _ := c.Seek(0, io.SeekCurrent); n != 70_000 || at != n || !errors.Is(err, boom) {
		t.Errorf("%d written, position %d, %v", n, at, err)
	}
	if _, err := m.Cursor().WriteTo(&failingWriter{left: 10}); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("a short write without an error: %v", err)
	}
}

type failingWriter struct {
	left int
	err  error
}

func (w *failingWriter) Write(p []byte) (int, error) {
	n := min(len(p), w.left)
	w.left -= n
	if n < len(p) {
		return n, w.err
	}
	return n, nil
}

func TestCursorNext(t *testing.T) {
	content := pattern(100)
	m := open(t, writeFile(t, content))
	c := m.Cursor()
	b, err := c.Next(60)
	if err != nil || !bytes.Equal(b, content[:60]) || &b[0] != &m.Bytes()[0] {
		t.Errorf("Next: %d bytes, %v", len(b), err)
	}
	if b, err = c.Next(60); err != io.EOF || !bytes.Equal(b, content[60:]) {
		t.Errorf("Next across the end: %d bytes, %v", len(b), err)
	}
	if b, err = c.Next(1); err != io.EOF || len(b) != 0 {
		t.Errorf("Next at the end: %d bytes, %v", len(b), err)
	}
	if _, err = m.Cursor().Next(-1); !errors.Is(err, filemap.ErrBounds) {
		t.Errorf("Next(-1): %v", err)
	}
}

func TestRecords(t *testing.T) {
	m := create(t, 100)
	next := int64(0)
	for _, r := range []string{"one", "", "three"} {
		var err error
		if next, err = m.PutRecord(next, []byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if want := "\x00\x00\x00\x03one\x00\x00\x00\x00\x00\x00\x00\x05three"; string(m.Bytes()[:next]) != want {
		t.Errorf("stored %q", m.Bytes()[:next])
	}
	at := int64(0)
	for _, want := range []string{"one", "", "three"} {
		got, after, err := m.Record(at)
		if err != nil || string(got) != want {
			t.Fatalf("%q, %v", got, err)
		}
		at = after
	}
	before := bytes.Clone(m.Bytes())
	_, err := m.PutRecord(90, make([]byte, 7))
	wantError(t, err, filemap.ErrBounds)
	if !bytes.Equal(m.Bytes(), before) {
		t.Error("a record that does not fit was stored in part")
	}
	_, _, err = m.Record(97)
	wantError(t, err, filemap.ErrBounds)
	copy(m.Bytes()[50:], "\xff\xff\xff\xff")
	_, _, err = m.Record(50)
	wantError(t, err, filemap.ErrCorrupt)
}

// FuzzRecord reads records from arbitrary bytes: an error or bytes inside the
// mapping, and always forward.
func FuzzRecord(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x03one\x00\x00\x00\x00"), int64(0))
	f.Add([]byte("\xff\xff\xff\xff"), int64(0))
	f.Add([]byte(""), int64(-1))
	f.Fuzz(func(t *testing.T, content []byte, at int64) {
		m, err := filemap.Anonymous(int64(len(content)))
		if err != nil {
			t.Fatal(err)
		}
		defer closeQuietly(t, m)
		copy(m.Bytes(), content)
		for {
			record, next, err := m.Record(at)
			if err != nil {
				return
			}
			if next != at+4+int64(len(record)) || next > m.Len() {
				t.Fatalf("record at %d of %d bytes, next %d", at, len(record), next)
			}
			at = next
		}
	})
}

package simulate

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Trace is a sequence of accesses to pages.
type Trace struct {
	// Pages has an entry an access: which page, as numbered 0, 1, 2 … in the order
	// of first access.
	Pages []uint32

	// Names are the numbers of the pages in the trace: page Pages[i] is called
	// Names[Pages[i]].
	Names []uint64

	index map[uint64]uint32
}

// MaxAccesses is how long a trace may be.
const MaxAccesses = 1 << 30

// ErrTooLong says that a trace has more than MaxAccesses.
var ErrTooLong = fmt.Errorf("a trace has at most %d accesses: simulate a part of it", MaxAccesses)

// Add appends an access.
func (t *Trace) Add(page uint64) error {
	if len(t.Pages) >= MaxAccesses {
		return ErrTooLong
	}
	if t.index == nil {
		t.index = make(map[uint64]uint32)
	}
	n, known := t.index[page]
	if !known {
		n = uint32(len(t.Names))
		t.index[page] = n
		t.Names = append(t.Names, page)
	}
	t.Pages = append(t.Pages, n)
	return nil
}

// magic begins a binary trace.
const magic = "filemap trace 1\n"

// FormatError says what is wrong with a trace and where.
type FormatError struct {
	Line   int   // in a text, from 1; 0 for a binary trace
	Offset int64 // in a binary trace, in bytes
	Err    error
}

// Error names the place.
func (e *FormatError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d of the trace: %v", e.Line, e.Err)
	}
	return fmt.Sprintf("byte %d of the trace: %v", e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *FormatError) Unwrap() error { return e.Err }

// Read reads a trace, in either format of this package; [Input] reads others.
//
// The text has an access a line: a page number, decimal (010 is ten) or with 0x
// hexadecimal, or a range, as in "100-199", for each of its pages once, in order; downwards if
// the second is smaller. What follows # is a comment.
//
//	# a lookup, then a scan
//	17
//	0x2a
//	100-199
//
// The binary format is the 16 bytes "filemap trace 1\n", then for each access the
// difference to the page before (0 before the first) as a signed varint
// ([binary.PutVarint]): one byte for most.
func Read(r io.Reader) (*Trace, error) { return Input{}.Read(r) }

func readPages(b *bufio.Reader) (*Trace, error) {
	start, err := b.Peek(len(magic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if bytes.Equal(start, []byte(magic)) {
		return readBinary(b)
	}
	return readText(b)
}

func readText(r io.Reader) (*Trace, error) {
	t := &Trace{}
	line := 0
	s := bufio.NewScanner(r)
	for s.Scan() {
		line++
		text, _, _ := strings.Cut(s.Text(), "#")
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if err := t.addText(text); err != nil {
			return nil, &FormatError{Line: line, Err: err}
		}
	}
	if err := s.Err(); errors.Is(err, bufio.ErrTooLong) {
		return nil, &FormatError{Line: line + 1, Err: errors.New("too long for a page number")}
	} else if err != nil {
		return nil, err
	}
	return t, nil
}

func (t *Trace) addText(text string) error {
	first, last, isRange := strings.Cut(text, "-")
	from, err := parsePage(first)
	if err != nil {
		return err
	}
	if !isRange {
		return t.Add(from)
	}
	to, err := parsePage(last)
	if err != nil {
		return err
	}
	if max(from, to)-min(from, to) >= MaxAccesses {
		return ErrTooLong
	}
	for page := from; ; {
		if err := t.Add(page); err != nil {
			return err
		}
		switch {
		case page == to:
			return nil
		case page < to:
			page++
		default:
			page--
		}
	}
}

func parsePage(text string) (uint64, error) {
	text = strings.TrimSpace(text)
	digits, base := text, 10
	if len(text) > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') {
		digits, base = text[2:], 16
	}
	page, err := strconv.ParseUint(digits, base, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is larger than any page number", text)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is no page number: write 17, 0x11 or 100-199", shortened(text))
	}
	return page, nil
}

func readBinary(r *bufio.Reader) (*Trace, error) {
	offset, _ := r.Discard(len(magic)) // Peek has seen them
	counted := &countingReader{r: r, n: int64(offset)}
	t := &Trace{}
	page := uint64(0)
	for {
		at := counted.n
		step, err := binary.ReadVarint(counted)
		if errors.Is(err, io.EOF) && counted.n == at {
			return t, nil
		}
		if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
			return nil, &FormatError{Offset: at, Err: errors.New("it ends within a number")}
		}
		if err != nil && counted.err == nil {
			return nil, &FormatError{Offset: at, Err: errors.New("a number is too large")}
		}
		if err != nil {
			return nil, err
		}
		page += uint64(step)
		if err := t.Add(page); err != nil {
			return nil, &FormatError{Offset: at, Err: err}
		}
	}
}

type countingReader struct {
	r   *bufio.Reader
	n   int64
	err error
}

func (c *countingReader) ReadByte() (byte, error) {
	b, err := c.r.ReadByte()
	if err == nil {
		c.n++
	} else {
		c.err = err
	}
	return b, err
}

// WriteText writes the trace a page a line.
func (t *Trace) WriteText(w io.Writer) error {
	b := bufio.NewWriter(w)
	var line []byte
	for _, n := range t.Pages {
		line = append(strconv.AppendUint(line[:0], t.Names[n], 10), '\n')
		if _, err := b.Write(line); err != nil {
			return err
		}
	}
	return b.Flush()
}

// WriteBinary writes the trace in the binary format.
func (t *Trace) WriteBinary(w io.Writer) error {
	b := bufio.NewWriter(w)
	if _, err := b.WriteString(magic); err != nil {
		return err
	}
	var buffer [binary.MaxVarintLen64]byte
	last := uint64(0)
	for _, n := range t.Pages {
		page := t.Names[n]
		if _, err := b.Write(buffer[:binary.PutVarint(buffer[:], int64(page-last))]); err != nil {
			return err
		}
		last = page
	}
	return b.Flush()
}

package simulate

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Formats that other programs write, beside [Read]'s own two.
const (
	FormatPages         = "pages"         // Read's: text, or binary
	FormatOracleGeneral = "oracleGeneral" // libCacheSim's
	FormatCSV           = "csv"
)

// Formats lists them.
func Formats() []string { return []string{FormatPages, FormatOracleGeneral, FormatCSV} }

// FormatOf guesses a file's format by its name, as libCacheSim does.
func FormatOf(name string) string {
	base := filepath.Base(name)
	switch {
	case strings.Contains(strings.ToLower(base), "oraclegeneral"):
		return FormatOracleGeneral
	case strings.EqualFold(filepath.Ext(base), ".csv"):
		return FormatCSV
	}
	return FormatPages
}

// Input says how a trace is written.
type Input struct {
	Format string // one of Formats; "" is FormatPages

	// Column is which column of a CSV file names the page: its number, from 1, or its
	// name in the first line. "" is the one that has a usual name, such as obj_id, key
	// or lbn, or the only one.
	Column string
}

// Read reads a trace.
//
// oracleGeneral is a sequence of records of 24 bytes, little-endian: uint32 time,
// uint64 object, uint32 size, int64 next access. Every record is one access to the
// page that has the object's number. Sizes are not looked at (as with libCacheSim's
// --ignore-obj-size 1), but records of size 0 are left out, as there.
//
// A CSV file has an access a line. Its separator is the one of , tab | ; that the
// first line has most of, a space if it has none; the first line is a heading if no field of it is a number.
// What names the page may be a number, or any text, of which the 64-bit FNV-1a hash
// is taken.
func (in Input) Read(r io.Reader) (*Trace, error) {
	b := bufio.NewReaderSize(r, 1<<16)
	if err := compressed(b); err != nil {
		return nil, err
	}
	switch in.Format {
	case FormatOracleGeneral:
		return readOracleGeneral(b)
	case FormatCSV:
		skipMark(b)
		return readCSV(b, in.Column)
	case FormatPages, "":
		skipMark(b)
		return readPages(b)
	}
	return nil, fmt.Errorf("there is no format %q: choose one of %s", in.Format, strings.Join(Formats(), ", "))
}

// compressed tells by the first bytes that a trace must be unpacked before.
func compressed(b *bufio.Reader) error {
	for _, packed := range []struct{ magic, program string }{
		{"\x28\xb5\x2f\xfd", "zstd"}, {"\x1f\x8b", "gzip"}, {"\xfd7zXZ\x00", "xz"},
	} {
		start, err := b.Peek(len(packed.magic))
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if string(start) == packed.magic {
			return &FormatError{Err: fmt.Errorf("it is compressed: write %s -dc FILE | filemap simulate --format … -", packed.program)}
		}
	}
	return nil
}

// skipMark skips the byte order mark that some programs begin a text with.
func skipMark(b *bufio.Reader) {
	const mark = "\ufeff"
	if start, err := b.Peek(len(mark)); err == nil && string(start) == mark {
		_, _ = b.Discard(len(mark)) // Peek has seen it
	}
}

const oracleRecord = 24

func readOracleGeneral(r io.Reader) (*Trace, error) {
	t := &Trace{}
	var record [oracleRecord]byte
	for offset := int64(0); ; offset += oracleRecord {
		n, err := io.ReadFull(r, record[:])
		switch {
		case errors.Is(err, io.EOF):
			return t, nil
		case errors.Is(err, io.ErrUnexpectedEOF):
			return nil, &FormatError{Offset: offset, Err: fmt.Errorf("it ends after %d bytes of a record of %d", n, oracleRecord)}
		case err != nil:
			return nil, err
		}
		if binary.LittleEndian.Uint32(record[12:]) == 0 {
			continue
		}
		if err := t.Add(binary.LittleEndian.Uint64(record[4:])); err != nil {
			return nil, &FormatError{Offset: offset, Err: err}
		}
	}
}

// usualColumns are names of what an access is to, the surest first.
var usualColumns = []string{"obj_id", "obj-id", "object_id", "objid", "object id", "obj id", "id", "key", "page", "page_number", "lbn", "lba", "block", "address", "offset"}

func readCSV(b *bufio.Reader, column string) (*Trace, error) {
	c := csv.NewReader(b)
	c.Comma = separatorOf(b)
	c.LazyQuotes, c.FieldsPerRecord, c.ReuseRecord, c.TrimLeadingSpace = true, -1, true, true
	t := &Trace{}
	first, err := c.Read()
	if errors.Is(err, io.EOF) {
		return t, nil
	}
	if err != nil {
		return nil, csvError(c, err)
	}
	at, heading, err := columnOf(first, column)
	if err != nil {
		return nil, &FormatError{Line: 1, Err: err}
	}
	for record := first; ; {
		if !heading {
			if err := t.addField(record, at); err != nil {
				line, _ := c.FieldPos(0)
				return nil, &FormatError{Line: line, Err: err}
			}
		}
		heading = false
		if record, err = c.Read(); errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, csvError(c, err)
		}
	}
}

// csvError gives the place of what encoding/csv cannot read.
func csvError(_ *csv.Reader, err error) error {
	var wrong *csv.ParseError
	if errors.As(err, &wrong) {
		return &FormatError{Line: wrong.Line, Err: wrong.Err}
	}
	return err
}

func separatorOf(b *bufio.Reader) rune {
	start, _ := b.Peek(b.Size()) // an error comes again when it is read
	line, _, _ := bytes.Cut(start, []byte("\n"))
	most, found := 0, ' ' // the last resort: fields have spaces too
	for _, separator := range ",\t|;" {
		if n := bytes.Count(line, []byte(string(separator))); n > most {
			most, found = n, separator
		}
	}
	return found
}

// columnOf finds the column, from 0, and whether the first line is a heading.
func columnOf(first []string, column string) (at int, heading bool, err error) {
	heading = !slices.ContainsFunc(first, isNumber)
	if n, err := strconv.Atoi(column); err == nil {
		if n < 1 || n > len(first) {
			return 0, false, fmt.Errorf("there is no column %d: the first line has %d", n, len(first))
		}
		return n - 1, heading, nil
	}
	wanted := []string{column}
	if column == "" {
		wanted = usualColumns
	}
	for _, name := range wanted {
		for i, title := range first {
			if strings.EqualFold(strings.TrimSpace(title), name) {
				return i, true, nil
			}
		}
	}
	switch {
	case column != "":
		return 0, false, fmt.Errorf("no column is called %q: the first line is %q", column, shortened(strings.Join(first, ", ")))
	case len(first) == 1:
		return 0, heading, nil
	}
	return 0, false, fmt.Errorf("which column names the page? give --column a name or a number, from 1: the first line is %q", shortened(strings.Join(first, ", ")))
}

func isNumber(field string) bool {
	_, err := strconv.ParseFloat(strings.TrimSpace(field), 64)
	return err == nil
}

// addField adds an access to what the field names.
func (t *Trace) addField(record []string, at int) error {
	if at >= len(record) {
		return fmt.Errorf("it has %d columns, and column %d names the page", len(record), at+1)
	}
	field := strings.TrimSpace(record[at])
	page, err := parsePage(field)
	if err != nil {
		h := fnv.New64a()
		_, _ = h.Write([]byte(field)) // a hash takes everything
		page = h.Sum64()
	}
	return t.Add(page)
}

// shortened cuts what is shown of a trace.
func shortened(text string) string {
	const longest = 40
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest]) + "…"
	}
	return text
}

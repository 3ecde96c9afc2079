//go:build linux

package observe

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// eventFormat is how a tracepoint lays out its record: events/SYSTEM/NAME/format
// below tracefs (Documentation/trace/events.rst).
type eventFormat struct {
	ID     uint16
	Name   string
	Fields map[string]field
}

// field is a piece of a record.
type field struct {
	Offset, Size int
	Signed       bool
	Text         bool // an array of char
}

// parseFormat reads such a file.
func parseFormat(content []byte) (*eventFormat, error) {
	f := &eventFormat{Fields: map[string]field{}}
	haveID := false
	lines := bufio.NewScanner(bytes.NewReader(content))
	lines.Buffer(nil, 1<<20) // print fmt can be long
	for lines.Scan() {
		line := strings.TrimSpace(lines.Text())
		if name, found := strings.CutPrefix(line, "name: "); found {
			f.Name = name
		}
		if id, found := strings.CutPrefix(line, "ID: "); found {
			n, err := strconv.ParseUint(id, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("event format: %w", err)
			}
			f.ID, haveID = uint16(n), true
		}
		if declared, found := strings.CutPrefix(line, "field:"); found {
			name, d, err := parseField(declared)
			if err != nil {
				return nil, err
			}
			f.Fields[name] = d
		}
	}
	if f.Name == "" || !haveID {
		return nil, errors.New("event format: no name or no ID")
	}
	return f, lines.Err()
}

// parseField reads "unsigned long index;	offset:24;	size:8;	signed:0;".
func parseField(text string) (string, field, error) {
	parts := strings.Split(text, ";")
	declaration := strings.TrimSpace(parts[0])
	at := strings.LastIndexByte(declaration, ' ')
	if at < 0 {
		return "", field{}, fmt.Errorf("event format: field %q", text)
	}
	kind, name := declaration[:at], declaration[at+1:]
	name, _, isArray := strings.Cut(name, "[")
	d := field{Offset: -1, Text: isArray && strings.HasSuffix(kind, "char")}
	for _, part := range parts[1:] {
		key, value, found := strings.Cut(strings.TrimSpace(part), ":")
		if !found {
			continue
		}
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > 1<<16 {
			return "", field{}, fmt.Errorf("event format: field %q", text)
		}
		switch key {
		case "offset":
			d.Offset = n
		case "size":
			d.Size = n
		case "signed":
			d.Signed = n == 1
		}
	}
	if d.Offset < 0 || name == "" {
		return "", field{}, fmt.Errorf("event format: field %q", text)
	}
	return name, d, nil
}

// tracepoint is one event that the kernel recorded.
type tracepoint struct {
	Time   uint64 // CLOCK_MONOTONIC, by trace_clock
	CPU    int
	Format *eventFormat
	record []byte
}

// number returns a field's value, 0 where the kernel's record has none of the name.
func (t *tracepoint) number(name string) uint64 {
	f, known := t.Format.Fields[name]
	if !known || f.Offset+f.Size > len(t.record) {
		return 0
	}
	b := t.record[f.Offset : f.Offset+f.Size]
	switch f.Size {
	case 1:
		return uint64(b[0])
	case 2:
		return uint64(binary.NativeEndian.Uint16(b))
	case 4:
		if f.Signed {
			return uint64(int64(int32(binary.NativeEndian.Uint32(b))))
		}
		return uint64(binary.NativeEndian.Uint32(b))
	case 8:
		return binary.NativeEndian.Uint64(b)
	}
	return 0
}

// text returns the value of a field that is an array of char.
func (t *tracepoint) text(name string) string {
	f, known := t.Format.Fields[name]
	if !known || !f.Text || f.Offset+f.Size > len(t.record) {
		return ""
	}
	return text(t.record[f.Offset : f.Offset+f.Size])
}

// thread returns who was running.
func (t *tracepoint) thread() int { return int(int32(t.number("common_pid"))) }

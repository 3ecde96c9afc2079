package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// documentWriter writes a JSON document with one long list, item by item:
//
//	{"schema": "…", "files": [item, item], "total": …}
//
// Nothing is written before the first item, so that a command that fails at once
// prints nothing.
type documentWriter struct {
	w            io.Writer
	schema, list string
	items        int
}

func newDocumentWriter(w io.Writer, schema, list string) *documentWriter {
	return &documentWriter{w: w, schema: schema, list: list}
}

func indented(v any, prefix string) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent(prefix, "  ")
	err := e.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

func (d *documentWriter) begin() error {
	_, err := fmt.Fprintf(d.w, "{\n  \"schema\": %q,\n  %q: [", d.schema, d.list)
	return err
}

func (d *documentWriter) item(v any) error {
	text, err := indented(v, "    ")
	if err != nil {
		return err
	}
	separator := ","
	if d.items == 0 {
		if err := d.begin(); err != nil {
			return err
		}
		separator = ""
	}
	d.items++
	_, err = fmt.Fprintf(d.w, "%s\n    %s", separator, text)
	return err
}

// end closes the list and adds the rest, by name.
func (d *documentWriter) end(rest map[string]any) error {
	if d.items == 0 {
		if err := d.begin(); err != nil {
			return err
		}
	}
	if _, err := io.WriteString(d.w, "\n  ]"); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(rest)) {
		text, err := indented(rest[name], "  ")
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(d.w, ",\n  %q: %s", name, text); err != nil {
			return err
		}
	}
	_, err := io.WriteString(d.w, "\n}\n")
	return err
}

// writeJSON writes a document that is at hand.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

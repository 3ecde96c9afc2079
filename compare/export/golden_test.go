package export

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/filemap-go/filemap/compare"
)

var update = flag.Bool("update", false, "write the golden files anew")

// reports are those that every exporter is tried on.
var reports = map[string]func() *compare.Report{
	"warm-increment": warmIncrement,
	"cold-random":    coldRandom,
	"sweep":          sweep,
}

// exporters are the outputs by the ending of their golden file.
var exporters = map[string]func(io.Writer, *compare.Report) error{
	"80.txt":       func(w io.Writer, r *compare.Report) error { return Text(w, r, TextOptions{}) },
	"130.txt":      func(w io.Writer, r *compare.Report) error { return Text(w, r, TextOptions{Width: 130}) },
	"color.80.txt": func(w io.Writer, r *compare.Report) error { return Text(w, r, TextOptions{Color: true}) },
	"json":         JSON,
	"bench.txt":    Benchfmt,
	"html":         HTML,
	"svg":          SVG,
}

func TestGolden(t *testing.T) {
	for name, report := range reports {
		for ending, export := range exporters {
			file := name + "." + ending
			t.Run(file, func(t *testing.T) {
				var b bytes.Buffer
				if err := export(&b, report()); err != nil {
					t.Fatal(err)
				}
				golden(t, file, b.Bytes())
			})
		}
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; if that is meant, run go test ./compare/export -update\ngot:\n%s", path, got)
	}
}

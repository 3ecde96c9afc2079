package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/filemap-go/filemap/bench/comparison"
	"github.com/filemap-go/filemap/bench/harness"
)

func TestMain(m *testing.M) {
	harness.Child(comparison.All())
	os.Exit(m.Run())
}

func TestList(t *testing.T) {
	var out bytes.Buffer
	if err := bench(t.Context(), comparison.All(), []string{"-list"}, &out, os.Stderr); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"increment ", "hot ", "open "} {
		if !strings.Contains("\n"+out.String(), "\n"+name) {
			t.Errorf("-list does not have %q:\n%s", name, &out)
		}
	}
}

// TestJSONLines: one document a case, on a line of its own, with the fields of
// the contract and no other.
func TestJSONLines(t *testing.T) {
	var out bytes.Buffer
	args := []string{"open", "-json", "-runs", "1", "-time", "0s", "-dir", t.TempDir()}
	if err := bench(t.Context(), comparison.All(), args, &out, os.Stderr); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 2 {
		t.Fatalf("%d lines:\n%s", len(lines), &out)
	}
	for _, line := range lines {
		decoder := json.NewDecoder(strings.NewReader(line))
		decoder.DisallowUnknownFields()
		var d harness.Document
		if err := decoder.Decode(&d); err != nil {
			t.Error(err)
		}
		if d.Name != "open" || d.RatioToBestPeer == nil || d.RatioToBestAlternative == nil || d.RatioToLimit == nil {
			t.Errorf("document %s", line)
		}
	}
}

func TestUsage(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"nosuch"},
		{"open", "increment"},
		{"-list", "open"},
		{"open", "-runs", "0"},
		{"open", "-nosuch"},
		{"open", "-case", "("},
		{"open", "-case", "no such case"},
	} {
		var usage *usageError
		err := bench(t.Context(), comparison.All(), args, &bytes.Buffer{}, &bytes.Buffer{})
		if !errors.As(err, &usage) {
			t.Errorf("%q: %v is no usage error", args, err)
		}
	}
}

func TestParse(t *testing.T) {
	c, err := parse([]string{"-json", "hot", "-time", "2s", "-runs", "5", "-dir", "/somewhere"}, &bytes.Buffer{})
	if err != nil {
		t.Fatal(err)
	}
	if !c.json || c.name != "hot" || c.settings.Time != 2*time.Second || c.settings.Runs != 5 || c.settings.Dir != "/somewhere" {
		t.Errorf("parsed %+v", c)
	}
}

//go:build !js && !plan9 && !wasip1

package main

import (
	"encoding/json"
	"strconv"

	"github.com/rogpeppe/go-internal/testscript"
)

// pagesCommand checks a document of "filemap pages --json": "pages FILE CACHED"
// wants so many pages cached of its first file, "pages FILE unknown" null with a
// reason. The fields that others rely on are there, and the ranges add up.
func pagesCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: pages FILE CACHED")
	}
	var document struct {
		Schema string
		Files  []map[string]any
	}
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &document))
	if document.Schema != "filemap/pages/v1" || len(document.Files) == 0 {
		ts.Fatalf("schema %q, %d files", document.Schema, len(document.Files))
	}
	f := document.Files[0]
	for _, field := range []string{"path", "size_bytes", "page_bytes", "cached_pages", "dirty_pages", "writeback_pages", "evicted_pages", "mapped_pages", "ranges"} {
		value, there := f[field]
		if !there || value == nil && f["unknown"].(map[string]any)[field] == nil {
			ts.Fatalf("%s is %v, %v, and no reason why", field, value, there)
		}
	}
	if args[1] == "unknown" {
		if f["cached_pages"] != nil || f["ranges"] != nil {
			ts.Fatalf("cached %v, ranges %v", f["cached_pages"], f["ranges"])
		}
		return
	}
	want, err := strconv.ParseFloat(args[1], 64)
	ts.Check(err)
	sum, page := 0.0, f["page_bytes"].(float64)
	for _, r := range f["ranges"].([]any) {
		if r := r.(map[string]any); r["cached"] == true {
			sum += float64(int64((r["length_bytes"].(float64) + page - 1) / page))
		}
	}
	if f["cached_pages"] != want || sum != want {
		ts.Fatalf("cached %v, in ranges %v, expected %v", f["cached_pages"], sum, want)
	}
}

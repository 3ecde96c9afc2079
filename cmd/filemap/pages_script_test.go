//go:build !js && !plan9 && !wasip1

package main

import (
	"context"
	"encoding/json"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/filemap-go/filemap/pagecache"
)

// pagesCommand checks a document of "filemap pages --json": "pages FILE CACHED"
// wants so many pages cached, or a few less, of its first file, "pages FILE unknown" null with a
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
	// The kernel may have taken a few back since they were loaded.
	least := max(want-1-math.Floor(want/32), 0)
	if cached := f["cached_pages"].(float64); cached > want || cached < least || sum != cached {
		ts.Fatalf("cached %v, in ranges %v, expected %v", f["cached_pages"], sum, want)
	}
}

// shrinksCommand runs filemap, and makes a file that it loads shorter as soon as
// some of it is in memory: "shrinks FILE SIZE ARGS".
func shrinksCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: shrinks FILE SIZE ARGS")
	}
	path := ts.MkAbs(args[0])
	size, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		for ctx.Err() == nil {
			f, err := pagecache.Look(ctx, path, pagecache.Query{})
			if err != nil || f.CachedPages != nil && *f.CachedPages > 0 {
				done <- os.Truncate(path, size)
				return
			}
			time.Sleep(time.Millisecond)
		}
		done <- nil
	}()
	err = ts.Exec("filemap", args[2:]...)
	cancel()
	ts.Check(<-done)
	ts.Check(err)
}

// heldCommand waits until a file is locked in memory, which smaps of the command
// that holds it tells.
func heldCommand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: held FILE")
	}
	processes := ts.BackgroundCmds()
	if len(processes) == 0 {
		ts.Fatalf("nothing is in the background")
	}
	pid := processes[len(processes)-1].Process.Pid
	for range 60000 {
		f, err := pagecache.Look(context.Background(), ts.MkAbs(args[0]), pagecache.Query{Process: pid})
		ts.Check(err)
		for _, m := range f.Process.Mappings {
			if m.LockedBytes >= f.SizeBytes {
				return
			}
		}
		time.Sleep(time.Millisecond)
	}
	ts.Fatalf("%s is not held", args[0])
}

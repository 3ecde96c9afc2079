package pagecache

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/filemap-go/filemap/internal/undo"

	"github.com/filemap-go/filemap/internal/sys"
)

const traceText = `# tracer: nop
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
   my-tool 2-1234    [001] .....  6144.117: mm_filemap_get_pages: dev=254:0 ino=1092 ofs=0-16383
   my-tool 2-1234    [001] .....  6144.117: mm_filemap_get_pages: dev=254:0 ino=1092 ofs=4096-1048575
   my-tool 2-1234    [001] .....  6144.118: mm_filemap_add_to_page_cache: dev 254:0 ino 1092 pfn=0x7 ofs=0 order=4
          cat-77      [000] d....  6144.119: mm_filemap_fault: dev 254:0 ino 1092 ofs=4096
          cat-77      [000] .....  6144.120: mm_filemap_fault: dev 254:1 ino 1092 ofs=4096
          cat-77      [000] .....  6144.121: sched_switch: prev_comm=cat
`

func TestParseTrace(t *testing.T) {
	found, err := parseTrace(strings.NewReader(traceText), sys.DeviceInode{Major: 254, Inode: 0x1092}, 4096, span{0, 10})
	if err != nil || len(found) != 2 {
		t.Fatalf("%+v, %v", found, err)
	}
	if h := found[1234]; h.Command != "my-tool 2" || h.SeenPages != 10 || h.LoadedPages != 16 {
		t.Errorf("%+v", h)
	}
	if h := found[77]; h.Command != "cat" || h.SeenPages != 1 || h.LoadedPages != 0 {
		t.Errorf("%+v", h)
	}
	if n := lostEvents("entries: 5\noverrun: 12\ncommit overrun: 1\ndropped events: 3\n"); n != 15 {
		t.Errorf("%d lost", n)
	}
}

// A program reads while it is watched; nothing is left of the watching.
func TestWatchReaders(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	path := onDisk(t, 64*sys.PageSize)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	reads := make(chan struct{})
	go func() { // again and again, since nobody says when the watching begins
		defer close(reads)
		for ctx.Err() == nil {
			_ = exec.Command("cat", path).Run()
		}
	}()
	defer func() { cancel(); <-reads }()
	seen, err := WatchReaders(ctx, path, time.Second)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) || strings.Contains(err.Error(), "needs tracefs") {
			t.Skipf("needs tracefs: %v", err)
		}
		t.Fatal(err)
	}
	// Of few threads the kernel remembers the name.
	if !slices.ContainsFunc(seen.Readers, func(h Holder) bool { return h.Command == "cat" && h.SeenPages+h.LoadedPages > 0 }) {
		t.Errorf("%.1000s", fmt.Sprintf("%+v", seen))
	}
	f := look(t, path, Query{Who: true, Mapped: &Processes{}, Seen: seen})
	if f.Who == nil || len(f.Who.Holders) == 0 || f.Who.Holders[0].Grade != GradeSeen {
		t.Errorf("%+v", f.Who)
	}
	cancelled, stop := context.WithCancel(context.Background())
	stop()
	if _, err := WatchReaders(cancelled, path, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	var made undo.Journal
	root, err := tracefs(&made)
	if err != nil {
		t.Fatal(err)
	}
	left, _ := filepath.Glob(filepath.Join(root, "instances", instancePrefix+"*"))
	if err := made.Close(); err != nil || len(left) > 0 {
		t.Errorf("left: %q, %v", left, err)
	}
}

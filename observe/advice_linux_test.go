package observe

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

// accesses are programs: in which order they touch a file's pages, and in which runs.
// Each begins a run where it reads on for so many pages.
var accesses = map[string]func(pages int64) (runs [][2]int64){
	"scan": func(pages int64) [][2]int64 { return [][2]int64{{0, pages}} },
	"two scans in turn": func(pages int64) (runs [][2]int64) {
		const piece = 32
		for at := int64(0); at+piece <= pages/2; at += piece {
			runs = append(runs, [2]int64{at, piece}, [2]int64{pages/2 + at, piece})
		}
		return runs
	},
	"backward": func(pages int64) (runs [][2]int64) {
		for at := pages - 1; at >= 0; at-- {
			runs = append(runs, [2]int64{at, 1})
		}
		return runs
	},
	"random pages":            randomRuns(1),
	"random pieces of 64 KiB": randomRuns(16),
	"far apart": func(pages int64) (runs [][2]int64) {
		for at := int64(0); at < pages; at += 4096 {
			runs = append(runs, [2]int64{at, 1})
		}
		return runs
	},
}

func randomRuns(length int64) func(int64) [][2]int64 {
	return func(pages int64) (runs [][2]int64) {
		random := rand.New(rand.NewPCG(1, 1))
		for range 16 {
			runs = append(runs, [2]int64{random.Int64N(pages/length) * length, length})
		}
		return runs
	}
}

func init() {
	// "NAME/ADVICE/PATH": touches a file as the access does, and follows the advice.
	roles["OBSERVE_TEST_ACCESS"] = func(what string) int {
		part := strings.SplitN(what, "/", 3)
		f, err := sys.OpenFile("/"+part[2], 0, 0)
		if err != nil {
			return 1
		}
		st, _ := f.Stat()
		r, err := sys.MapFile(f, 0, int(st.Size), sys.ProtRead, sys.Shared)
		if err != nil {
			return 1
		}
		page := int64(sys.PageSize)
		if part[1] == "random" {
			_ = r.Advise(sys.Random, 0, r.Len())
		}
		loaded := map[int64]bool{}
		for _, run := range accesses[part[0]](st.Size / page) {
			for at := run[0]; at < run[0]+run[1]; at++ {
				const ahead = 4 << 20
				off := at * page
				if piece := off / ahead * ahead; part[1] == "populate" && !loaded[piece] {
					loaded[piece] = true
					_ = r.Advise(sys.PopulateRead, int(piece), min(ahead, r.Len()-int(piece)))
				}
				_ = r.TouchLoad(int(off))
			}
		}
		return 0
	}
}

// cost is what an access cost: faults that waited, and bytes that came into memory.
type cost struct{ waits, bytes int64 }

func accessed(t *testing.T, path, access, advice string) (cost, string) {
	t.Helper()
	f, err := sys.OpenFile(path, 0, 0)
	must(t, err)
	must(t, f.SyncData())
	must(t, f.Evict())
	must(t, f.Close())
	d, err := observed(t.Context(), t, CommandOptions{}, "OBSERVE_TEST_ACCESS", access+"/"+advice+path)
	must(t, err)
	bothLanguages(t, d)
	if d.Tier != TierRoot {
		t.Skipf("needs tracefs: %q", d.Missing)
	}
	for _, f := range d.Summary.Files {
		if f.Path != path {
			continue
		}
		for _, a := range d.Summary.Advice {
			if strings.HasPrefix(a, "file: ") && strings.Contains(a, "waited") {
				return cost{f.Major + f.Slept, *f.ReadBytes}, a
			}
		}
		return cost{f.Major + f.Slept, *f.ReadBytes}, ""
	}
	t.Fatalf("%s is not among %+v", path, d.Summary.Files)
	return cost{}, ""
}

// Of a file in memory too: its translations are set by one call, without faults.
func TestAdviceHelpsInMemory(t *testing.T) {
	path := newFile(t, 64<<20+64<<10)
	writeInPages(t, path)
	faults := func(access, advice string) (int64, string) {
		d, err := observed(t.Context(), t, CommandOptions{}, "OBSERVE_TEST_ACCESS", access+"/"+advice+path)
		must(t, err)
		bothLanguages(t, d)
		for _, f := range d.Summary.Files {
			if f.Path == path {
				return f.Minor + f.Major, strings.Join(d.Summary.Advice, "\n")
			}
		}
		return 0, ""
	}
	before, advice := faults("scan", "")
	if !strings.Contains(advice, "in order, on pages that were in memory") {
		t.Errorf("%d faults: %q", before, advice)
	}
	if after, _ := faults("scan", "populate"); after > before/10 {
		t.Errorf("%d faults became %d", before, after)
	}
	if n, advice := faults("far apart", ""); strings.Contains(advice, "in memory") {
		t.Errorf("%d faults far apart: %q", n, advice)
	}
}

// What a report advises without reserve, makes the program cheaper: of the faults that
// wait, or of the bytes read, there are fewer. A program that reads on from where it is
// is not advised to turn readahead off.
func TestAdviceHelps(t *testing.T) {
	needsRoot(t)
	path := newFile(t, 256<<20)
	for access := range accesses {
		before, advice := accessed(t, path, access, "")
		var follow string
		switch {
		case advice == "" || strings.Contains(advice, "measure"):
		case strings.Contains(advice, "MADV_RANDOM reads a page for each."):
			follow = "random"
		case strings.Contains(advice, "MADV_POPULATE_READ of a few MiB"), strings.Contains(advice, "MADV_POPULATE_READ of it, before"):
			follow = "populate"
		default:
			t.Errorf("%s: what does it mean to follow %q", access, advice)
		}
		if reads := access == "scan" || access == "two scans in turn" || access == "backward"; reads && follow == "random" {
			t.Errorf("%s: %s", access, advice)
		}
		told := fmt.Sprintf("%-25s %+v %s", access, before, advice)
		if follow == "" {
			t.Log(told)
			continue
		}
		after, _ := accessed(t, path, access, follow)
		t.Log(told, after)
		if follow == "populate" && (after.waits >= before.waits || after.bytes > before.bytes+before.bytes/8) || follow == "random" && after.bytes >= before.bytes {
			t.Errorf("%s: %+v became %+v by %s", access, before, after, advice)
		}
	}
}

package pagecache

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

const smapsText = `7f0000000000-7f0000003000 rw-p 00001000 fe:00 4242                       /data/a file
Size:                 12 kB
KernelPageSize:        4 kB
Rss:                   8 kB
Pss:                   6 kB
Shared_Clean:          4 kB
Shared_Dirty:          0 kB
Private_Clean:         0 kB
Private_Dirty:         4 kB
Anonymous:             4 kB
Swap:                  4 kB
Locked:                8 kB
THPeligible:           0
VmFlags: rd wr mr mw me ac
7ffd1c000000-7ffd1c021000 rw-p 00000000 00:00 0                          [stack]
Size:                132 kB
Rss:                  16 kB
`

func TestParseSmaps(t *testing.T) {
	got, err := parseSmaps(strings.NewReader(smapsText))
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	want := MappingView{
		Mapping:   Mapping{Begin: 0x7f0000000000, End: 0x7f0000003000, Permissions: "rw-p", Offset: 4096, file: sys.DeviceInode{Major: 0xfe, Minor: 0, Inode: 4242}},
		SizeBytes: 12 << 10, ResidentBytes: 8 << 10, ProportionalBytes: 6 << 10, SharedCleanBytes: 4 << 10, PrivateDirtyBytes: 4 << 10,
		AnonymousBytes: 4 << 10, SwapBytes: 4 << 10, LockedBytes: 8 << 10,
	}
	if !reflect.DeepEqual(got[0], want) {
		t.Errorf("got  %+v\nwant %+v", got[0], want)
	}
	for _, bad := range []string{"Rss: 4 kB\n", "zz-00 r--p 0 0:0 1\n", "00-10 r--p 0 0:0 1\nRss: many kB\n", "00-10 r--p 0 0:0 1\nRss: 4 pages\n", "10-00 r--p 0 0:0 1\n"} {
		if got, err := parseSmaps(strings.NewReader(bad)); err == nil {
			t.Errorf("%q: %+v and no error", bad, got)
		}
	}
}

func FuzzParseSmaps(f *testing.F) {
	f.Add(smapsText)
	f.Fuzz(func(t *testing.T, text string) {
		all, _ := parseSmaps(strings.NewReader(text))
		for _, m := range all {
			if m.End < m.Begin || m.ResidentBytes < 0 || m.Offset < 0 {
				t.Errorf("%+v", m)
			}
		}
		_, _ = parseMaps(strings.NewReader(text), 1)
	})
}

// tree is a /proc of one process, 7, which has pages of the file 4242 in its table
// from address 0x10000 on.
func tree(t *testing.T, entries ...uint64) string {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "7")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	table := make([]byte, 8*16+8*len(entries))
	for i, e := range entries {
		binary.NativeEndian.PutUint64(table[8*(16+i):], e)
	}
	maps := "10000-14000 rw-p 00002000 fe:00 4242    /f\n20000-21000 rw-p 00000000 00:00 0\n"
	for name, content := range map[string][]byte{
		"maps": []byte(maps), "smaps": []byte(maps[:strings.Index(maps, "\n")+1] + "Rss: 8 kB\n"), "comm": []byte("reader\n"), "pagemap": table,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestScanProcesses(t *testing.T) {
	if sys.PageSize != 4096 {
		t.Skip("needs pages of 4096 bytes: the fixture has them")
	}
	root := tree(t, entryPresent|entryFile|99, entryPresent|5, entrySwapped|1<<5, entryPresent|entryFile|100)
	p, err := ScanProcesses(context.Background(), root)
	if err != nil || p.Hidden != 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	maps := p.maps[sys.DeviceInode{Major: 0xfe, Inode: 4242}]
	if len(p.maps) != 1 || len(maps) != 1 || maps[0].PID != 7 || maps[0].pages() != (span{2, 6}) {
		t.Fatalf("%+v", p.maps)
	}
	found, err := p.mapped(context.Background(), maps[0], nil)
	if want := []span{{2, 3}, {5, 6}}; err != nil || !reflect.DeepEqual(found, want) {
		t.Errorf("mapped %v, %v, want %v", found, err, want)
	}
	found, err = p.mapped(context.Background(), maps[0], []span{{0, 1}, {4, 9}})
	if want := []span{{5, 6}}; err != nil || !reflect.DeepEqual(found, want) {
		t.Errorf("of the cached ones, mapped %v, %v, want %v", found, err, want)
	}
	m := MappingView{Mapping: maps[0]}
	if err := p.readTable(context.Background(), &m); err != nil || *m.FilePages != 2 || *m.CopiedPages != 1 || *m.SwappedPages != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	if name := commandOf(root, 7); name != "reader" {
		t.Errorf("its name is %q", name)
	}
}

// A process can have any bytes as its name; JSON keeps them.
func TestNameOfAProcess(t *testing.T) {
	root := tree(t)
	if err := os.WriteFile(filepath.Join(root, "7", "comm"), []byte("x\xff\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	all := map[int]*Holder{}
	text, err := json.Marshal(holderOf(all, root, 7))
	var read struct {
		Command string `json:"command"`
		Raw     []byte `json:"command_base64"`
	}
	if err == nil {
		err = json.Unmarshal(text, &read)
	}
	if err != nil || string(read.Raw) != "x\xff" || read.Command != "x\ufffd" {
		t.Errorf("%s, %v", text, err)
	}
}

func TestUnion(t *testing.T) {
	got, n := union([]span{{5, 6}, {0, 2}, {1, 4}, {4, 5}, {9, 10}})
	if want := []span{{0, 6}, {9, 10}}; n != 7 || !reflect.DeepEqual(got, want) {
		t.Errorf("%v, %d pages, want %v", got, n, want)
	}
}

func TestWalk(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b/two", "b/c/three", "one.db", "other"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err := Walk(context.Background(), []string{dir, filepath.Join(dir, "*.db"), filepath.Join(dir, "*.none"), filepath.Join(dir, "missing")}, func(path string, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil {
			name += " failed"
		}
		got = append(got, filepath.ToSlash(name))
		return nil
	})
	want := []string{"b/c/three", "b/two", "one.db", "other", "one.db", "*.none failed", "missing"}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
}

// Like du: a file once, under its first name, whether it was named or found.
func TestWalkMeetsAFileOnce(t *testing.T) {
	dir := t.TempDir()
	first, second := filepath.Join(dir, "a"), filepath.Join(dir, "b")
	if err := os.WriteFile(first, []byte("1"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(first, second); err != nil && runtime.GOOS == "linux" {
		t.Fatal(err)
	}
	st, err := os.Stat(first)
	if err != nil {
		t.Fatal(err)
	}
	if _, known := sys.SeveralNames(st); !known && runtime.GOOS != "linux" {
		t.Skip("needs linux") // or another system that tells hard links
	}
	for _, paths := range [][]string{{dir}, {first, second}, {first, dir}} {
		var visited, links []string
		err := Walk(context.Background(), paths, func(path string, err error) error {
			if errors.Is(err, ErrLink) {
				links = append(links, path)
				return nil
			}
			visited = append(visited, path)
			return err
		})
		if err != nil || fmt.Sprint(visited) != fmt.Sprint([]string{first}) || !slices.Contains(links, second) {
			t.Errorf("%v: visited %v, links %v, %v", paths, visited, links, err)
		}
	}
}

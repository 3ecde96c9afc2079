//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/filemap-go/filemap/internal/faultfs"
)

// recorded is a mount with a file "data" of n bytes, all of them durable.
func recorded(t *testing.T, n int) (*faultfs.FS, []byte) {
	t.Helper()
	f, content := ready(t, n, "")
	if err := f.Record(); err != nil {
		t.Fatal(err)
	}
	return f, content
}

// leaves lists in short what a power cut now can leave of the file system.
func leaves(t *testing.T, f *faultfs.FS, l faultfs.Losses) []string {
	t.Helper()
	if err := f.Mark("now"); err != nil {
		t.Fatal(err)
	}
	h, err := f.History()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for c := range h.Cuts(l) {
		if c.At == len(h.Steps) {
			all = append(all, short(c.Disk))
		}
	}
	slices.Sort(all)
	return all
}

// short writes a disk down as "d/ name:aaab", a letter for each half page.
func short(d faultfs.Disk) string {
	var all []string
	for _, dir := range d.Dirs {
		all = append(all, dir+"/")
	}
	for name, data := range d.Files {
		text := name + ":"
		for half := range slices.Chunk(data, page/2) {
			text += strings.ReplaceAll(string(half[:1]), "\x00", "-")
		}
		all = append(all, text)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func wantLeaves(t *testing.T, f *faultfs.FS, want ...string) {
	t.Helper()
	if got := leaves(t, f, faultfs.Losses{}); !slices.Equal(got, want) {
		t.Errorf("a power cut can leave %q, want %q", got, want)
	}
}

// halves are as many half pages, of a letter each.
func halves(letters string) []byte {
	var b []byte
	for _, c := range []byte(letters) {
		b = append(b, bytes.Repeat([]byte{c}, page/2)...)
	}
	return b
}

// lettered is a recorded mount whose file "data" is halves of letters.
func lettered(t *testing.T, letters string) (*faultfs.FS, *os.File) {
	t.Helper()
	f := faultfs.New(t)
	if err := os.WriteFile(f.Backing("data"), halves(letters), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.Record(); err != nil {
		t.Fatal(err)
	}
	return f, openData(t, f, os.O_RDWR)
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func writeAt(t *testing.T, file *os.File, letters string, half int64) {
	t.Helper()
	if _, err := file.WriteAt(halves(letters), half*page/2); err != nil {
		t.Fatal(err)
	}
}

func syncDir(t *testing.T, path string) {
	t.Helper()
	d, err := os.Open(path)
	must(t, err)
	must(t, d.Sync(), d.Close())
}

func TestLostWrite(t *testing.T) {
	f, file := lettered(t, "aaaa")
	writeAt(t, file, "b", 1)
	wantLeaves(t, f, "data:aaaa", "data:abaa")
	must(t, file.Sync())
	wantLeaves(t, f, "data:abaa")
}

// The two halves of a page, and the second of two writes without the first.
func TestTornPage(t *testing.T) {
	f, file := lettered(t, "aa")
	writeAt(t, file, "bc", 0)
	wantLeaves(t, f, "data:aa", "data:ac", "data:ba", "data:bc")
	writeAt(t, file, "d", 0)
	wantLeaves(t, f, "data:aa", "data:ac", "data:ba", "data:bc", "data:da", "data:dc")
	// The first four sectors are a, b or d, the others a or c.
	if got := len(leaves(t, f, faultfs.Losses{Sector: 512, Every: 12})); got != 81*16 {
		t.Errorf("%d disks with sectors of 512 bytes", got)
	}
}

func TestSizeWithoutData(t *testing.T) {
	f, file := lettered(t, "aa")
	writeAt(t, file, "bc", 2)
	wantLeaves(t, f, "data:aa", "data:aa--", "data:aa-c", "data:aab", "data:aab-", "data:aabc")
	must(t, file.Sync())
	must(t, file.Truncate(page/2))
	wantLeaves(t, f, "data:a", "data:aabc")
	must(t, file.Sync())
	must(t, syscall.Fallocate(int(file.Fd()), 0, 0, page))
	wantLeaves(t, f, "data:a", "data:a-")
	const keepSize, punchHole = 1, 2
	must(t, file.Sync(), syscall.Fallocate(int(file.Fd()), keepSize|punchHole, 0, page/2))
	wantLeaves(t, f, "data:--", "data:a-")
}

// A sync of the file does not make its name durable, nor the other way round.
func TestLostCreate(t *testing.T) {
	f, _ := lettered(t, "a")
	file, err := os.Create(f.Path("new"))
	must(t, err)
	defer file.Close()
	writeAt(t, file, "n", 0)
	must(t, file.Sync())
	wantLeaves(t, f, "data:a", "data:a new:n")
	syncDir(t, f.Path(""))
	wantLeaves(t, f, "data:a new:n")

	must(t, os.Mkdir(f.Path("d"), 0o700), os.WriteFile(f.Path("d/x"), nil, 0o600))
	syncDir(t, f.Path("d"))
	wantLeaves(t, f, "d/ d/x: data:a new:n", "data:a new:n")
	must(t, os.Remove(f.Path("new")))
	syncDir(t, f.Path(""))
	wantLeaves(t, f, "d/ d/x: data:a")
}

func TestLostRename(t *testing.T) {
	f, _ := lettered(t, "a")
	must(t, os.WriteFile(f.Path("new"), halves("n"), 0o600))
	must(t, os.Rename(f.Path("new"), f.Path("data")))
	// The name of a file whose bytes are lost: what a forgotten fsync does.
	wantLeaves(t, f, "data:", "data:-", "data:a", "data:a new:", "data:a new:-", "data:a new:n", "data:n")
	syncDir(t, f.Path(""))
	wantLeaves(t, f, "data:", "data:-", "data:n")
	file := openData(t, f, os.O_RDWR)
	must(t, file.Sync())
	wantLeaves(t, f, "data:n")

	// Between directories each of the two has its own part in it.
	must(t, os.Mkdir(f.Path("d"), 0o700))
	syncDir(t, f.Path(""))
	must(t, os.Rename(f.Path("data"), f.Path("d/data")))
	wantLeaves(t, f, "d/", "d/ d/data:n", "d/ d/data:n data:n", "d/ data:n")
	syncDir(t, f.Path("d"))
	must(t, os.Rename(f.Path("d"), f.Path("e")))
	wantLeaves(t, f, "d/ d/data:n", "d/ d/data:n data:n", "data:n e/ e/data:n", "e/ e/data:n")
	writeAt(t, file, "o", 0)
	must(t, file.Sync())
	syncDir(t, f.Path(""))
	wantLeaves(t, f, "e/ e/data:o")
}

// A store through a mapping reaches the disk when the kernel writes its page.
func TestLostStore(t *testing.T) {
	f, file := lettered(t, "aa")
	m, err := syscall.Mmap(int(file.Fd()), 0, page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	must(t, err)
	m[0] = 'b'
	wantLeaves(t, f, "data:aa")
	must(t, file.Sync())
	wantLeaves(t, f, "data:ba")
	must(t, syscall.Munmap(m))
}

// A file that has lost its name is nobody's, and its number is not another's.
func TestUnlinkedFile(t *testing.T) {
	f, file := lettered(t, "a")
	must(t, os.Remove(f.Path("data")))
	writeAt(t, file, "b", 0)
	must(t, file.Sync())
	wantLeaves(t, f, "", "data:b")
	must(t, os.WriteFile(f.Path("data"), nil, 0o600))
	wantLeaves(t, f, "", "data:", "data:b")
	syncDir(t, f.Path(""))
	wantLeaves(t, f, "data:")
}

func TestIgnoredSync(t *testing.T) {
	f, file := lettered(t, "a")
	play(t, f, "sync data ignore times 1")
	writeAt(t, file, "b", 0)
	must(t, file.Sync())
	wantLeaves(t, f, "data:a", "data:b")
	must(t, file.Sync())
	wantLeaves(t, f, "data:b")
}

// TestCutSteps: a run whose power goes has done what the history of a whole run
// has up to there, and everything after it fails.
func TestCutSteps(t *testing.T) {
	f, _ := lettered(t, "aa")
	work := func() error {
		file, err := os.OpenFile(f.Path("new"), os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return err
		}
		defer file.Close()
		if _, err = file.WriteAt(halves("bcd"), 0); err == nil {
			err = file.Sync()
		}
		if err == nil {
			err = file.Truncate(page / 2)
		}
		if err == nil {
			err = os.Rename(f.Path("new"), f.Path("data"))
		}
		return err
	}
	steps := func() []string {
		h, err := f.History()
		must(t, err)
		var all []string
		for _, s := range h.Steps[h.Begin:] {
			all = append(all, s.String())
		}
		return all
	}
	before := faultfs.Disk{Files: map[string][]byte{"data": halves("aa")}}
	must(t, work())
	whole := steps()
	want := []string{"create new", "write new[0,6144)", "sync new", "truncate new 2048", "rename new data"}
	if !slices.Equal(whole, want) {
		t.Fatalf("steps %q", whole)
	}
	for n := 1; n < len(whole); n++ {
		must(t, f.Restore(before), f.Record(), f.Script(fmt.Sprintf("cut after %d steps", n)))
		if err := work(); !errors.Is(err, syscall.EIO) {
			t.Errorf("power gone after %d steps: %v", n, err)
		}
		if got := steps(); !slices.Equal(got, whole[:n]) {
			t.Errorf("power gone after %d steps: %q", n, got)
		}
		if _, err := os.Stat(f.Path("data")); !errors.Is(err, syscall.EIO) {
			t.Errorf("without power: %v", err)
		}
		must(t, f.Reset())
		if _, err := os.Stat(f.Path("data")); err != nil {
			t.Errorf("with power again: %v", err)
		}
	}
}

func TestCutWords(t *testing.T) {
	f, file := lettered(t, "aa")
	for _, c := range []struct {
		script string
		works  int // writes, of one byte each
	}{{"cut", 0}, {"cut after 2 writes", 2}, {"cut after 1 steps", 1}, {"cut after 1 syncs", 3}} {
		play(t, f, c.script)
		worked := 0
		for range 5 {
			if _, err := file.WriteAt([]byte{'b'}, 0); err == nil {
				worked++
			}
			if worked == 3 {
				_ = file.Sync()
			}
		}
		if worked != c.works {
			t.Errorf("%s: %d writes worked, want %d", c.script, worked, c.works)
		}
	}
	play(t, f, "")
}

// TestRestore: the mount holds what a cut has left, in the same files, and nothing
// of before is in the kernel's memory.
func TestRestore(t *testing.T) {
	f, file := lettered(t, "aa")
	must(t, os.WriteFile(f.Path("other"), halves("o"), 0o600))
	writeAt(t, file, "bb", 0)
	st, err := os.Stat(f.Path("data"))
	must(t, err)
	d := faultfs.Disk{Files: map[string][]byte{"data": halves("ab"), "d/x": halves("x")}, Dirs: []string{"d"}}
	must(t, f.Restore(d))
	if got := halfFile(t, f, "data"); got != "ab" {
		t.Errorf("restored %q", got)
	}
	if again, err := os.Stat(f.Path("data")); err != nil || !os.SameFile(st, again) {
		t.Errorf("another file: %v", err)
	}
	if got := halfFile(t, f, "d/x"); got != "x" {
		t.Errorf("restored %q", got)
	}
	if _, err := os.Stat(f.Path("other")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what the disk has not: %v", err)
	}
	must(t, f.Record())
	wantLeaves(t, f, "d/ d/x:x data:ab")
}

func halfFile(t *testing.T, f *faultfs.FS, name string) string {
	t.Helper()
	b, err := os.ReadFile(f.Path(name))
	must(t, err)
	_, text, _ := strings.Cut(short(faultfs.Disk{Files: map[string][]byte{name: b}}), ":")
	return text
}

// TestManyLosses: with more changes than subsets can be tried of, every prefix,
// every one missing and every one alone.
func TestManyLosses(t *testing.T) {
	f, file := lettered(t, strings.Repeat("a", 16))
	writeAt(t, file, strings.Repeat("b", 16), 0)
	got := leaves(t, f, faultfs.Losses{})
	if len(got) < 17+16+15 || len(got) > 17+16+15+20 {
		t.Errorf("%d disks", len(got))
	}
	for i := range 17 {
		want := []string{"data:" + strings.Repeat("b", i) + strings.Repeat("a", 16-i)}
		if i < 16 {
			want = append(want,
				"data:"+strings.Repeat("b", i)+"a"+strings.Repeat("b", 15-i),
				"data:"+strings.Repeat("a", i)+"b"+strings.Repeat("a", 15-i))
		}
		for _, disk := range want {
			if !slices.Contains(got, disk) {
				t.Errorf("no disk has %s", disk)
			}
		}
	}
}

// TestCutsAgainAfterMark: what was seen before a mark is looked at again after it.
func TestCutsAgainAfterMark(t *testing.T) {
	f, file := lettered(t, "a")
	writeAt(t, file, "b", 0)
	must(t, f.Mark("written"), file.Sync(), f.Mark("synced"))
	h, err := f.History()
	must(t, err)
	var got []string
	for c := range h.Cuts(faultfs.Losses{}) {
		got = append(got, fmt.Sprintf("%d %s %s %s", c.At-h.Begin, c.Mark, c.Kept, short(c.Disk)))
	}
	want := []string{"0   data:a", "1  1 data:b", "2 written 0 data:a", "2 written 1 data:b", "4 synced  data:b"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestOpenBeforeRecord: a file that is open when a history begins is in it.
func TestOpenBeforeRecord(t *testing.T) {
	f, _ := recorded(t, 0)
	file := openData(t, f, os.O_RDWR)
	gone, err := os.Create(f.Path("gone"))
	must(t, err)
	defer gone.Close()
	must(t, os.Remove(f.Path("gone")), f.Record())
	writeAt(t, file, "b", 0)
	writeAt(t, gone, "g", 0)
	must(t, file.Sync(), gone.Sync())
	wantLeaves(t, f, "data:b")
}

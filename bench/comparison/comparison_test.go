package comparison

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/filemap-go/filemap/bench/contender"
	"github.com/filemap-go/filemap/bench/harness"
)

func TestMain(m *testing.M) {
	harness.Child(All())
	os.Exit(m.Run())
}

// TestRegistry: what the contract needs of every comparison, without running it.
func TestRegistry(t *testing.T) {
	names := map[string]bool{}
	for _, c := range All() {
		if names[c.Name] || c.Name == "" || c.About == "" || len(c.Cases) == 0 {
			t.Errorf("comparison %q: name not new, or no About, or no cases", c.Name)
		}
		names[c.Name] = true
		cases := map[string]bool{}
		for _, k := range c.Cases {
			if cases[k.Name] || k.Unit == "" || (k.Better != harness.Lower && k.Better != harness.Higher) {
				t.Errorf("%s/%s: name not new, or no unit, or no direction", c.Name, k.Name)
			}
			cases[k.Name] = true
			if len(k.Contenders) == 0 || k.Contenders[0].Role != harness.Ours {
				t.Errorf("%s/%s: the first contender is not ours", c.Name, k.Name)
			}
			contenders := map[string]bool{}
			for _, r := range k.Contenders {
				if contenders[r.Name] || r.New == nil {
					t.Errorf("%s/%s/%s: name not new, or nothing to run", c.Name, k.Name, r.Name)
				}
				contenders[r.Name] = true
			}
		}
	}
}

// TestSmallCases runs what is quick: every contender does its work right.
func TestSmallCases(t *testing.T) {
	small := map[string]int{ // operations a run
		"increment/40KB": 4, "increment/1MB": 4,
		"open/4KB": 16, "open/4KB/first-byte": 16,
		"append/16MB/by 100": 1, "pin/pin/1": 1 << 10, "pin/read/1": 1 << 10, "redirty/again/small/64MB": 1, "redirty/round/large/64MB": 1,
		"hot/load/256KB": 1 << 10, "hot/store/256KB": 1 << 10, "hot/load-call/256KB": 1 << 10, "hot/store-call/256KB": 1 << 10,
	}
	for _, c := range All() {
		for i := range c.Cases {
			k := c.Cases[i]
			name := c.Name + "/" + k.Name
			ops, found := small[name]
			if !found {
				continue
			}
			delete(small, name)
			t.Run(name, func(t *testing.T) {
				k.Ops = ops
				d, err := harness.Run(t.Context(), c, &k, harness.Settings{Runs: 1, Dir: t.TempDir()})
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range d.Results {
					if r.Outcome != "ok" {
						t.Errorf("%s: %s", r.Contender, r.Outcome)
					}
				}
			})
		}
	}
	for name := range small {
		t.Errorf("no case %s", name)
	}
}

// The checks find what they are for.

func TestAppendCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "append")
	piece := []byte("piece")
	for content, good := range map[string]bool{"piecepiece": true, "piecepiec": false, "piecepiece\x00": false, "pieceqiece": false} {
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkPieces(path, piece, 12); (err == nil) != good {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestRedirtyCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "redirty")
	b := make([]byte, 1<<16)
	words := viewOf[uint64](b)
	for i := 0; i < len(words); i += 512 {
		words[i] = 3
	}
	for i, good := range []bool{true, false} {
		words[512*4] = uint64(3 + i)
		if err := os.WriteFile(path, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := checkWords(path, 512, 3); (err == nil) != good {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func TestIncrementCheck(t *testing.T) {
	path := filepath.Join(t.TempDir(), "integers")
	if err := makeIntegers(path, 100_000); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := checkIntegers(f, 0); err != nil {
		t.Error(err)
	}
	if checkIntegers(f, 1) == nil {
		t.Error("nothing was added, and one was not missed")
	}
	if _, err := f.WriteAt([]byte{0xff}, 399_999); err != nil {
		t.Fatal(err)
	}
	if checkIntegers(f, 0) == nil {
		t.Error("the last integer is wrong, and passes")
	}
}

func TestAddOne(t *testing.T) {
	for n := range 50 {
		s := make([]int32, n)
		addOne(s)
		for i, v := range s {
			if v != 1 {
				t.Fatalf("integer %d of %d is %d", i, n, v)
			}
		}
	}
}

func TestHotChecks(t *testing.T) {
	f := hotFile{"8KB", 13, 1}
	p := f.places()
	words := make([]uint64, 1<<10)
	const n, salt = 5000, 77
	p.toWords(words, n, salt)
	if i := p.firstWithout(words, salt, n); i != -1 {
		t.Errorf("store %d is missing", i)
	}
	if p.firstWithout(words, salt+1, n) == -1 {
		t.Error("another run's stores pass")
	}
	if p.sumOf(wordAt, n) == p.sumOf(wordAt, n-1) {
		t.Error("one load less makes no difference")
	}
	seen := map[uint64]bool{}
	p.sumOf(func(place uint64) uint64 { seen[place] = true; return 0 }, n)
	if len(seen) < 950 {
		t.Errorf("%d places of 1024 in %d accesses", len(seen), n)
	}
}

func TestOpenCheck(t *testing.T) {
	task := opener(&contender.Library{Once: func(string, bool) (int, error) { return 4095, nil }}, "", false, 4096)
	if err := task.Before(2); err != nil {
		t.Fatal(err)
	}
	if err := task.Run(2); err != nil {
		t.Fatal(err)
	}
	if task.Check(2) == nil {
		t.Error("a byte is missing, and it passes")
	}
}

package policy_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/filemap-go/filemap/pager/policy"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent")) // js's
}

func newPolicy(t testing.TB, name string, capacity int) policy.Policy {
	t.Helper()
	p, err := policy.New(name, capacity)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func forEach(t *testing.T, f func(t *testing.T, name string)) {
	for _, name := range policy.Names() {
		t.Run(name, func(t *testing.T) { f(t, name) })
	}
}

func idle(policy.Page) policy.State       { return policy.Idle }
func busy(policy.Page) policy.State       { return policy.Busy }
func referenced(policy.Page) policy.State { return policy.Referenced }

func TestNames(t *testing.T) {
	want := "clock fifo lru sieve s3-fifo 2q"
	if got := strings.Join(policy.Names(), " "); got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if policy.Names()[0] != policy.Default {
		t.Errorf("the default is %q and %q comes first", policy.Default, policy.Names()[0])
	}
	for _, name := range append(policy.Names(), "", "CLOCK", "Sieve") {
		if _, err := policy.New(name, 1); err != nil {
			t.Error(err)
		}
	}
}

// tooMany is more than a policy takes; where an int cannot be that, less than it takes.
var tooMany = func() int {
	most := int64(policy.MaxCapacity)
	return int(most + 1)
}()

func TestNewErrors(t *testing.T) {
	for _, c := range []struct {
		name     string
		capacity int
		says     string
	}{
		{"arc", 10, `no policy is called "arc": choose one of clock, fifo`},
		{"clock", 0, "capacity of 0 pages"},
		{"clock", -1, "capacity of -1 pages"},
		{"2q", math.MinInt, "it must be 1 to"},
		{"2q", tooMany, "it must be 1 to"},
	} {
		if _, err := policy.New(c.name, c.capacity); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("New(%q, %d): %v, want %q", c.name, c.capacity, err, c.says)
		}
	}
}

func TestNothingToChoose(t *testing.T) {
	forEach(t, func(t *testing.T, name string) {
		p := newPolicy(t, name, 4)
		if page, ok := p.Victim(referenced); ok {
			t.Errorf("%d of no pages", page)
		}
		p.Used(7)
		p.Removed(7)
		if page, ok := p.Victim(idle); ok {
			t.Errorf("%d, which was never added", page)
		}
		p.Added(7)
		p.Removed(7)
		if page, ok := p.Victim(idle); ok {
			t.Errorf("%d, which was removed", page)
		}
	})
}

// Each page that was added leaves, once.
func TestEveryPageLeavesOnce(t *testing.T) {
	forEach(t, func(t *testing.T, name string) {
		const n = 1000
		p := newPolicy(t, name, n/3) // more come than it was made for
		for page := range policy.Page(n) {
			p.Added(page)
			p.Added(page)
		}
		seen := map[policy.Page]bool{}
		for range n {
			page, ok := p.Victim(idle)
			if !ok || seen[page] || page >= n {
				t.Fatalf("%d, %v after %d pages", page, ok, len(seen))
			}
			seen[page] = true
		}
		if page, ok := p.Victim(idle); ok {
			t.Errorf("%d although all have left", page)
		}
	})
}

func TestBusyPagesStay(t *testing.T) {
	forEach(t, func(t *testing.T, name string) {
		const n = 100
		p := newPolicy(t, name, n)
		for page := range policy.Page(n) {
			p.Added(page)
		}
		if page, ok := p.Victim(busy); ok {
			t.Fatalf("%d, and all are busy", page)
		}
		odd := func(page policy.Page) policy.State { return policy.State(2 * (page % 2)) } // busy
		for range n / 2 {
			if page, ok := p.Victim(odd); !ok || page%2 != 0 {
				t.Fatalf("%d, %v", page, ok)
			}
		}
		if page, ok := p.Victim(odd); ok {
			t.Fatalf("%d, and all that are left are busy", page)
		}
		for range n / 2 {
			if page, ok := p.Victim(idle); !ok || page%2 != 1 {
				t.Fatalf("%d, %v of those that were busy", page, ok)
			}
		}
	})
}

// A page that is accessed each time one leaves outlives all that are not, but for
// policies that do not look at accesses of new pages.
func TestSecondChance(t *testing.T) {
	forEach(t, func(t *testing.T, name string) {
		const n, hot = 64, 13
		p := newPolicy(t, name, n)
		for page := range policy.Page(n) {
			p.Added(page)
		}
		if name == "2q" { // hot leaves, comes back, and is then known
			for page := policy.Page(n); ; page++ {
				gone, ok := p.Victim(idle)
				if !ok {
					t.Fatal("none can leave")
				}
				if gone == hot {
					break
				}
				p.Added(page)
			}
			p.Added(hot)
		}
		left := 0
		for {
			gone, ok := p.Victim(func(page policy.Page) policy.State {
				if page == hot {
					return policy.Referenced
				}
				return policy.Idle
			})
			if !ok {
				t.Fatal("none can leave")
			}
			if gone == hot {
				break
			}
			left++
		}
		switch {
		case name == "fifo" && left != hot:
			t.Errorf("%d left before page %d, whose uses do not count", left, hot)
		case name == "2q" && left != n-1-n/4:
			t.Errorf("%d left before the one of Am: A1in keeps %d", left, n/4)
		case name != "fifo" && name != "2q" && left != n-1:
			t.Errorf("%d of %d left before the one that is always used", left, n-1)
		}
	})
}

// A page that was Used once since it came outlives one that was not.
func TestUsedCounts(t *testing.T) {
	for _, name := range []string{"clock", "lru", "sieve"} {
		p := newPolicy(t, name, 3)
		p.Added(1)
		p.Added(2)
		p.Added(3)
		p.Used(1)
		if page, _ := p.Victim(idle); page != 2 {
			t.Errorf("%s: %d left, not 2", name, page)
		}
	}
}

// All are always referenced: one must leave, in a bounded number of questions.
func TestAlwaysReferenced(t *testing.T) {
	forEach(t, func(t *testing.T, name string) {
		const n = 50
		p := newPolicy(t, name, n)
		for page := range policy.Page(n) {
			p.Added(page)
		}
		asked := 0
		for left := range n {
			_, ok := p.Victim(func(page policy.Page) policy.State { asked++; return referenced(page) })
			if !ok {
				t.Fatalf("none of %d", n-left)
			}
		}
		if asked > 10*n*n {
			t.Errorf("%d questions", asked)
		}
		p.Added(1)
		p.Added(2)
		page, ok := p.Victim(func(page policy.Page) policy.State { return policy.Referenced + policy.State(page-1) })
		if !ok || page != 1 {
			t.Errorf("%d, %v of one always referenced and one busy", page, ok)
		}
	})
}

// The model knows what is resident; everything else is up to the policy.
func TestModel(t *testing.T) {
	forEach(t, func(t *testing.T, name string) {
		rapid.Check(t, func(t *rapid.T) {
			capacity := rapid.IntRange(1, 40).Draw(t, "capacity")
			p, err := policy.New(name, capacity)
			if err != nil {
				t.Fatal(err)
			}
			resident := map[policy.Page]bool{}
			states := map[policy.Page]policy.State{}
			pages := rapid.Uint64Range(0, 60)
			for range rapid.IntRange(0, 200).Draw(t, "steps") {
				page := policy.Page(pages.Draw(t, "page"))
				switch rapid.IntRange(0, 5).Draw(t, "what") {
				case 0, 1:
					p.Added(page)
					resident[page] = true
				case 2:
					p.Used(page)
				case 3:
					p.Removed(page)
					delete(resident, page)
				case 4:
					states[page] = policy.State(rapid.IntRange(0, 2).Draw(t, "state"))
				case 5:
					if err := victim(p, resident, states); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	})
}

func victim(p policy.Policy, resident map[policy.Page]bool, states map[policy.Page]policy.State) error {
	free := false
	for page := range resident {
		free = free || states[page] != policy.Busy
	}
	var stray error
	was := map[policy.Page]policy.State{}
	gone, ok := p.Victim(func(page policy.Page) policy.State {
		if !resident[page] {
			stray = fmt.Errorf("asked of %d, which is not resident", page)
		}
		s := states[page]
		was[page] = s
		if s == policy.Referenced {
			states[page] = policy.Idle
		}
		return s
	})
	switch {
	case stray != nil:
		return stray
	case ok != free:
		return fmt.Errorf("%v, and that a page can leave is %v", ok, free)
	case ok && !resident[gone]:
		return fmt.Errorf("%d leaves, which is not resident", gone)
	case ok && states[gone] == policy.Busy:
		return fmt.Errorf("%d leaves, which is busy", gone)
	}
	if _, asked := was[gone]; ok && !asked {
		return fmt.Errorf("%d leaves, and nobody was asked about it", gone)
	}
	if ok {
		delete(resident, gone)
	}
	return nil
}

// run plays accesses on a policy that has frames pages of memory, exactly, and
// returns who left, in order, and who is there in the end.
func run(p policy.Policy, frames int, trace []policy.Page) (left []policy.Page, resident map[policy.Page]bool, err error) {
	resident = map[policy.Page]bool{}
	for _, page := range trace {
		if resident[page] {
			p.Used(page)
			continue
		}
		if len(resident) == frames {
			gone, ok := p.Victim(idle)
			if !ok {
				return nil, nil, errors.New("none can leave")
			}
			delete(resident, gone)
			left = append(left, gone)
		}
		resident[page] = true
		p.Added(page)
	}
	return left, resident, nil
}

// Each policy does what the plainest form of its algorithm does, on any trace.
func TestNaive(t *testing.T) {
	forEach(t, func(t *testing.T, name string) {
		rapid.Check(t, func(t *rapid.T) {
			frames := rapid.IntRange(1, 30).Draw(t, "frames")
			length := rapid.IntRange(0, 400).Draw(t, "length")
			r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
			trace := make([]policy.Page, length)
			spread := rapid.Float64Range(5, 80).Draw(t, "spread")
			for i := range trace {
				trace[i] = policy.Page(r.ExpFloat64() * spread / 3)
			}
			p, err := policy.New(name, frames)
			if err != nil {
				t.Fatal(err)
			}
			got, _, err := run(p, frames, trace)
			if err != nil {
				t.Fatal(err)
			}
			want := naives[name](frames, trace)
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("with %d frames, of %v\nleft %v\nnot  %v", frames, trace, got, want)
			}
		})
	})
}

// Belady's anomaly: with this trace FIFO misses 9 times with 3 frames and 10
// times with 4. LRU does not get worse.
func TestBeladysAnomaly(t *testing.T) {
	trace := []policy.Page{1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5}
	misses := func(name string, frames int) int {
		left, _, err := run(newPolicy(t, name, frames), frames, trace)
		if err != nil {
			t.Fatal(err)
		}
		return len(left) + frames
	}
	for _, c := range []struct {
		name         string
		three, fours int
	}{{"fifo", 9, 10}, {"lru", 10, 8}} {
		if three, four := misses(c.name, 3), misses(c.name, 4); three != c.three || four != c.fours {
			t.Errorf("%s: %d misses with 3 frames, %d with 4, not %d and %d", c.name, three, four, c.three, c.fours)
		}
	}
}

// A scan over many pages that are used once does not drive out the pages that are
// used all the time, where the algorithm is made for that.
func TestScanResistance(t *testing.T) {
	const hot, frames = 50, 100
	for name, resists := range map[string]bool{"2q": true, "s3-fifo": true, "sieve": true, "lru": false, "fifo": false} {
		p := newPolicy(t, name, frames)
		var trace []policy.Page
		for round := range 20 { // hot pages, with others between: known to all
			for page := range policy.Page(hot) {
				trace = append(trace, page, policy.Page(1000+round*hot)+page, page)
			}
		}
		for page := range policy.Page(400) {
			trace = append(trace, 100_000+page)
		}
		_, resident, err := run(p, frames, trace)
		if err != nil {
			t.Fatal(err)
		}
		kept := 0
		for page := range policy.Page(hot) {
			if resident[page] {
				kept++
			}
		}
		if resists != (kept > hot*8/10) {
			t.Errorf("%s keeps %d of %d", name, kept, hot)
		}
	}
}

// Victim asks a bounded number of questions for each page that leaves or was used.
func TestCost(t *testing.T) {
	forEach(t, func(t *testing.T, name string) {
		const frames, accesses = 1000, 200_000
		p := newPolicy(t, name, frames)
		resident := map[policy.Page]bool{} // true: used since it was asked about
		asked, given := 0, 0
		r := rand.New(rand.NewPCG(1, 2))
		for range accesses {
			page := policy.Page(r.ExpFloat64() * frames / 2)
			if _, ok := resident[page]; ok {
				resident[page] = true
				continue
			}
			if len(resident) == frames {
				gone, ok := p.Victim(func(page policy.Page) policy.State {
					asked++
					if resident[page] {
						resident[page] = false
						given++
						return policy.Referenced
					}
					return policy.Idle
				})
				if !ok {
					t.Fatal("none can leave")
				}
				delete(resident, gone)
			}
			resident[page] = false
			p.Added(page)
		}
		if limit := 2*given + accesses; asked > limit {
			t.Errorf("%d questions, of which %d were answered Referenced", asked, given)
		}
	})
}

// What a policy keeps stays below what the package comment says, also after much
// coming and going.
func TestMemory(t *testing.T) {
	forEach(t, func(t *testing.T, name string) {
		const n = 1 << 19
		limit := 28.5
		switch name {
		case "s3-fifo":
			limit += 18
		case "2q":
			limit += 10
		}
		before := heap()
		p := newPolicy(t, name, n)
		for page := range policy.Page(3 * n) {
			if page >= n {
				p.Victim(idle)
			}
			p.Added(page * 7919)
		}
		if each := float64(heap()-before) / n; each > limit {
			t.Errorf("%.1f bytes a page, more than %.0f", each, limit)
		}
		runtime.KeepAlive(p)
	})
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// A page leaves and another comes.
func BenchmarkVictimAdded(b *testing.B) {
	for _, n := range []int{1 << 15, 1 << 20} {
		for _, name := range policy.Names() {
			b.Run(fmt.Sprintf("%s/%d", name, n), func(b *testing.B) {
				p := newPolicy(b, name, n)
				for page := range policy.Page(n) {
					p.Added(page)
				}
				next := policy.Page(n)
				for b.Loop() {
					p.Victim(idle)
					p.Added(next * 0x9e3779b1)
					next++
				}
			})
		}
	}
}

package pager

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/policy"
	"github.com/filemap-go/filemap/pager/store"
)

// The memory of a mapping's pages stays within the budget, and that of its tables
// within Overhead. It is looked for at the mapping's own addresses: what else the
// process has does not matter.
func TestMemoryStaysInBudget(t *testing.T) {
	if invariants {
		t.Skip("needs memory that is given back, not filled with junk")
	}
	const size = 256 << 20
	path := t.TempDir() + "/sparse"
	s, err := store.Open(path, store.Options{Write: true, Create: true, Size: size})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	p := newPager(t, 16<<20/sys.PageSize, nil)
	m := mapStore(t, p, s, Options{Mode: Shared})
	most := int64(0)
	for at := 0; at < size; at += sys.PageSize {
		if _, err := m.Uint64(ctx, int64(at)); err != nil {
			t.Fatal(err)
		}
		if at%(16<<20) == 0 {
			most = max(most, memoryOf(t, m.region))
		}
	}
	if bound := p.Budget() + p.Overhead(); most > bound {
		t.Errorf("%d bytes of memory, and %d are allowed", most, bound)
	}
	if tables := int64(len(m.table)*8 + len(m.blocks)*4 + len(m.chunks)*8 + 4*sys.PageSize); most > p.Budget()+tables {
		t.Errorf("%d bytes of memory with a budget of %d and %d of tables", most, p.Budget(), tables)
	}
	if most < p.Budget()/2 {
		t.Errorf("only %d bytes of memory: this measures nothing", most)
	}
	t.Logf("%d MiB with a budget of %d MiB", most>>20, p.Budget()>>20)
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if left := memoryOf(t, m.region); left > int64(4*sys.PageSize) {
		t.Errorf("%d bytes of memory after Close", left)
	}
}

// memoryOf is how much memory stands at a region's addresses (Rss of smaps).
func memoryOf(t *testing.T, r sys.Region) int64 {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skip("needs /proc: ", err)
	}
	defer func() { _ = f.Close() }()
	total, inside := int64(0), false
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var from, to uintptr
		var kib int64
		if n, _ := fmt.Sscanf(lines.Text(), "%x-%x ", &from, &to); n == 2 {
			inside = from < r.Addr()+uintptr(r.Len()) && to > r.Addr()
		}
		if strings.HasPrefix(lines.Text(), "Rss:") && inside {
			if _, err := fmt.Sscanf(lines.Text(), "Rss: %d kB", &kib); err != nil {
				t.Fatal(err)
			}
			total += kib << 10
		}
	}
	return total
}

// A budget of more frames than there is memory to know them is refused, and does
// not end the process.
func TestBudgetBeyondMemory(t *testing.T) {
	const pages = policy.MaxCapacity
	if mostMemory() >= frameBytes*pages {
		t.Skip("needs a machine whose memory is known, and less than 192 GiB")
	}
	if _, err := New(Config{Budget: pages * int64(sys.PageSize)}); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

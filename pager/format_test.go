package pager

import (
	"fmt"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/pager/store"
)

// What has tables of mapped memory is printed without them, also when they are gone.
func TestPrintedMapping(t *testing.T) {
	m, err := newPager(t, 4, nil).Map(store.NewMemory(1<<20), Options{Mode: Shared, Name: "mem", Offset: int64(sys.PageSize)})
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf(`shared "mem" [%d, 1048576)`, sys.PageSize)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d"} {
		if got := fmt.Sprintf(verb, m); got != want {
			t.Errorf("%s: %s, want %s", verb, got, want)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := m.String(); got != want {
		t.Errorf("closed: %s, want %s", got, want)
	}
	c, err := NewChecksums(1<<40, 4096)
	if err != nil {
		t.Skip("needs 64-bit addresses, and memory that comes as it is touched")
	}
	if got, want := fmt.Sprintf("%+v", c), "checksums of 268435456 pages of 4096 bytes"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

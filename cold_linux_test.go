package filemap

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap/internal/sys"
)

func TestFollows(t *testing.T) {
	k := newKnown(1000)
	page := int64(sys.PageSize)
	for i, read := range []struct {
		page, pages int64
		want        bool
	}{
		{10, 1, false},
		{500, 2, false},
		{11, 1, true}, // two streams at once
		{502, 2, true},
		{12, 1, true},
		{14, 1, false},
		{12, 1, true}, // again from where one ended
		{45, 1, false},
	} {
		if got := k.follows(read.page*page, read.pages*page); got != read.want {
			t.Errorf("read %d, of page %d, follows: %v", i, read.page, got)
		}
	}
}

// TestColdReadsReadAhead: reading in order has the kernel read ahead; reading here
// and there has it read what was asked for.
func TestColdReadsReadAhead(t *testing.T) {
	const reads = 16
	page := int64(sys.PageSize)
	size := 1024 * page
	for _, test := range []struct {
		name   string
		stride int64 // in pages
	}{{"in order", 1}, {"here and there", 5 * 37}} {
		t.Run(test.name, func(t *testing.T) {
			path, _ := coldFile(t, int(size))
			m, err := Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			p := make([]byte, page)
			for i := range int64(reads) {
				if _, err := m.ReadAt(p, ((7+i*test.stride)*page)%size); err != nil || p[0] != 7 || p[page-1] != 7 {
					t.Fatal(p[0], err)
				}
			}
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var stat unix.Cachestat_t
			if err := unix.Cachestat(uint(f.Fd()), &unix.CachestatRange{Len: uint64(size)}, &stat, 0); err != nil {
				t.Fatal(err)
			}
			if ahead := stat.Cache > reads; ahead != (test.stride == 1) {
				t.Errorf("%d reads, and %d pages are in memory", reads, stat.Cache)
			}
		})
	}
}

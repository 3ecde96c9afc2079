package store_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/filemap-go/filemap/pager/store"
)

// aligned returns n bytes at an address that is a multiple of 4096.
func aligned(n int) []byte {
	b := make([]byte, n+4095)
	return b[(4096-uintptr(unsafe.Pointer(&b[0]))%4096)%4096:][:n:n]
}

// Random reads of 4 KiB by many goroutines: how many a second. The file is
// $FILEMAP_BENCH_FILE, or a small one.
func BenchmarkRandomReads(b *testing.B) {
	path := os.Getenv("FILEMAP_BENCH_FILE")
	if path == "" {
		path = filepath.Join(b.TempDir(), "file")
		if err := os.WriteFile(path, make([]byte, 64<<20), 0o644); err != nil {
			b.Fatal(err)
		}
	}
	for _, o := range []store.Options{{}, {NoRing: true}} {
		for _, goroutines := range []int{1, 2, 8, 64, 128} {
			b.Run(fmt.Sprintf("noring=%v/%d", o.NoRing, goroutines), func(b *testing.B) {
				f, err := store.Open(path, o)
				if err != nil {
					b.Fatal(err)
				}
				defer f.Close()
				size, _ := f.Size()
				var next atomic.Int64
				var all sync.WaitGroup
				b.ResetTimer()
				for range goroutines {
					all.Go(func() {
						p := aligned(4096)
						for next.Add(1) <= int64(b.N) {
							if _, err := f.ReadAt(p, rand.Int64N(size/4096)*4096); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reads/s")
			})
		}
	}
}

package sys

import "golang.org/x/sys/unix"

// CacheCounts is what the page cache holds of a range of a file, in pages.
type CacheCounts struct{ Cached, Dirty, Writeback, Evicted, RecentlyEvicted uint64 }

// CacheCounts asks cachestat(2), since Linux 6.5, which refuses whoever neither
// owns the file nor may write it.
func (f File) CacheCounts(off, n int64) (CacheCounts, error) {
	var s unix.Cachestat_t
	err := retry(func() error {
		return unix.Cachestat(uint(f.fd()), &unix.CachestatRange{Off: uint64(off), Len: uint64(n)}, &s, 0)
	})
	return CacheCounts{s.Cache, s.Dirty, s.Writeback, s.Evicted, s.Recently_evicted}, err
}

package sys

import "errors"

// Source is the call that tells what of a file is in memory.
type Source uint8

// The sources. Cachestat counts cached, dirty, written back and evicted pages of a
// range; mincore tells for each page of a mapping whether it is in memory.
const (
	NoSource Source = iota
	ByCachestat
	ByMincore
)

// PageCacheSource is the source to ask about one file, and why there is no better one:
// nil with ByCachestat.
type PageCacheSource struct {
	By  Source
	Why error
}

// ErrNeedsOwner says that the kernel tells only the file's owner, a user that may write it,
// and root.
var ErrNeedsOwner = errors.New("needs the file's owner, a user that may write it, or root")

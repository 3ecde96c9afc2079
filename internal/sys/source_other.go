//go:build !linux

package sys

// PageCacheSource finds the call that tells this process the truth about f.
func (f File) PageCacheSource() PageCacheSource {
	switch {
	case !TellsPageCache:
		return PageCacheSource{NoSource, unsupported("what is in memory of a file")}
	case !f.ResidencyKnown():
		return PageCacheSource{NoSource, ErrNeedsOwner}
	}
	return PageCacheSource{ByMincore, unsupported("cachestat")}
}

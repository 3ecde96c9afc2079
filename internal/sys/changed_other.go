//go:build !linux

package sys

// BestFinder is FindNone: only Linux tells.
func BestFinder() Finder { return FindNone }

// Changed is [Unsupported].
func (r Region) Changed(Finder, []Span) ([]Span, error) {
	return nil, unsupported("telling which pages were stored to")
}

// DropsPrivate tells whether [DropPrivate] works.
const DropsPrivate = false

// DropPrivate is [Unsupported].
func DropPrivate([]Range) error {
	return unsupported("dropping a private mapping's own pages")
}

// LockLazily is [Region.Lock]: only Linux tells the two apart.
func (r Region) LockLazily(off, n int) error { return r.Lock(off, n) }

// Uncopy does nothing: only Linux copies pages because they are locked.
func (Region) Uncopy() {}

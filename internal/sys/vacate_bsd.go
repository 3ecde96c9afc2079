//go:build darwin || freebsd || openbsd || netbsd || dragonfly

package sys

// Vacates tells whether there is a [Vacate].
const Vacates = true

// TableSpan is how ranges for [Vacate] are best aligned.
var TableSpan = PageSize

// Vacate is [Decommit], which maps the range anew.
func Vacate(r Range) error { return Decommit([]Range{r}) }

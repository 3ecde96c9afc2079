//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly)

package sys

// Vacates tells whether there is a [Vacate].
const Vacates = false

// TableSpan is how ranges for [Vacate] are best aligned.
var TableSpan = PageSize

// Vacate is [Unsupported]: nothing gives memory back so that those who read it
// meanwhile find zeros and no fault.
func Vacate(Range) error { return unsupported("giving page tables back") }

package export

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/filemap-go/filemap/internal/terminal"
)

// duration writes nanoseconds with three digits and the unit that suits them.
func duration(ns int64) string {
	switch v := float64(ns); {
	case ns < 1000:
		return strconv.FormatInt(ns, 10) + " ns"
	case v < 999_500:
		return digits(v/1e3) + " µs"
	case v < 999_500_000:
		return digits(v/1e6) + " ms"
	default:
		return digits(v/1e9) + " s"
	}
}

func digits(v float64) string {
	switch {
	case v < 9.995:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case v < 99.95:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'f', 0, 64)
}

// size writes bytes in powers of two.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return strconv.FormatInt(n, 10) + " B"
	}
	v, unit := float64(n)/1024, 0
	for v >= 1024 && unit < len(units)-1 {
		v /= 1024
		unit++
	}
	text := strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
	return fmt.Sprintf("%s %ciB", text, units[unit])
}

// plain makes a text safe to print: whoever names a file could otherwise move the
// cursor.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

func plural(n int64, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + one + "s"
}

// grouped writes 12345 as "12 345".
func grouped(n int64) string { return terminal.Group(n) }

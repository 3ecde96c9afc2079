package export

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/filemap-go/filemap/internal/terminal"
)

// unknown stands for a value that the system would not tell.
const unknown = "?"

var (
	timeUnits   = []string{"ns", "µs", "ms", "s"}
	byteUnits   = []string{"B", "kB", "MB", "GB", "TB", "PB"}
	binaryUnits = []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"}
)

// duration writes nanoseconds in the unit that leaves one to three digits
// before the point, with three significant digits.
func duration(ns float64) string {
	if ns == 0 {
		return "0"
	}
	return scaled(ns, 1000, timeUnits)
}

// size writes a byte count in decimal units, as the article's 40 kB are 40 000
// bytes.
func size(bytes float64) string {
	if bytes == 0 {
		return "0"
	}
	if bytes < 1000 {
		return trimmed(strconv.FormatFloat(bytes, 'f', 1, 64)) + " B"
	}
	return scaled(bytes, 1000, byteUnits)
}

// exactSize is for sizes that a person chose: those that are round in powers of
// two are written so, and no digit is lost to rounding a round number.
func exactSize(bytes int64) string {
	if bytes >= 1024 && bytes%1024 == 0 && bytes%1000 != 0 {
		n, unit := bytes, 0
		for n%1024 == 0 && unit < len(binaryUnits)-1 {
			n, unit = n/1024, unit+1
		}
		if n < 1024 {
			return strconv.FormatInt(n, 10) + " " + binaryUnits[unit]
		}
	}
	text := size(float64(bytes))
	number, unit, found := strings.Cut(text, " ")
	if !found {
		return text
	}
	return trimmed(number) + " " + unit
}

func scaled(value, step float64, units []string) string {
	if math.IsInf(value, 0) || math.IsNaN(value) {
		return "∞"
	}
	unit := 0
	// 999.5 would be written as 1000, so it already belongs to the next unit.
	for math.Abs(value) >= step*0.9995 && unit < len(units)-1 {
		value, unit = value/step, unit+1
	}
	return digits(value) + " " + units[unit]
}

// digits keeps three significant digits, and all digits before the point.
func digits(value float64) string {
	decimals := 2
	switch magnitude := math.Abs(value); {
	case magnitude >= 99.95:
		decimals = 0
	case magnitude >= 9.995:
		decimals = 1
	}
	return strconv.FormatFloat(value, 'f', decimals, 64)
}

// count writes a number of events. Medians may be halves.
func count(n float64) string {
	switch {
	case n >= 999_999.5:
		return scaled(n/1e6, 1000, []string{"M", "G", "T"})
	case n != math.Trunc(n):
		return trimmed(strconv.FormatFloat(n, 'f', 1, 64))
	}
	return grouped(int64(n))
}

// grouped separates thousands, as the article writes them.
func grouped(n int64) string { return terminal.Group(n) }

// times writes a ratio; a small one keeps a third decimal.
func times(ratio float64) string {
	if ratio <= 0 || math.IsNaN(ratio) || math.IsInf(ratio, 0) {
		return unknown
	}
	if ratio < 0.0995 {
		return strconv.FormatFloat(ratio, 'f', 3, 64) + "×"
	}
	return digits(ratio) + "×"
}

// interval writes both ends, the unit once where it is the same.
func interval(low, high float64) string {
	first, last := duration(low), duration(high)
	number, unit, _ := strings.Cut(first, " ")
	if unit != "" && strings.HasSuffix(last, " "+unit) {
		first = number
	}
	return first + " – " + last
}

// spread writes the wider half of an interval in percent of its median, as
// benchstat does: intervals of a median are rarely symmetric.
func spread(median, low, high float64) string {
	half := math.Max(high-median, median-low)
	if median <= 0 || math.IsNaN(half) || math.IsInf(half, 0) {
		return "∞ %"
	}
	percent := half / median * 100
	if percent < 0.95 {
		return strconv.FormatFloat(percent, 'f', 1, 64) + " %"
	}
	return strconv.FormatFloat(percent, 'f', 0, 64) + " %"
}

func trimmed(number string) string {
	if !strings.Contains(number, ".") {
		return number
	}
	return strings.TrimRight(strings.TrimRight(number, "0"), ".")
}

// plain makes a string from outside, such as a path, harmless to print: a file
// name may hold escape sequences, line breaks or marks that turn text around.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) ||
			unicode.Is(unicode.Zl, r) || unicode.Is(unicode.Zp, r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

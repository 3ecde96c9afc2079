package compare

import (
	"math"
	"strconv"
)

// humanBytes writes a size in powers of ten, as the article counts: "40 kB".
func humanBytes(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB", "PB"}
	at := 0
	for ; n >= 999.5 && at < len(units)-1; at++ {
		n /= 1000
	}
	return threeDigits(n) + " " + units[at]
}

// humanBlock writes a size that is likely to be a power of two: "4 KiB".
func humanBlock(n int64) string {
	switch {
	case n > 0 && n%(1<<20) == 0:
		return humanCount(float64(n>>20)) + " MiB"
	case n > 0 && n%(1<<10) == 0:
		return humanCount(float64(n>>10)) + " KiB"
	}
	return humanBytes(float64(n))
}

// humanTime writes nanoseconds with three digits: "4.93 µs".
func humanTime(ns float64) string {
	for _, unit := range []struct {
		ns   float64
		name string
	}{{1e9, "s"}, {1e6, "ms"}, {1e3, "µs"}} {
		if ns >= unit.ns*0.9995 {
			return threeDigits(ns/unit.ns) + " " + unit.name
		}
	}
	return threeDigits(ns) + " ns"
}

// humanRatio writes a factor: "3.3×".
func humanRatio(r float64) string { return threeDigits(r) + "×" }

// humanCount writes a count, which as a median or a share may be no whole number.
func humanCount(n float64) string {
	if whole := math.Round(n); n > 1 && math.Abs(n-whole) < 0.05 {
		n = whole // 3.01 faults are three, and one now and then
	}
	if n >= 1000 {
		return strconv.FormatInt(int64(n+0.5), 10)
	}
	return threeDigits(n)
}

func threeDigits(x float64) string {
	switch {
	case x >= 99.95:
		return strconv.FormatFloat(x, 'f', 0, 64)
	case x >= 9.995:
		return trimmed(strconv.FormatFloat(x, 'f', 1, 64))
	}
	return trimmed(strconv.FormatFloat(x, 'f', 2, 64))
}

// trimmed leaves out a fraction of nought.
func trimmed(s string) string {
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		return s[:len(s)-1]
	}
	return s
}

// times writes how often: "once", "3 times".
func times(n float64) string {
	if n == 1 {
		return "once"
	}
	return humanCount(n) + " times"
}

// plural writes "1 fault", "2 faults".
func plural(n float64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return humanCount(n) + " " + noun + "s"
}

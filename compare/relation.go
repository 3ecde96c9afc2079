package compare

import (
	"slices"
	"strings"
)

// relation is how the times of two contenders compare. All that the verdict says
// of two contenders rests on one: a median that is lower by chance is no reason
// to call something faster.
type relation int

const (
	unmeasured relation = iota // one of them has no result to trust
	unclear                    // the difference may be chance
	faster                     // by more than chance
	slower
)

func (r relation) certain() bool { return r == faster || r == slower }

// relate compares a's times with b's.
func relate(a, b *Result) relation {
	if a == nil || b == nil {
		return unmeasured
	}
	significant, _ := differ(a.SamplesNs, b.SamplesNs)
	switch {
	case !significant || a.MedianNs == b.MedianNs:
		return unclear
	case a.MedianNs < b.MedianNs:
		return faster
	}
	return slower
}

// BySize sorts the sizes of a sweep by how one contender, or the best of a
// family, did against another. Each size is in one of the lists.
type BySize struct {
	FasterBytes     []int64 `json:"faster_bytes"`
	SlowerBytes     []int64 `json:"slower_bytes"`
	UnclearBytes    []int64 `json:"unclear_bytes"`    // the difference may be chance
	UnmeasuredBytes []int64 `json:"unmeasured_bytes"` // one of the two has no result to trust
}

// bySize relates two contenders at every size.
func bySize(sizes []*inquiry, pair func(*inquiry) (a, b *Result)) BySize {
	s := BySize{FasterBytes: []int64{}, SlowerBytes: []int64{}, UnclearBytes: []int64{}, UnmeasuredBytes: []int64{}}
	for _, c := range sizes {
		list := &s.UnmeasuredBytes
		switch relate(pair(c)) {
		case faster:
			list = &s.FasterBytes
		case slower:
			list = &s.SlowerBytes
		case unclear:
			list = &s.UnclearBytes
		case unmeasured:
		}
		*list = append(*list, c.size.SizeBytes)
	}
	return s
}

// all are the sizes of the sweep in order.
func (s *BySize) all() []int64 {
	return slices.Sorted(slices.Values(slices.Concat(s.FasterBytes, s.SlowerBytes, s.UnclearBytes, s.UnmeasuredBytes)))
}

// from is the smallest size at which it is faster, and slower at no larger one.
func (s *BySize) from() *int64 {
	for _, size := range slices.Sorted(slices.Values(s.FasterBytes)) {
		if !slices.ContainsFunc(s.SlowerBytes, func(other int64) bool { return other > size }) {
			return &size
		}
	}
	return nil
}

// say tells at which sizes a is faster than b, slower, or neither.
func (s *BySize) say(a, b string) string {
	all := s.all()
	var parts []string
	if len(s.FasterBytes) > 0 {
		parts = append(parts, a+" is faster than "+b+" "+sizesText(s.FasterBytes, all))
	}
	if len(s.SlowerBytes) > 0 {
		subject := a
		if parts != nil {
			subject = "it"
		}
		than := ""
		if parts == nil {
			than = " than " + b
		}
		parts = append(parts, subject+" is slower"+than+" "+sizesText(s.SlowerBytes, all))
	}
	if len(s.UnclearBytes) > 0 {
		between := "the difference"
		if parts == nil {
			between += " between " + a + " and " + b
		}
		parts = append(parts, between+" may be chance "+sizesText(s.UnclearBytes, all))
	}
	if len(s.UnmeasuredBytes) > 0 {
		parts = append(parts, a+" or "+b+" was not measured "+sizesText(s.UnmeasuredBytes, all))
	}
	return capitalized(strings.Join(parts, "; ")) + "."
}

func capitalized(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// sizesText writes sizes among all of them: "at every size", "from 640 kB on",
// "up to 40 kB and at 2.56 MB".
func sizesText(sizes, all []int64) string {
	if len(sizes) == len(all) {
		return "at every size"
	}
	var parts []string
	for first := 0; first < len(all); {
		last := first
		for last < len(all) && slices.Contains(sizes, all[last]) {
			last++
		}
		if last > first {
			parts = append(parts, runText(all, first, last-1))
		}
		first = last + 1
	}
	if len(parts) > 1 {
		parts[len(parts)-1] = "and " + parts[len(parts)-1]
	}
	separator := " "
	if len(parts) > 2 {
		separator = ", "
	}
	return strings.Join(parts, separator)
}

// runText writes neighbouring sizes.
func runText(all []int64, first, last int) string {
	from, to := humanBytes(float64(all[first])), humanBytes(float64(all[last]))
	switch {
	case first == last:
		return "at " + from
	case last == len(all)-1:
		return "from " + from + " on"
	case first == 0:
		return "up to " + to
	}
	return "from " + from + " to " + to
}

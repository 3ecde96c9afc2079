package compare

import (
	"fmt"
	"strings"
)

// What is worth a warning.
const (
	noisyInterval = 0.10 // half the interval, of the median
	fewRuns       = 6    // below, a median has no 95 % interval
)

// warnings say what makes the figures worth less, and what to do about it.
func (r *Report) warnings() []string {
	var list []string
	if r.inMemory {
		list = append(list, fmt.Sprintf("The file is on %s, which has no device: choose a directory on a real disk with --dir.", r.Machine.FileSystem))
	}
	if r.File.TrailingBytes > 0 {
		list = append(list, fmt.Sprintf("The file's last %d bytes are no whole integer: they were left out.", r.File.TrailingBytes))
	}
	for i := range r.Comparisons {
		size := &r.Comparisons[i]
		where := ""
		if len(r.Comparisons) > 1 {
			where = " at " + humanBytes(float64(size.SizeBytes))
		}
		list = append(list, r.sizeWarnings(size, where)...)
	}
	for _, w := range r.Unknown {
		if w.Field == "results[].cold_checked" {
			list = append(list, "Whether the file was cold could not be checked: "+w.Reason+". Compare as its owner, or a file of your own.")
		}
	}
	return list
}

// sizeWarnings are those about runs: too few, too different, not counted.
func (r *Report) sizeWarnings(size *Size, where string) []string {
	var list, few, noisy, invalid []string
	for _, result := range size.Results {
		switch {
		case result.Outcome != "ok":
			continue
		case result.Runs < fewRuns:
			few = append(few, result.Contender)
		case (result.HighNs-result.LowNs)/2 > noisyInterval*result.MedianNs:
			noisy = append(noisy, result.Contender)
		}
		if result.InvalidRuns > 0 {
			invalid = append(invalid, fmt.Sprintf("%s (%d)", result.Contender, result.InvalidRuns))
		}
	}
	if few != nil {
		list = append(list, fmt.Sprintf("Fewer than %d runs%s of %s: their intervals are merely the range. Raise --runs or --time.", fewRuns, where, names(few)))
	}
	if noisy != nil {
		list = append(list, fmt.Sprintf("The times%s of %s vary by more than ±%.0f %%: close other programs, or raise --time.", where, names(noisy), noisyInterval*100))
	}
	if invalid != nil {
		list = append(list, fmt.Sprintf("Runs%s that did not find the file as %s as they should were not counted: %s. Does another process use it?", where, r.state(), names(invalid)))
	}
	return list
}

func (r *Report) state() string {
	if r.Settings.Cold {
		return "cold"
	}
	return "warm"
}

func names(list []string) string { return strings.Join(list, ", ") }

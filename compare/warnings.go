package compare

import (
	"fmt"
	"slices"
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
	if r.File.Copy && !r.Settings.Cold && (r.File.LikeOriginal == nil || !*r.File.LikeOriginal) {
		list = append(list, r.likenessWarning())
	}
	list = append(list, r.runWarnings()...)
	for _, w := range r.Unknown {
		if w.Field == "results[].cold_checked" {
			list = append(list, "Whether the file was cold could not be checked: "+w.Reason+". Compare as its owner, or a file of your own.")
		}
	}
	return list
}

// likenessWarning tells what it changes that the copy's folios may be other than
// the file's.
func (r *Report) likenessWarning() string {
	begin := "The copy's folios may be other than the file's"
	if r.File.LikeOriginal != nil {
		begin = "The copy's folios are other than the file's"
	}
	return fmt.Sprintf("%s: %s. A mapping of the file may take other numbers of faults, above all one that is made for each run; read/write hardly changes. As root the copy is made in the file's own folios.",
		begin, r.File.LikeReason)
}

// runWarnings are those about runs: too few, too different, not counted.
func (r *Report) runWarnings() []string {
	var few, noisy, invalid who
	for i := range r.Comparisons {
		size := &r.Comparisons[i]
		for j := range size.Results {
			result := &size.Results[j]
			if result.Outcome != "ok" {
				continue
			}
			tooFew := result.Runs < fewRuns
			few.add(size, result.Contender, tooFew)
			noisy.add(size, result.Contender, !tooFew && (result.HighNs-result.LowNs)/2 > noisyInterval*result.MedianNs)
			invalid.add(size, fmt.Sprintf("%s (%d)", result.Contender, result.InvalidRuns), result.InvalidRuns > 0)
		}
	}
	var list []string
	if few.names != nil {
		list = append(list, fmt.Sprintf("Fewer than %d runs of %s: their intervals are merely the range. Raise --runs or --time.", fewRuns, &few))
	}
	if noisy.names != nil {
		list = append(list, fmt.Sprintf("The times of %s vary by more than ±%.0f %%: close other programs, or raise --time.", &noisy, noisyInterval*100))
	}
	if invalid.names != nil {
		list = append(list, fmt.Sprintf("Runs that did not find the file as %s as they should were not counted: %s. Does another process use it?", r.state(), &invalid))
	}
	return list
}

// who a warning is about: contenders, and in a sweep the sizes.
type who struct {
	names, sizes []string
	seen         int
}

func (w *who) add(size *Size, name string, concerned bool) {
	w.seen++
	if !concerned {
		return
	}
	w.names = append(w.names, name)
	if text := humanBytes(float64(size.SizeBytes)); !slices.Contains(w.sizes, text) {
		w.sizes = append(w.sizes, text)
	}
}

// String does not list what is all, or too many to read.
func (w *who) String() string {
	const readable = 6
	switch {
	case len(w.names) == w.seen:
		return "all contenders"
	case len(w.sizes) > 1:
		return fmt.Sprintf("%d of %d contenders (at %s)", len(w.names), w.seen, strings.Join(w.sizes, ", "))
	case len(w.names) > readable:
		return fmt.Sprintf("%d of %d contenders", len(w.names), w.seen)
	}
	return strings.Join(w.names, ", ")
}

func (r *Report) state() string {
	if r.Settings.Cold {
		return "cold"
	}
	return "warm"
}

package simulate

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// WriteText prints the report as a table: a budget a line, a policy a column,
// misses in percent of the accesses. The lowest of a line, OPT aside, has a *.
func WriteText(w io.Writer, r *Report) error {
	fmt.Fprintf(w, "%s: %d accesses to %d pages; misses in %% of them\n\n", r.Source, r.Accesses, r.DistinctPages)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(t, "pages\tof all\t")
	for _, name := range r.Policies {
		fmt.Fprintf(t, "%s \t", name)
	}
	fmt.Fprintln(t)
	for i, budget := range r.BudgetsPages {
		fmt.Fprintf(t, "%d\t%.3g %%\t", budget, 100*float64(budget)/float64(r.DistinctPages))
		least := r.least(i)
		for j := range r.Policies {
			fmt.Fprintf(t, "%.2f%s\t", 100*r.At(i, j).MissRatio, mark(j > 0 && r.At(i, j).Misses == least))
		}
		fmt.Fprintln(t)
	}
	fmt.Fprint(t, "mean\t\t")
	for _, m := range r.Means {
		fmt.Fprintf(t, "%.2f%s\t", 100*m.MissRatio, mark(slices.Contains(r.equallyGood(), m.Policy)))
	}
	fmt.Fprintln(t)
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s\n", r.Sentence())
	return err
}

func mark(isBest bool) string {
	if isBest {
		return "*"
	}
	return " "
}

// least is the smallest number of misses at a budget, OPT's aside.
func (r *Report) least(i int) int {
	least := r.Accesses
	for j := 1; j < len(r.Policies); j++ {
		least = min(least, r.At(i, j).Misses)
	}
	return least
}

// Sentence says which policy is best, or which are.
func (r *Report) Sentence() string {
	names := r.equallyGood()
	if len(names) == 0 {
		return "No policy was asked for."
	}
	floor, least := 100*r.Means[0].MissRatio, 0.0
	for _, m := range r.Means {
		if m.Policy == r.Best {
			least = 100 * m.MissRatio
		}
	}
	who := names[0] + " misses least"
	switch others := len(r.Means) - 1 - len(names); {
	case len(names) > 1 && others == 0:
		who = "All policies miss equally often"
	case len(names) > 1:
		who = strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " miss least, and equally often"
	}
	return fmt.Sprintf("%s, over these budgets: %.2f %% of the accesses; no policy can miss less than %.2f %%.", who, least, floor)
}

// equallyGood are the policies that miss as often, over all budgets, as the best.
func (r *Report) equallyGood() []string {
	misses := make([]int, len(r.Policies))
	for i := range r.BudgetsPages {
		for j := range r.Policies {
			misses[j] += r.At(i, j).Misses
		}
	}
	best := slices.Index(r.Policies, r.Best)
	var names []string
	for j := 1; j < len(misses); j++ {
		if misses[j] == misses[best] {
			names = append(names, r.Policies[j])
		}
	}
	return names
}

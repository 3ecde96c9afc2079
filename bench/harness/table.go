package harness

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Table writes the document for a reader.
func (d *Document) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\t%s\n", d.Name, d.Case)
	fmt.Fprintf(t, "  contender\trole\tmedian %s\t95 %% interval\truns\tfilemap is\n", d.Unit)
	first := true
	for _, r := range d.Results {
		verdict := r.Outcome
		if r.Outcome == outcomeOK {
			verdict = r.verdict(first && r.Role == Ours)
		}
		if r.Role == Ours {
			first = false
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%d\t%s\n", r.Contender, r.Role, number(r.Median), interval(&r), r.Runs, verdict)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "  filemap against the best peer %s, best alternative %s, limit %s\n\n",
		times(d.RatioToBestPeer), times(d.RatioToBestAlternative), times(d.RatioToLimit))
	return err
}

// verdict is the ratio to this contender; "~" where the interval of the paired
// ratio holds 1.
func (r *Result) verdict(primary bool) string {
	switch {
	case primary:
		return "-"
	case r.ratio == nil:
		return ""
	case r.ratio.low == nil || r.ratio.high == nil:
		return fmt.Sprintf("%.3g× (too few runs)", r.ratio.median)
	case *r.ratio.low <= 1 && *r.ratio.high >= 1:
		return fmt.Sprintf("~ (%.3g×)", r.ratio.median)
	}
	return fmt.Sprintf("%.3g× (%.3g to %.3g)", r.ratio.median, *r.ratio.low, *r.ratio.high)
}

func interval(r *Result) string {
	if r.Low == nil || r.High == nil {
		return "-"
	}
	return number(r.Low) + " to " + number(r.High)
}

// number prints four digits and groups of thousands.
func number(v *float64) string {
	if v == nil {
		return "-"
	}
	if *v < 1000 {
		return fmt.Sprintf("%.4g", *v)
	}
	digits := fmt.Sprintf("%.0f", *v)
	var b strings.Builder
	for i, c := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(c)
	}
	return b.String()
}

func times(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.3g×", *v)
}

package harness

import "encoding/json"

// Document is what one case found, and the JSON that other tools read. Its
// fields are a contract: add none, rename none.
type Document struct {
	Name    string   `json:"name"`
	Case    string   `json:"case"`
	Unit    string   `json:"unit"`
	Better  Better   `json:"better"`
	Results []Result `json:"results"`

	// A ratio above 1 means that filemap is better; to the limit, how near it
	// is. Null where there is no such contender with outcome "ok".
	RatioToBestPeer        *float64 `json:"ratio_to_best_peer"`
	RatioToBestAlternative *float64 `json:"ratio_to_best_alternative"`
	RatioToLimit           *float64 `json:"ratio_to_limit"`
}

// Result is what one contender achieved. Without outcome "ok" the values are null.
type Result struct {
	Contender string   `json:"contender"`
	Role      Role     `json:"role"`
	Median    *float64 `json:"median"`
	Low       *float64 `json:"low"` // 95 % interval of the median; null below six runs
	High      *float64 `json:"high"`
	Runs      int      `json:"runs"` // that were measured and found right
	Outcome   string   `json:"outcome"`

	// ratio is ours against this one, for the table.
	ratio *summary
}

// outcomeOK is the outcome of a contender whose every run was right.
const outcomeOK = "ok"

// JSON returns the document on one line.
func (d *Document) JSON() ([]byte, error) { return json.Marshal(d) }

// newDocument sums up what the contenders of a case did.
func newDocument(name string, c *Case, racers []*racer) *Document {
	d := &Document{Name: name, Case: c.Name, Unit: c.Unit, Better: c.Better, Results: []Result{}}
	ours := primary(racers)
	for _, r := range racers {
		result := Result{Contender: r.contender.Name, Role: r.contender.Role, Runs: len(r.values), Outcome: r.outcome()}
		if result.Outcome == outcomeOK && len(r.values) > 0 {
			s := summarize(r.values)
			result.Median, result.Low, result.High = &s.median, s.low, s.high
			if ours != nil && r != ours {
				if s, ok := ratioOf(c.Better, ours.values, r.values); ok {
					result.ratio = &s
				}
			}
		}
		d.Results = append(d.Results, result)
	}
	d.RatioToBestPeer = d.ratioToBest(Peer)
	d.RatioToBestAlternative = d.ratioToBest(Alternative)
	d.RatioToLimit = d.ratioToBest(Limit)
	if c.Finish != nil {
		c.Finish(d)
	}
	return d
}

// primary is the contender that the ratios are about: the case's first of ours,
// and no other when that one failed.
func primary(racers []*racer) *racer {
	for _, r := range racers {
		if r.contender.Role == Ours {
			if r.outcome() != outcomeOK || len(r.values) == 0 {
				return nil
			}
			return r
		}
	}
	return nil
}

// ratioToBest is the ratio to the contender of that role with the best median.
func (d *Document) ratioToBest(role Role) *float64 {
	var best *Result
	for i := range d.Results {
		r := &d.Results[i]
		if r.Role != role || r.ratio == nil {
			continue
		}
		if best == nil || (*r.Median < *best.Median) == (d.Better == Lower) {
			best = r
		}
	}
	if best == nil {
		return nil
	}
	return &best.ratio.median
}

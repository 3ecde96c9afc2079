// Package simulate runs a trace of page accesses through the replacement policies
// of package policy, at several memory budgets, and counts misses: which policy
// suits a workload, and how much memory it wants. OPT, which knows the future, is
// the floor.
//
// A trace is read from a file ([Read]) or made up ([Generate]); [Run] makes a
// [Report] of it, which is the document of "filemap simulate --json", and which
// [WriteText] and [WriteSVG] draw.
//
// Every access is what Pin is to a pager: the page comes in. What ReadAt keeps out
// of memory (package pager, admit.go and scan.go) is not simulated.
package simulate

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/filemap-go/filemap/pager/policy"
)

// Schema names the document that a Report is.
const Schema = "filemap/simulate/v1"

// Report is what Run found out. Numbers have their unit in their name.
type Report struct {
	Schema        string   `json:"schema"`
	Source        string   `json:"source"` // the file's name, or how the trace was made up
	Accesses      int      `json:"accesses"`
	DistinctPages int      `json:"distinct_pages"`
	BudgetsPages  []int    `json:"budgets_pages"`
	Policies      []string `json:"policies"`
	Results       []Result `json:"results"` // by budget, and in each as in Policies
	Means         []Mean   `json:"means"`   // as in Policies
	Best          string   `json:"best"`    // the policy with the lowest mean, OPT aside
}

// Result is one policy at one budget.
type Result struct {
	BudgetPages int     `json:"budget_pages"`
	Policy      string  `json:"policy"`
	Misses      int     `json:"misses"`
	MissRatio   float64 `json:"miss_ratio"` // of all accesses, first ones too
}

// Mean is one policy over all budgets.
type Mean struct {
	Policy    string  `json:"policy"`
	MissRatio float64 `json:"miss_ratio"` // the mean over the budgets
	AboveOpt  float64 `json:"above_opt"`  // what it lies above OPT's
}

// Opt is OPT's name in a Report.
const Opt = "opt"

// Options say what Run does.
type Options struct {
	Source   string   // for the report
	Policies []string // names that package policy knows; nil: all
	Budgets  []int    // in pages; nil: a dozen from 1 % to 80 % of the trace's pages

	// Progress, unless nil, is called with how much is done of how much, by one
	// goroutine at a time.
	Progress func(done, total float64, what string)
}

// ErrEmpty says that there is nothing to simulate.
var ErrEmpty = errors.New("the trace has no accesses")

// checkEvery is after how many accesses a simulation looks whether it is to end.
const checkEvery = 1 << 14

// DefaultBudgets are shares of the distinct pages, spread evenly on a logarithmic
// scale.
func DefaultBudgets(distinct int) []int {
	const count, first, last = 12, 0.01, 0.8
	var budgets []int
	for i := range count {
		share := first * math.Pow(last/first, float64(i)/(count-1))
		budgets = append(budgets, max(int(math.Round(share*float64(distinct))), 1))
	}
	return slices.Compact(budgets)
}

// Run simulates every policy at every budget, several at a time. Each begins with
// empty memory.
func Run(ctx context.Context, t *Trace, o Options) (*Report, error) {
	r, err := newReport(t, o)
	if err != nil {
		return nil, err
	}
	next := nextUses(t)
	errs := make([]error, len(r.Results))
	var all sync.WaitGroup
	var mu sync.Mutex
	done := 0
	free := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range r.Results {
		free <- struct{}{}
		all.Go(func() {
			defer func() { <-free }()
			errs[i] = r.Results[i].simulate(ctx, t, next)
			mu.Lock()
			defer mu.Unlock()
			done++
			if o.Progress != nil {
				o.Progress(float64(done), float64(len(errs)), r.Results[i].Policy)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	r.sum()
	return r, nil
}

// newReport is a Report in which only the misses are missing.
func newReport(t *Trace, o Options) (*Report, error) {
	if len(t.Pages) == 0 {
		return nil, ErrEmpty
	}
	r := &Report{
		Schema: Schema, Source: o.Source, Accesses: len(t.Pages), DistinctPages: len(t.Names),
		BudgetsPages: slices.Clone(o.Budgets), Policies: []string{Opt},
	}
	if r.BudgetsPages == nil {
		r.BudgetsPages = DefaultBudgets(len(t.Names))
	}
	slices.Sort(r.BudgetsPages)
	r.BudgetsPages = slices.Compact(r.BudgetsPages)
	names := o.Policies
	if names == nil {
		names = policy.Names()
	}
	for _, name := range names {
		if _, err := policy.New(name, 1); err != nil {
			return nil, err
		}
		if !slices.Contains(r.Policies, name) {
			r.Policies = append(r.Policies, name)
		}
	}
	for _, budget := range r.BudgetsPages {
		if budget < 1 || budget > policy.MaxCapacity {
			return nil, fmt.Errorf("a budget of %d pages will not do: 1 to %d", budget, policy.MaxCapacity)
		}
		for _, name := range r.Policies {
			r.Results = append(r.Results, Result{BudgetPages: budget, Policy: name})
		}
	}
	return r, nil
}

func (r *Result) simulate(ctx context.Context, t *Trace, next []uint32) (err error) {
	// More frames than pages are of no use, and cost memory.
	frames := min(r.BudgetPages, len(t.Names))
	if r.Policy == Opt {
		r.Misses, err = optMisses(ctx, t, next, frames)
	} else {
		r.Misses, err = misses(ctx, t, r.Policy, frames)
	}
	r.MissRatio = float64(r.Misses) / float64(len(t.Pages))
	return err
}

// misses plays the trace on a policy, which is told of every access.
func misses(ctx context.Context, t *Trace, name string, frames int) (int, error) {
	p, err := policy.New(name, frames)
	if err != nil {
		return 0, err
	}
	resident := make([]bool, len(t.Names))
	count, missed := 0, 0
	idle := func(policy.Page) policy.State { return policy.Idle }
	for i, page := range t.Pages {
		if i%checkEvery == 0 && ctx.Err() != nil {
			return 0, ctx.Err()
		}
		if resident[page] {
			p.Used(policy.Page(page))
			continue
		}
		missed++
		if count == frames {
			gone, ok := p.Victim(idle)
			if !ok {
				return 0, fmt.Errorf("%s lets no page go, and none is busy", name)
			}
			resident[gone] = false
			count--
		}
		resident[page] = true
		count++
		p.Added(policy.Page(page))
	}
	return missed, nil
}

// At returns the result of the i-th budget and j-th policy.
func (r *Report) At(i, j int) Result { return r.Results[i*len(r.Policies)+j] }

func (r *Report) sum() {
	for j, name := range r.Policies {
		m := Mean{Policy: name}
		for i := range r.BudgetsPages {
			m.MissRatio += r.At(i, j).MissRatio / float64(len(r.BudgetsPages))
		}
		r.Means = append(r.Means, m)
	}
	best := math.Inf(1)
	for j := range r.Means {
		m := &r.Means[j]
		m.AboveOpt = m.MissRatio - r.Means[0].MissRatio
		if j > 0 && m.MissRatio < best {
			best, r.Best = m.MissRatio, m.Policy
		}
	}
}

package compare

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// take takes one sample. An error is the end of the comparison; what only ends
// the contender's part in it is noted in e.failed.
func (r *runner) take(ctx context.Context, e *entry, counts bool) error {
	if err := ctx.Err(); err != nil || e.failed != nil {
		return err
	}
	if err := r.evict(e); err != nil {
		return err
	}
	err := r.begin(e)
	var state *notInState
	if errors.As(err, &state) {
		e.invalid++
		e.lastState = err
		if counts && len(e.samples) == 0 && e.invalid >= hopeless {
			e.failed = err
		}
		return e.drop()
	}
	ran := err == nil
	if ran {
		err = r.sample(ctx, e)
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		e.failed = err
		return r.excuse(e, ran)
	}
	if r.options.State == Cold {
		return e.drop()
	}
	return nil
}

// excuse ends the comparison when it was not the contender's fault, but somebody
// changed the user's file; and when what a contender wrote is not known, since
// then nobody's later result could be told right from wrong. (What is not
// supported is found out before anything is written.)
func (r *runner) excuse(e *entry, ran bool) error {
	if err := errors.Join(r.target.unchanged(), e.drop()); err != nil {
		return err
	}
	if ran && r.job.pattern.writes() && !errors.Is(e.failed, errors.ErrUnsupported) {
		return r.endAll(e.failed)
	}
	return nil
}

// endAll leaves the others with what they have.
func (r *runner) endAll(cause error) error {
	for _, e := range r.entries {
		if e.failed == nil && len(e.samples) == 0 {
			e.failed = fmt.Errorf("not measured, since another contender failed: %w", cause)
		}
	}
	return errStopped
}

// errStopped ends the rounds early with a report all the same.
var errStopped = errors.New("stopped early")

// evict gets the file out of memory if it is to be cold. Pages that are mapped
// are not evicted, so that nothing may be kept by anybody at this time.
func (r *runner) evict(e *entry) error {
	if r.options.State != Cold {
		return nil
	}
	took, err := r.observer.evict()
	e.evictNs = append(e.evictNs, float64(took))
	return err
}

// begin sets the contender up and sees to it that the file is in the state asked
// for.
func (r *runner) begin(e *entry) error {
	if err := r.setup(e); err != nil {
		return err
	}
	if r.options.State != Cold {
		return r.observer.checkWarm(r.options.State == Warm)
	}
	checked, err := r.observer.checkCold()
	if !checked && err == nil {
		e.checked, e.unknown = false, r.observer.look().why
	}
	return err
}

func (r *runner) setup(e *entry) error {
	if e.task != nil {
		return nil
	}
	began := time.Now()
	t, err := e.setup(r.job)
	if err != nil {
		return err
	}
	e.setupNs = append(e.setupNs, float64(time.Since(began)))
	e.task = t
	return nil
}

// sample runs the contender and verifies what it did.
func (r *runner) sample(ctx context.Context, e *entry) error {
	if err := r.wake(e); err != nil {
		return err
	}
	seed := r.random.Uint64()
	r.job.prepare(seed)
	before := r.meter.read()
	began := time.Now()
	var err error
	for n := 0; n < e.perSample && err == nil; n++ {
		err = e.task.run(r.job)
	}
	took := time.Since(began)
	after := r.meter.read()
	if err != nil {
		return err
	}
	e.samples = append(e.samples, sample{
		ns:    float64(took) / float64(e.perSample),
		spent: r.meter.spent(before, after, r.job, e.perSample),
	})
	for _, s := range r.job.shares {
		e.latencies = s.latencies.take(e.latencies)
	}
	return r.verify(ctx, e, seed)
}

// wake lets the contender do its work once before the clock starts, unless the
// file is to be cold. While the others had their turns its memory was idle, which
// the kernel (DAMON, where it runs) may have noted in its page tables, and the
// processor then has to note anew for each page that it is used.
func (r *runner) wake(e *entry) error {
	if r.options.State == Cold {
		return nil
	}
	seed := r.random.Uint64()
	r.job.prepare(seed)
	if err := e.task.run(r.job); err != nil {
		return err
	}
	r.ledger.note(r.job, 1, seed)
	return nil
}

// wholeCheckMax is the file size up to which checking all of it is quicker than
// checking the blocks that were touched.
const wholeCheckMax = 16 << 20

// verify checks what the sample's runs did: the sum they returned, or the file.
func (r *runner) verify(ctx context.Context, e *entry, seed uint64) error {
	j, n := r.job, e.perSample
	r.ledger.note(j, n, seed)
	switch {
	case j.pattern == RandomUpdate && j.integers*integerBytes > wholeCheckMax:
		return r.verifier.blocks(e.name, &r.ledger, j, n, seed)
	case j.pattern.writes():
		return r.verifier.contents(ctx, e.name, &r.ledger, j.integers)
	}
	want := r.fileSum * int64(n)
	if j.pattern == RandomRead {
		var err error
		if want, err = r.verifier.sumOfBlocks(&r.ledger, j, n, seed); err != nil {
			return err
		}
	}
	var got int64
	for _, s := range j.shares {
		got += s.sum
	}
	if got != want {
		return &WrongResultError{e.name, fmt.Sprintf("the sum is %d and must be %d", got, want)}
	}
	return nil
}

// finalCheck looks at every integer once more, those that nobody should have
// touched included.
func (r *runner) finalCheck(ctx context.Context) error {
	if !r.job.pattern.writes() || r.target.unchanged() != nil {
		return r.target.unchanged()
	}
	return r.verifier.contents(ctx, "one of the contenders", &r.ledger, r.job.integers)
}

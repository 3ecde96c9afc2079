//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs

import (
	"sync"
	"syscall"
	"time"
)

// HoldLimit is how long a held request waits for Release, and the longest delay.
const HoldLimit = 10 * time.Second

// Counts are what has happened since the mount, or since Reset.
type Counts struct {
	Requests  map[Op]int // all that the kernel made, with and without fault
	Failed    int        // answered with an error of the script
	Shortened int        // answered with fewer bytes
	Held      int        // being held now
	Expired   int        // held for HoldLimit, since nobody released them
	Truncated int        // truncations done, the kernel knowing
}

// faults decides what each request meets.
type faults struct {
	mu      sync.Mutex
	rules   []armed
	counts  Counts
	release chan struct{} // closed to let go of what is held
}

// armed is a rule with the number of requests that it has matched.
type armed struct {
	Rule
	seen int
}

// fate is what a request meets.
type fate struct {
	delay    time.Duration
	held     <-chan struct{} // not nil: wait for it
	errno    syscall.Errno   // 0: none
	most     int64           // bytes to answer at most
	direct   bool
	ignore   bool
	truncate []Rule // to be done once the request is
	cut      bool   // the power, then
}

func newFaults() *faults {
	return &faults{release: make(chan struct{}), counts: Counts{Requests: map[Op]int{}}}
}

// load puts a script in the place of the one before.
func (f *faults) load(s Script) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.releaseLocked()
	f.rules = nil
	for _, r := range s {
		f.rules = append(f.rules, armed{Rule: r})
	}
}

// letGo lets held requests go on and holds no more of this script's.
func (f *faults) letGo() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.releaseLocked()
	for i := range f.rules {
		if f.rules[i].Effect == Hold {
			f.rules[i].Rule = Rule{}
		}
	}
}

func (f *faults) releaseLocked() {
	close(f.release)
	f.release = make(chan struct{})
}

// reset forgets the script and the counts, but not what is being held.
func (f *faults) reset() {
	f.load(nil)
	f.change(func(c *Counts) { *c = Counts{Requests: map[Op]int{}, Held: c.Held} })
}

func (f *faults) change(do func(c *Counts)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do(&f.counts)
}

// snapshot returns a copy of the counts.
func (f *faults) snapshot() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.counts
	c.Requests = map[Op]int{}
	for op, n := range f.counts.Requests {
		c.Requests[op] = n
	}
	return c
}

// meet counts a request and waits for as long as the script wants it to.
func (f *faults) meet(op Op, file string, off, n int64) fate {
	met := f.decide(op, file, off, n)
	time.Sleep(met.delay)
	if met.held == nil {
		return met
	}
	limit := time.NewTimer(HoldLimit)
	defer limit.Stop()
	expired := 0
	select {
	case <-met.held:
	case <-limit.C:
		expired = 1
	}
	f.change(func(c *Counts) {
		c.Held--
		c.Expired += expired
	})
	return met
}

func (f *faults) decide(op Op, file string, off, n int64) fate {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts.Requests[op]++
	met := fate{most: n}
	for i := range f.rules {
		r := &f.rules[i]
		if !r.matches(op, file, off, n) {
			continue
		}
		r.seen++
		if r.event() {
			if r.seen == r.After {
				met.add(&r.Rule, nil)
			}
			continue
		}
		if r.seen <= r.After || (r.Times > 0 && r.seen > r.After+r.Times) {
			continue
		}
		met.add(&r.Rule, f.release)
	}
	if met.held != nil {
		f.counts.Held++
	}
	switch {
	case met.errno != 0:
		f.counts.Failed++
	case met.most < n:
		f.counts.Shortened++
	}
	return met
}

func (m *fate) add(r *Rule, release <-chan struct{}) {
	switch r.Effect {
	case Delay:
		m.delay += r.Delay
	case Hold:
		m.held = release
	case Fail:
		if m.errno == 0 {
			m.errno = errnos[r.Errno]
		}
	case Short:
		m.most = min(m.most, r.Bytes)
	case Direct:
		m.direct = true
	case Ignore:
		m.ignore = true
	case Truncate:
		m.truncate = append(m.truncate, *r)
	case PowerCut:
		m.cut = true
	}
}

// Package policy decides which page leaves memory when another is to come in:
// the replacement algorithms of package pager, one a file, each with its paper
// at the head.
//
//	clock    second chance (Corbató 1968); the default
//	fifo     first in, first out
//	lru      least recently used
//	sieve    SIEVE (NSDI 2024)
//	s3-fifo  S3-FIFO (SOSP 2023)
//	2q       2Q (VLDB 1994)
//
// A policy knows page numbers and nothing else: it neither reads nor holds
// pages. It is told of a page's coming (Added) and going (Removed), and of
// accesses in one of two ways:
//
//   - exactly: Used is called at every access. A simulation does so.
//   - lazily: nobody calls Used; the accesses are noted elsewhere, in a bit of
//     the page table that costs an access nothing, and Victim asks for it
//     through its argument. A pager does so.
//
// What a policy keeps is proportional to the pages that are resident: 28 bytes
// each, 0.7 % of a page of 4 KiB; those that remember pages that have left take
// 18 (s3-fifo) or 10 (2q) more. Added, Used, Removed and Victim take
// constant time, Victim amortized: each page that it passes over was accessed or
// busy since it was passed over last.
package policy

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Page identifies a page. Policies only compare it.
type Page uint64

// State is what Victim's caller says of a page that might leave.
type State uint8

const (
	// Idle says that the page may leave.
	Idle State = iota

	// Referenced says that the page was accessed since it was last asked about.
	// Asking clears it: the next answer is Idle unless it is accessed again.
	Referenced

	// Busy says that the page cannot leave now: it is pinned, or I/O is under way.
	Busy
)

// String names the state: "idle".
func (s State) String() string {
	switch s {
	case Idle:
		return "idle"
	case Referenced:
		return "referenced"
	case Busy:
		return "busy"
	}
	return fmt.Sprintf("State(%d)", uint8(s))
}

// Policy is a replacement algorithm. It is not safe for concurrent use: the
// caller locks.
type Policy interface {
	// Added says that p became resident, after a miss. Of a page that is resident
	// already it means Used.
	Added(p Page)

	// Used says that p, which is resident, was accessed. Callers that answer
	// Referenced to Victim do not need it. Of a page that is not resident it
	// means nothing.
	Used(p Page)

	// Removed says that p left for another reason than Victim: its mapping was
	// closed. Of a page that is not resident it means nothing.
	Removed(p Page)

	// Victim chooses the page that leaves next, and forgets it as resident. It
	// never chooses a page that state called Busy. It asks state of pages in the
	// order in which it would let them go, and takes one that is always
	// Referenced rather than none. It returns false when every page is Busy, or
	// there is none.
	//
	// state must not call the policy.
	Victim(state func(Page) State) (Page, bool)
}

// Default is the name of the policy to use where nobody has chosen one. Others
// miss less where it stays the same which pages are hot (sieve and s3-fifo, by an
// eighth), but sieve holds on to what was hot, and misses most of all when that
// changes: compare "filemap simulate --generate zipf" and "shift".
const Default = "clock"

// MaxCapacity is how many pages a policy can look after.
const MaxCapacity = math.MaxUint32 / 2

var policies = []struct {
	name string
	make func(capacity int) Policy
}{
	{"clock", newClock},
	{"fifo", newFIFO},
	{"lru", newLRU},
	{"sieve", newSieve},
	{"s3-fifo", newS3FIFO},
	{"2q", newTwoQ},
}

// Names lists the policies that New knows, the default first.
func Names() []string {
	names := make([]string, len(policies))
	for i, p := range policies {
		names[i] = p.name
	}
	return names
}

// New returns the policy of that name, in any case of letters, "" for the
// default. It looks after capacity pages, which decides the size of what it
// remembers; more may be resident for a while.
func New(name string, capacity int) (Policy, error) {
	if capacity < 1 || capacity > MaxCapacity {
		return nil, fmt.Errorf("policy: capacity of %d pages: it must be 1 to %d", capacity, MaxCapacity)
	}
	if name == "" {
		name = Default
	}
	i := slices.IndexFunc(policies, func(e struct {
		name string
		make func(capacity int) Policy
	},
	) bool {
		return strings.EqualFold(e.name, name)
	})
	if i < 0 {
		return nil, fmt.Errorf("policy: no policy is called %q: choose one of %s", name, strings.Join(Names(), ", "))
	}
	return policies[i].make(capacity), nil
}

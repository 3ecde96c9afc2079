package filemap

import (
	"errors"
	"fmt"

	"github.com/filemap-go/filemap/internal/sys"
)

// What tests may reach into.

// Finder is a way to find changed pages.
type Finder sys.Finder

func (f Finder) String() string {
	switch sys.Finder(f) {
	case sys.FindScan:
		return "scan"
	case sys.FindPagemap:
		return "pagemap"
	case sys.FindNone:
		return "compare"
	}
	return fmt.Sprint(int(f))
}

// Finders are the ways that work here.
func Finders() []Finder {
	all := []Finder{Finder(sys.FindNone)}
	for f := sys.FindNone; f < sys.BestFinder(); f++ {
		all = append(all, Finder(f+1))
	}
	return all
}

// SetFinder makes a Staged Map use f.
func (m *Map) SetFinder(f Finder) { m.stage.finder = sys.Finder(f) }

// MapNothingBeyondEnd has Maps grow as on a system that maps nothing beyond the end
// of a file, until it is undone.
func MapNothingBeyondEnd() (undo func()) {
	old := mapsBeyondEnd
	mapsBeyondEnd = false
	return func() { mapsBeyondEnd = old }
}

// LeaveJournalOut makes an Atomic Map's Commit write the file as a Staged one
// does, so that a test can show that it would notice.
func (m *Map) LeaveJournalOut() { m.stage.uncommitted = true }

// CountedBetween is how many bytes of a file a reader takes to count, to which between
// happens after it has asked for the size and before it looks for a tail.
func CountedBetween(path string, between func()) (length int64, err error) {
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		return 0, err
	}
	first := true
	_, _, length, err = counted(f, func(f sys.File) (sys.Stat, error) {
		st, err := f.Stat()
		if first {
			first = false
			between()
		}
		return st, err
	})
	return length, errors.Join(err, f.Close())
}

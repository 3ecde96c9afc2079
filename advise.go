package filemap

import (
	"errors"
	"fmt"

	"github.com/filemap-go/filemap/internal/sys"
)

// Advice is a hint about how a range will be used, or an order that loses no
// data. What can lose data is a [DestructiveAdvice]. An Advice is also an
// [Option]: it is then given for the whole mapping.
//
// The names are those of madvise(2), where each is described; where a system
// does not know one, Advise returns an error that matches
// [errors.ErrUnsupported]. "All" below means Linux, Darwin and the BSDs.
type Advice uint8

const (
	// Normal undoes Random and Sequential. MADV_NORMAL. All.
	Normal = Advice(sys.Normal)
	// Random turns readahead off: a fault reads one page. Without it a fault in
	// a cold file can read megabytes. MADV_RANDOM. All.
	Random = Advice(sys.Random)
	// Sequential widens readahead and lets pages behind go first.
	// MADV_SEQUENTIAL. All.
	Sequential = Advice(sys.Sequential)
	// WillNeed starts reading the range and does not wait. A single madvise(2)
	// on Linux reads no more than one readahead window, so that it is called
	// window by window. It maps nothing: see Populate. MADV_WILLNEED; All;
	// PrefetchVirtualMemory on Windows.
	WillNeed = Advice(sys.WillNeed)
	// Cold makes the range the first to go when memory is short. MADV_COLD,
	// Linux 5.4.
	Cold = Advice(sys.Cold)
	// PageOut evicts the range now. It looks only at pages that this mapping
	// has touched, and on present kernels leaves dirty pages of a file where
	// they are: Sync first. MADV_PAGEOUT, Linux 5.4; of a shared mapping only
	// for who owns the file or may write it, silently nothing for others.
	PageOut = Advice(sys.PageOut)
	// PopulateRead loads and maps the range, waiting for it: see Populate,
	// which can be cancelled. MADV_POPULATE_READ, Linux 5.14.
	PopulateRead = Advice(sys.PopulateRead)
	// PopulateWrite does the same for stores: pages of a ReadWrite mapping
	// become dirty, of a Private one copied. MADV_POPULATE_WRITE, Linux 5.14.
	PopulateWrite = Advice(sys.PopulateWrite)
	// HugePage asks for large pages where the file system or anonymous memory
	// has them. MADV_HUGEPAGE, Linux.
	HugePage = Advice(sys.HugePage)
	// NoHugePage asks for none. MADV_NOHUGEPAGE, Linux.
	NoHugePage = Advice(sys.NoHugePage)
	// Collapse makes large pages of the range now. MADV_COLLAPSE, Linux 6.1;
	// file mappings need a kernel with CONFIG_READ_ONLY_THP_FOR_FS or tmpfs.
	Collapse = Advice(sys.Collapse)
	// DontFork keeps the range out of a child's memory. MADV_DONTFORK, Linux.
	DontFork = Advice(sys.DontFork)
	// DoFork undoes DontFork. MADV_DOFORK, Linux.
	DoFork = Advice(sys.DoFork)
	// DontDump keeps the range out of core dumps. MADV_DONTDUMP, Linux;
	// MADV_NOCORE, FreeBSD and DragonFly.
	DontDump = Advice(sys.DontDump)
	// DoDump undoes DontDump. MADV_DODUMP, Linux; MADV_CORE, FreeBSD.
	DoDump = Advice(sys.DoDump)
	// Mergeable lets the kernel share equal anonymous pages. MADV_MERGEABLE,
	// Linux with CONFIG_KSM.
	Mergeable = Advice(sys.Mergeable)
	// Unmergeable undoes Mergeable. MADV_UNMERGEABLE, Linux.
	Unmergeable = Advice(sys.Unmergeable)
)

// DestructiveAdvice can lose data: it is given by [Map.AdviseDestructive] only.
type DestructiveAdvice uint8

const (
	// DontNeed drops this mapping's pages now. A shared mapping loses nothing
	// and faults them in again; stores to a Private mapping are gone and the
	// file's bytes are back; anonymous memory is zero again. MADV_DONTNEED,
	// Linux. Elsewhere it is only a hint, and hence unsupported here.
	DontNeed = DestructiveAdvice(sys.DontNeed)
	// Free lets the kernel drop the pages when it wants to: until the next
	// store a load sees the old bytes or zeros. Anonymous memory only.
	// MADV_FREE. Linux, Darwin, BSDs.
	Free = DestructiveAdvice(sys.Free)
	// Remove punches a hole into the file: the range reads as zeros and its
	// blocks are free. ReadWrite only. MADV_REMOVE, Linux; not every file system.
	Remove = DestructiveAdvice(sys.Remove)
	// WipeOnFork gives a child zeros. Anonymous memory only. MADV_WIPEONFORK, Linux.
	WipeOnFork = DestructiveAdvice(sys.WipeOnFork)
	// KeepOnFork undoes WipeOnFork. MADV_KEEPONFORK, Linux.
	KeepOnFork = DestructiveAdvice(sys.KeepOnFork)
)

// willNeedBytes is below the smallest usual readahead window: madvise with
// MADV_WILLNEED reads no more than one, however much is asked for.
const willNeedBytes = 128 << 10

// Advise tells the kernel about the pages that hold [off, off+n); n may be
// [ToEnd]. The range is widened to whole pages.
func (m *Map) Advise(a Advice, off, n int64) error {
	if a > Unmergeable {
		return m.fail("advise", off, n, fmt.Errorf("%w: no such advice", ErrOption))
	}
	if a == Cold || a == PageOut {
		defer m.known.forget()
	}
	return m.onPages("advise", off, n, func(begin, length int) error {
		step := length
		if a == WillNeed {
			step = willNeedBytes
		}
		for done := 0; done < length; done += step {
			err := m.region.Advise(sys.Advice(a), begin+done, min(step, length-done))
			if err != nil {
				return explainAdvice(sys.Advice(a), err)
			}
		}
		return nil
	})
}

// AdviseDestructive gives an advice that can lose data for [off, off+n), which
// must be whole pages of the file, or end where the mapping does ([ErrAlignment]):
// widening it would lose bytes that nobody named. [Remove] takes whole pages
// only.
func (m *Map) AdviseDestructive(a DestructiveAdvice, off, n int64) error {
	const op = "advise"
	if a < DontNeed || a > KeepOnFork {
		return m.fail(op, off, n, fmt.Errorf("%w: no such advice", ErrOption))
	}
	n, err := m.span(op, off, n)
	if err != nil {
		return err
	}
	if err := m.wholePages(op, off, n); err != nil {
		return err
	}
	if m.path != anonymousPath && (a == Free || a == WipeOnFork || a == KeepOnFork) {
		return m.fail(op, off, n, fmt.Errorf("%w: it is for anonymous memory", ErrOption))
	}
	if m.stage != nil && (a == DontNeed || a == Remove) {
		return m.fail(op, off, n, fmt.Errorf("%w: it would lose stores of a Staged Map (Discard throws all of them away)", ErrOption))
	}
	if a == Remove {
		if m.mode != ReadWrite {
			return m.fail(op, off, n, fmt.Errorf("%w: Remove needs a ReadWrite mapping", ErrOption))
		}
		if page := int64(m.unit()); (m.offset+off)%page != 0 || (m.offset+off+n)%page != 0 {
			return m.fail(op, off, n, fmt.Errorf("%w: Remove takes whole pages of %d bytes of the file", ErrAlignment, page))
		}
	}
	defer m.known.forget()
	return m.onPages(op, off, n, func(begin, length int) error {
		return m.refused(sys.Stores, explainAdvice(sys.Advice(a), m.region.Advise(sys.Advice(a), begin, length)))
	})
}

func explainAdvice(a sys.Advice, err error) error {
	if !sys.UnknownAdvice(err) {
		return err
	}
	switch a {
	case sys.Cold, sys.PageOut, sys.DontNeed, sys.Free:
		if sys.KnowsAdvice(a) {
			return fmt.Errorf("%w to pages that are locked (Unlock them first), or huge: %w", ErrOption, err)
		}
	}
	return fmt.Errorf("this kernel does not know the advice, or not for this kind of mapping: %w (%w)", err, errors.ErrUnsupported)
}

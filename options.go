package filemap

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/filemap-go/filemap/internal/sys"
)

// An Option of [Open], [OpenFile], [Create] and [Anonymous] is a [Mode], a
// [Flag], an [Advice], or what [Range] and [Perm] return:
//
//	m, err := filemap.Open("index", filemap.ReadWrite, filemap.Random, filemap.Range(4096, 1<<20))
type Option interface{ apply(*config) }

// Mode says what may be done with the mapped bytes, and who sees it.
// The system call behind it is mmap(2)'s prot and flags; MapViewOfFile's access
// on Windows.
type Mode uint8

const (
	// ReadOnly maps for loads only; a store faults, which is an error through
	// methods and under [Map.Guard]. The file is opened read-only. This is the
	// default of Open and OpenFile.
	//
	// PROT_READ, MAP_SHARED; PAGE_READONLY on Windows. Without mappings (js,
	// wasip1, plan9) the range is read into memory.
	ReadOnly Mode = iota

	// ReadWrite maps for loads and stores that every mapping and reader of the
	// file sees at once, and that the kernel writes to the device when it likes
	// or when [Map.Sync] asks. The file is opened for reading and writing. This
	// is the default of Create.
	//
	// PROT_READ|PROT_WRITE, MAP_SHARED; PAGE_READWRITE on Windows. Without
	// mappings it is unsupported: a copy in memory could not keep the promise.
	ReadWrite

	// Private maps copy-on-write: loads see the file, stores stay in this
	// mapping and are gone after Close. The file is opened read-only. Whether
	// another's change of a page that was not yet stored to is seen here is
	// unspecified (mmap(2)). A stored page is anonymous memory: it goes to
	// swap, never to the file; when the file becomes shorter, the kernel drops
	// those beyond its new end. This is the default, and only mode, of Anonymous.
	//
	// PROT_READ|PROT_WRITE, MAP_PRIVATE; PAGE_WRITECOPY on Windows. Without
	// mappings the range is read into memory.
	Private
)

// String returns "read-only", "read-write" or "private".
func (m Mode) String() string {
	switch m {
	case ReadOnly:
		return "read-only"
	case ReadWrite:
		return "read-write"
	case Private:
		return "private"
	}
	return fmt.Sprintf("Mode(%d)", uint8(m))
}

func (m Mode) apply(c *config) { c.mode = m }

// Flag is an option that is on or off.
type Flag uint16

const (
	// Executable lets the mapped bytes be run as code, beside what the Mode
	// allows. PROT_EXEC; PAGE_EXECUTE_* on Windows. File systems mounted noexec
	// and hardened kernels refuse it (EPERM, EACCES).
	Executable Flag = 1 << iota

	// Populated loads the whole range before the call returns, as
	// [Map.Populate] does. Measure before you use it: on large folios faulting
	// as you go can be quicker.
	Populated

	// Locked loads the whole range and keeps it in memory, as [Map.Lock] does.
	// A limit on locked memory (RLIMIT_MEMLOCK) is an error of the open.
	Locked

	// Sparse makes Create give the file its size without blocks on the device
	// (ftruncate(2)). A store to a page without a block can then fail when the
	// device is full: [ErrNoSpace] through methods and under Guard, a crash
	// (SIGBUS) through a bare slice. Only for Create.
	Sparse

	// Overwrite lets Create replace the contents of a file that exists, which stays
	// the same file: its inode, mode, owner and links. Without it Create fails with
	// fs.ErrExist. Only for Create.
	//
	// What can be refused (the options, the room on the device, a mapping with these
	// options, the journal of an [Atomic] file) is tried first, for which the file may
	// be longer for a moment; then the old contents go. A crash during the call can
	// leave a part of them. Where the file system cannot zero a range in place
	// (FALLOC_FL_ZERO_RANGE on Linux: not tmpfs, FUSE), the blocks are given back and
	// taken again, and another process may come between.
	Overwrite

	// NoDescriptor closes the file's descriptor once it is mapped. By default a
	// Map keeps one, since Sync's errors, StartWriteback, and telling apart why
	// an access failed need it; a process with more mappings than it may have
	// open files does without. What then fails, fails with [ErrNoFile].
	// Effective on Linux and without mappings: everywhere else Sync needs the
	// descriptor to be durable, and it is kept.
	NoDescriptor

	// OrRead lets the open succeed where the file cannot be mapped: a file
	// system without mappings ([ErrUnmappable]), addresses or mappings used up
	// ([ErrMapLimit]), a range too large for a 32-bit address space. [Map.Backing] is
	// then Read: the
	// methods that copy, View and Update work through the descriptor (pread,
	// pwrite), what needs the bytes as memory returns [ErrNotMapped], and Bytes
	// nil. Not with Private, whose stores have nowhere to stay. It takes the
	// place of NoDescriptor, Locked and advice then.
	//
	// A file that has no true size (procfs, sysfs) is read whole, as os.ReadFile does,
	// when it is opened ReadOnly: its Backing is [Copied].
	OrRead

	// Unmapped reads the file through its descriptor from the start, as OrRead
	// does where it must: for a file that a mapping does not suit, on a network
	// say, behind the same methods. Not with Private.
	Unmapped

	// NoReserve asks the kernel not to set swap space aside for stores that a
	// Private or anonymous mapping may see (MAP_NORESERVE): a mapping larger
	// than memory succeeds, and a store may later be answered by the OOM
	// killer. Effective on Linux under vm.overcommit_memory 0 or 1, and NetBSD.
	NoReserve

	// Staged keeps stores to a ReadWrite mapping in this process until [Map.Sync]
	// writes exactly the pages that changed, and makes them durable; Discard throws
	// them away. Everybody else sees the file without them until then. Where an
	// ordinary ReadWrite mapping has the kernel write whole folios, up to 256 pages
	// for one byte, this writes one page for each page changed, on any file system; a
	// store never meets a full disk (SIGBUS), which is an error of Sync; and nothing is
	// written before Sync is called. It costs memory of this process for every
	// page changed since the last Sync, up to the [DirtyLimit], and the first store
	// to a page a copy of it.
	//
	// A page is written whole: what others have stored to other bytes of it since this
	// Map's first store to it is overwritten. Methods that store (WriteAt, Store,
	// Update, PutRecord, Cursor) wait while a Sync runs. A store through a slice
	// (Bytes, Slice, SliceOf, PointerTo) meanwhile faults, which ends the process
	// unless under [Map.Guard]: arrange that there is none. Close throws away what was
	// not synced. When somebody makes the file shorter, the kernel throws away the stores
	// beyond its new end: Sync is an [ErrTruncated] then, and writes none, until
	// [Map.Discard], even if the file is long again. Otherwise no store is lost.
	//
	// MAP_PRIVATE|MAP_NORESERVE, pwrite(2), fdatasync(2), MADV_DONTNEED on Linux.
	// Elsewhere the changed pages are found by reading the file, and their copies
	// stay in memory until Close. Not on OpenBSD, where a file's pages in a mapping
	// and in read(2) are not the same. With ReadWrite alone, and not with NoDescriptor,
	// OrRead, Unmapped, [Reserve], Resize, Append, Move or Protect.
	Staged

	// Atomic is Staged with a [Map.Commit] that is all or nothing: after the death of
	// the process or a power cut the file holds everything that was stored until
	// some Commit, the last that returned or the one under way, and nothing of what
	// came after it. A journal beside the file, of its name and [JournalSuffix], sees
	// to that; opening Atomic finishes what it finds there and says so
	// ([Map.Recovery]). The directory must allow one to be made.
	//
	// One Atomic Map of a file is open at a time, in all processes together and by
	// whatever name ([ErrLocked]); the lock ends with its process. It binds nobody
	// else: a program that writes to the file in another way meanwhile breaks the
	// promise. Others read a committed state with [ReadCommitted]; a plain read or
	// mapping sees the last commit or, while one is written, some pages of it.
	//
	// The journal stays when the Map is closed, with 8 KiB that say so, and has the
	// file's owner and permissions. Until the file is opened Atomic again after a crash
	// it alone may hold half a commit, and after a power cut any part of the last
	// ones, which the journal has: keep the two together, open the file by one path,
	// and back them up together or after Close. A journal that is damaged
	// ([ErrJournalDamaged]), or was in use with another file ([ErrForeignJournal]), is
	// not applied, and nothing is changed. A Commit after the file was renamed,
	// replaced or removed is [ErrFileGone]. A file with hard links is opened by the name
	// that has the journal ([ErrHardLinks]).
	//
	// Changed pages that are not committed are bounded by the [DirtyLimit]; those
	// stored through a slice count at Commit, which then is [ErrDirtyLimit]. What
	// holds for Staged holds for it; for Open and Create. It needs a lock on the
	// file: F_OFD_SETLK of fcntl(2) on Linux, flock(2) on other Unix systems, LockFileEx
	// on Windows.
	Atomic

	// AdoptJournal has Open apply the journal of an Atomic file though it was
	// written for another one: for a copy of both, made when no writer had them
	// open. A journal names its file by inode number and time of birth, which a copy does not keep.
	AdoptJournal
)

func (f Flag) apply(c *config) { c.flags |= f }

// ToEnd as a length means: as far as the mapping, or the file, goes.
const ToEnd int64 = -1

// Range maps n bytes of the file from offset, or with n = [ToEnd] all from
// offset. Any offset and length will do: the library maps whole pages and hands
// out the bytes asked for. The range must lie inside the file (else
// [ErrBounds]); an empty one is fine. The default is the whole file.
func Range(offset, n int64) Option { return rangeOption{offset, n} }

type rangeOption struct{ offset, n int64 }

func (r rangeOption) apply(c *config) { c.offset, c.length = r.offset, r.n }

// Reserve sets addresses aside for a file that grows to n bytes behind the
// mapping's offset, so that [Map.Resize], [Map.Append] and [Map.Refresh] move
// neither bytes nor slices. Addresses are all it costs: no memory, no blocks, and
// no part of max_map_count. A terabyte is a fine reserve on a 64-bit system. With
// ReadOnly or ReadWrite, and a Range, if any, that goes to the end.
//
// The region is mapped beyond the end of the file (mmap(2)). Windows cannot do
// that: there the file itself is as long, and sparse, until Close cuts it to the
// Map's length; a ReadOnly Map that is to have more than the file is unsupported. Nor
// can hugetlbfs: [ErrHugePages].
func Reserve(n int64) Option { return reserveOption(n) }

type reserveOption int64

func (r reserveOption) apply(c *config) { c.reserve = int64(r) }

// Perm sets the permission bits, before umask, of a file that Create makes; the
// default is 0o644. No effect on Windows but for the write bit.
func Perm(perm fs.FileMode) Option { return permOption(perm) }

type permOption fs.FileMode

func (p permOption) apply(c *config) { c.perm = uint32(fs.FileMode(p).Perm()) }

func (a Advice) apply(c *config) { c.advice = append(c.advice, a) }

// config is what the options of one call add up to.
type config struct {
	mode           Mode
	flags          Flag
	offset, length int64
	reserve        int64
	dirtyLimit     int64
	limited        bool // dirtyLimit was given
	moved          bool // the Map has size bytes, of a file that may have more
	size           int64
	perm           uint32
	advice         []Advice

	journal     *committed // when it is open, until a Map has it
	target      *target    // that it writes to
	journalMade bool       // by this call
	fresh       bool       // and the file
	own         bool       // the descriptor was opened by path and for the mode, see suited
	seen        sys.Stat   // of the file, if that spares a second look
	borrowed    bool       // the descriptor shares its flags with one of the caller's
	layered     bool       // the descriptor is of a layer, see layer
	layer       sys.Identity
	recovery    Recovery
}

func newConfig(mode Mode, options []Option) config {
	c := config{mode: mode, length: ToEnd, perm: 0o644}
	for _, o := range options {
		o.apply(&c)
	}
	if c.has(Atomic) {
		c.flags |= Staged
	}
	return c
}

func (c *config) has(f Flag) bool { return c.flags&f != 0 }

// check refuses what makes no sense, given the flags that the call takes.
func (c *config) check(allowed Flag) error {
	switch {
	case c.mode > Private:
		return fmt.Errorf("%w: %v is no mode", ErrOption, c.mode)
	case c.flags&^allowed != 0:
		return fmt.Errorf("%w to this call: %v", ErrOption, c.flags&^allowed)
	case c.has(Unmapped) && c.mode == Private:
		return fmt.Errorf("%w: stores to an Unmapped Private mapping have nowhere to stay", ErrOption)
	case c.reserve < 0:
		return fmt.Errorf("%w: negative Reserve", ErrBounds)
	case c.reserve > 0 && (c.mode == Private || c.length != ToEnd):
		return fmt.Errorf("%w: Reserve goes with ReadOnly and ReadWrite, and with no Range that ends before the file", ErrOption)
	case c.has(Staged) && c.mode != ReadWrite:
		return fmt.Errorf("%w: %v goes with ReadWrite, not with %v", ErrOption, c.staging(), c.mode)
	case c.has(Staged) && c.reserve > 0:
		return fmt.Errorf("%w: %v does not go with Reserve, for it keeps its size", ErrOption, c.staging())
	case c.has(Staged) && c.flags&(NoDescriptor|OrRead|Unmapped) != 0:
		return fmt.Errorf("%w: %v does not go with %v", ErrOption, c.staging(), c.flags&(NoDescriptor|OrRead|Unmapped))
	case c.has(Staged) && !sys.CoherentWrites:
		return fmt.Errorf("a mapping that sees what is written to its file: %w", errors.ErrUnsupported)
	case c.has(AdoptJournal) && !c.has(Atomic):
		return fmt.Errorf("%w: AdoptJournal goes with Atomic", ErrOption)
	case c.limited && (!c.has(Staged) || c.dirtyLimit <= 0):
		return fmt.Errorf("%w: DirtyLimit is for Staged and Atomic, and more than 0", ErrOption)
	case c.offset < 0 || c.length < ToEnd:
		return fmt.Errorf("%w: negative offset %d or length %d", ErrBounds, c.offset, c.length)
	}
	return nil
}

// staging is the name of the option that makes the Map a Staged one.
func (c *config) staging() Flag {
	if c.has(Atomic) {
		return Atomic
	}
	return Staged
}

var flagNames = []string{"Executable", "Populated", "Locked", "Sparse", "Overwrite", "NoDescriptor", "OrRead", "Unmapped", "NoReserve", "Staged", "Atomic", "AdoptJournal"}

// String names the flags, joined by "|".
func (f Flag) String() string {
	text := ""
	for i, name := range flagNames {
		if f&(1<<i) != 0 {
			if text != "" {
				text += "|"
			}
			text += name
		}
	}
	if text == "" {
		return "none"
	}
	return text
}

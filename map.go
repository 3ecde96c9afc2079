package filemap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"math/bits"
	"os"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/filemap-go/filemap/internal/halfopen"
	"github.com/filemap-go/filemap/internal/journal"
	"github.com/filemap-go/filemap/internal/sys"
)

// Map is a file, or a range of it, as memory. All of its methods may be called
// from several goroutines at once, Close included; who stores to the same bytes
// at the same time must agree on an order themselves, as with any memory.
//
// A Map that is dropped without Close stays mapped until the process ends: no
// finalizer unmaps it, since a slice of it may still be in use.
type Map struct {
	size     atomic.Int64 // the number of bytes; changed by Resize, Append and Refresh alone
	data     []byte       // these bytes and those reserved behind them, inside region; set once; nil when backing is Read
	region   sys.Region   // whole pages; the zero Region for an empty mapping that cannot grow
	begin    int          // where data begins in region
	offset   int64        // of data in the file
	mode     Mode
	flags    Flag
	fixed    bool // a Range with a length
	hugePage int  // of hugetlbfs, in bytes; 0: pages are as usual
	backing  Backing
	path     string
	known    known  // which pages need no system call before they are touched
	ticket   uint64 // of the openTracker; 0: none

	closed atomic.Bool

	// mu is held shared by what makes system calls on region and file, and
	// exclusively by Close. Loads, stores and copies go without it: Close leaves
	// the addresses reserved until nobody can be using them (quarantine.go).
	mu   sync.RWMutex
	file sys.File // none for anonymous memory and with NoDescriptor

	capacity int64 // what size may become without another mapping
	grow     growth
	sync     syncState
	stage    *stage // of a Staged Map
	layer    layer
	self     weak.Pointer[Map] // for the quarantine, which must not allocate
}

const anonymousPath = "anonymous memory"

// mostMapped bounds a mapping: what addresses allow where they have 32 bits, else
// 256 TiB. Some systems allow more, of which what a Map knows of its pages would take
// more memory than there is (16 KiB for a TiB: see known).
const mostMapped = math.MaxInt >> (15 * (bits.UintSize / 64))

const openFlags = Executable | Populated | Locked | NoDescriptor | NoReserve | OrRead | Unmapped | Staged

// Open maps the file at path: all of it, read-only, unless the options say
// otherwise. The file is only ever changed by stores to a ReadWrite mapping.
//
// Its errors: fs.ErrNotExist, fs.ErrPermission, [ErrNotRegular] for a
// directory, pipe or device, [ErrBounds] for a range beyond the end,
// [ErrTooLarge], [ErrOption]. The calls behind it: open(2), fstat(2), mmap(2);
// CreateFile, CreateFileMapping, MapViewOfFile on Windows.
func Open(path string, options ...Option) (*Map, error) {
	c := newConfig(ReadOnly, options)
	if err := c.check(openFlags | Atomic | AdoptJournal); err != nil {
		return nil, openError(path, err)
	}
	f, err := sys.OpenFile(path, openFlag(c.mode), 0)
	if err != nil {
		return nil, openError(path, explainOpen(path, err))
	}
	c.own = true
	return mapOrClose(f, path, &c)
}

// OpenFile maps an open file. The descriptor is duplicated: f may be closed, and
// its position is neither used nor moved. ReadWrite needs a file opened for
// reading and writing, the others one opened for reading (else [ErrDescriptor]).
//
// A ReadWrite Map, and any of a file that was opened with O_APPEND or O_DIRECT, opens
// the file once more, without these flags, by way of /proc/self/fd on Linux (ReOpenFile
// on Windows); f keeps them. Where that cannot be (no /proc, or the file's permissions
// have changed), ReadWrite with O_APPEND, and anything with O_DIRECT, is an
// ErrDescriptor; and as long as the Map is open no such flag may be set on f (fcntl
// F_SETFL), and f.Sync may take an error that [Map.Sync] then does not see: duplicates
// share both.
func OpenFile(f *os.File, options ...Option) (*Map, error) {
	if f == nil {
		return nil, openError("", os.ErrInvalid)
	}
	c := newConfig(ReadOnly, options)
	if err := c.check(openFlags); err != nil {
		return nil, openError(f.Name(), err)
	}
	c.borrowed = sys.DupShares
	dup, err := sys.DupFile(f)
	if err != nil {
		return nil, openError(f.Name(), err)
	}
	return mapOrClose(dup, f.Name(), &c)
}

// Create makes a file of size bytes and maps it, ReadWrite unless the options
// say otherwise. Its blocks are allocated on the device, so that a full disk is
// an error now and not a failing store later; [Sparse] leaves that out. A file
// that exists is left alone (fs.ErrExist) unless [Overwrite] is given. When
// Create fails, no file is left behind that was not there before, and one that was
// has its contents still.
//
// The first Sync makes the directory entry durable too; with [Atomic] or
// [NoDescriptor] Create does. Until then the Map has a descriptor of the directory
// open. The calls behind it: openat(2) with O_EXCL, fallocate(2) or its like, mmap(2).
func Create(path string, size int64, options ...Option) (*Map, error) {
	c := newConfig(ReadWrite, options)
	if err := c.check(openFlags | Sparse | Overwrite | Atomic); err != nil {
		return nil, createError(path, size, err)
	}
	if size < 0 {
		return nil, createError(path, size, fmt.Errorf("%w: negative size", ErrBounds))
	}
	if !sys.Mapped && c.mode == ReadWrite && max(size, c.reserve) > 0 && !c.has(Staged) && !c.has(OrRead) && !c.has(Unmapped) {
		// Before Overwrite has emptied a file for nothing.
		return nil, createError(path, size, fmt.Errorf("this system has no mappings whose stores reach the file: %w", errors.ErrUnsupported))
	}
	if err := c.fits(size); err != nil {
		return nil, createError(path, size, err)
	}
	at, err := journal.PlaceOf(path)
	if err != nil {
		return nil, createError(path, size, err)
	}
	m, err := createAt(at, size, &c)
	if err != nil || !m.sync.entry.Valid() {
		_ = at.Close() // nothing was written through it
	}
	return m, err
}

// createAt makes the file in a directory, which the Map keeps until its first Sync.
func createAt(at journal.Place, size int64, c *config) (*Map, error) {
	f, fresh, err := createFile(at, size, c)
	if err != nil {
		return nil, createError(at.Path, size, explainOpen(at.Path, err))
	}
	if fresh {
		err = setSize(f, size, c.has(Sparse))
	}
	if err == nil && (c.has(Atomic) || c.has(NoDescriptor)) { // the first so that a Commit has only bytes to see to
		err = errors.Join(f.Sync(), at.Dir.Sync())
	}
	if err != nil {
		c.closeJournal()
		_ = f.Close()
		removeIf(fresh, at)
		return nil, createError(at.Path, size, err)
	}
	c.own = true
	m, err := mapOrClose(f, at.Path, c)
	if err != nil {
		removeIf(fresh, at)
		return nil, err
	}
	if fresh && !c.has(Atomic) && !c.has(NoDescriptor) {
		m.sync.entry = at.Dir
	}
	return m, nil
}

// createFile opens the file of Create and tells whether the call made it. One that
// was there has its size then.
func createFile(at journal.Place, size int64, c *config) (f sys.File, fresh bool, err error) {
	f, err = at.Dir.OpenFile(at.Name, sys.Write|sys.Create|sys.Excl, c.perm)
	if err == nil {
		c.fresh = true
		if err = c.openJournal(f, at.Path, true); err != nil {
			_ = f.Close()
			removeIf(true, at)
		}
		return f, true, err
	}
	switch {
	case !errors.Is(err, fs.ErrExist):
		return f, false, err
	case !c.has(Overwrite):
		return f, false, fmt.Errorf("%w (Open keeps what it holds, filemap.Overwrite replaces it)", err)
	}
	if f, err = at.Dir.OpenFile(at.Name, sys.Write, 0); err != nil {
		return f, false, err
	}
	if err = c.overwrite(f, at.Path, size); err != nil {
		c.closeJournal()
		_ = f.Close()
	}
	return f, false, err
}

func setSize(f sys.File, size int64, sparse bool) error {
	switch {
	case size == 0:
		return nil
	case sparse:
		return f.Truncate(size)
	}
	return spaceError(f.Allocate(0, size))
}

// removeIf takes back a file that a failed Create has made. The failure is what
// the caller is told.
func removeIf(fresh bool, at journal.Place) {
	if fresh {
		_ = at.Dir.Remove(at.Name)
	}
}

// Anonymous maps size bytes of zeroed memory that belong to no file and to this
// process alone: what make([]byte, size) gives, but page-aligned, outside the
// garbage collector's care, and with all the methods of a Map that need no
// file. The call behind it: mmap(2) with MAP_ANONYMOUS; VirtualAlloc on Windows.
func Anonymous(size int64, options ...Option) (*Map, error) {
	c := newConfig(Private, options)
	err := c.check(Executable | Populated | Locked | NoReserve)
	switch {
	case err != nil:
	case c.mode != Private:
		err = fmt.Errorf("%w: anonymous memory is Private", ErrOption)
	case c.offset != 0 || c.length != ToEnd:
		err = fmt.Errorf("%w: anonymous memory has no Range", ErrOption)
	case size < 0:
		err = fmt.Errorf("%w: negative size", ErrBounds)
	case size > mostMapped-int64(sys.Granularity):
		err = ErrTooLarge
	}
	if err != nil {
		return nil, &Error{Op: "open", Path: anonymousPath, Length: size, Err: err}
	}
	m, err := newAnonymous(size, &c)
	if err != nil {
		return nil, err
	}
	return m.prepare(&c)
}

func newAnonymous(size int64, c *config) (*Map, error) {
	m := &Map{path: anonymousPath, mode: Private, flags: c.flags, backing: native, data: []byte{}}
	m.size.Store(size)
	if size > 0 {
		err := m.attach(int(size), func(n int) (sys.Region, error) {
			return sys.MapAnonymous(n, c.prot(), !c.has(NoReserve))
		})
		if err != nil {
			return nil, m.fail("open", 0, size, c.explainMap(sys.File{}, err, int(size)))
		}
	}
	return m, nil
}

func mapOrClose(f sys.File, path string, c *config) (*Map, error) {
	f, err := c.suited(f)
	if err == nil {
		err = c.openJournal(f, path, false)
	}
	if err != nil {
		_ = f.Close() // err is why
		return nil, openError(path, err)
	}
	m, err := mapFile(f, path, c)
	if err != nil {
		c.closeJournal()
		_ = f.Close() // err is why
		return nil, err
	}
	return m.prepare(c)
}

// mapFile makes the Map of c's range of f.
func mapFile(f sys.File, path string, c *config) (*Map, error) {
	st, tail, counts, err := counted(f, c.stat)
	if errors.Is(err, errUnsized) {
		return mapUnsized(f, path, c)
	}
	if err != nil {
		return nil, openError(path, err)
	}
	size := st.Size
	m := &Map{path: path, mode: c.mode, flags: c.flags, backing: native, offset: c.offset, file: f, data: []byte{}}
	m.grow.end = size
	n := c.length
	switch {
	case c.moved:
		n = c.size
	case n == ToEnd:
		m.grow.tail, size = tail, counts
		n = max(size-c.offset, 0)
	}
	m.size.Store(n)
	m.capacity, m.fixed = max(n, c.reserve), c.length != ToEnd
	if c.offset > size || n > size-c.offset {
		return nil, m.fail("open", 0, n, fmt.Errorf("%w of the file, which has %d bytes", ErrBounds, size))
	}
	if c.has(Staged) {
		m.stage = newStage(c, f)
	}
	err = m.useHugePages(c, st)
	aligned := c.offset &^ int64(max(sys.Granularity, m.unit())-1)
	m.begin = int(c.offset - aligned)
	switch {
	case err != nil:
	case m.capacity == 0:
		return m, nil
	case c.has(Unmapped):
		err = errReadWanted
	case m.capacity > mostMapped-int64(m.begin+sys.Granularity+c.tailRoom(n)):
		err = ErrTooLarge
	default:
		if m.capacity > n && !mapsBeyondEnd {
			err = m.makeWhole()
		}
		if err == nil {
			room := c.tailRoom(n)
			err = m.attach(int(m.capacity), func(n int) (sys.Region, error) {
				n += room
				if m.hugePage > 0 { // else as long as it is: Windows maps nothing beyond a file
					n = roundUp(n, m.hugePage)
				}
				return m.mapLayer(c, aligned, n)
			})
			err = m.explainHuge(err)
		}
	}
	if err != nil && m.grow.whole.on {
		err = errors.Join(err, m.endWhole())
		m.grow.whole.on, m.grow.end = false, m.offset+n
	}
	switch {
	case err == nil:
		return m, nil
	case !c.mayRead() || m.hugePage != 0 && c.mode != ReadOnly:
		return nil, m.fail("open", 0, n, m.refused(sys.Stores, c.explainMap(f, err, m.begin+int(m.capacity))))
	case c.oversized(f, size):
		return mapUnsized(f, path, c)
	}
	m.data, m.backing, m.layer.on = nil, Read, false
	return m, nil
}

// stat is what suited has seen, once, if that spares a call, else the status of a
// regular file.
func (c *config) stat(f sys.File) (sys.Stat, error) {
	st := c.seen
	c.seen = sys.Stat{}
	if st.Size == 0 || c.journal != nil { // which may have changed the size
		return regularStat(f)
	}
	return st, nil
}

// attach makes the region of n bytes beyond begin. When addresses or mappings
// have run out, those that closed Maps still hold are given back first.
func (m *Map) attach(n int, create func(n int) (sys.Region, error)) error {
	err := inUse.take()
	if err != nil && retired.releaseAll() {
		err = inUse.take()
	}
	if err != nil {
		return err
	}
	region, err := create(m.begin + n)
	if sys.NoMemory(err) && retired.releaseAll() {
		region, err = create(m.begin + n)
	}
	if err != nil {
		inUse.give(1)
		return err
	}
	if m.private() && m.file.Valid() {
		region.Uncopy()
	}
	m.region = region
	m.self = weak.Make(m)
	retired.expect()
	m.data = region.Bytes()[m.begin : m.begin+n : m.begin+n]
	m.known = newKnown(region.Len() / sys.PageSize)
	if m.stage != nil {
		m.stage.read = newKnown(region.Len() / sys.PageSize)
	}
	return nil
}

// prepare does what the options want done with a fresh mapping.
func (m *Map) prepare(c *config) (*Map, error) {
	if err := m.applyOptions(c); err != nil {
		_ = m.Close() // err is why
		return nil, err
	}
	tracker.opened(m)
	return m, nil
}

func (m *Map) applyOptions(c *config) error {
	if m.backing == Read { // there is nothing to advise on or to lock
		c.advice, c.flags = nil, c.flags&^Locked
	}
	for _, a := range c.advice {
		if err := m.Advise(a, 0, ToEnd); err != nil {
			return err
		}
	}
	if c.has(Locked) {
		if err := m.Lock(0, ToEnd); err != nil {
			return err
		}
	}
	if c.has(Populated) {
		if err := m.Populate(context.Background(), 0, ToEnd, nil); err != nil {
			return err
		}
	}
	if c.has(NoDescriptor) && m.file.Valid() && m.backing != Read && !sys.SyncNeedsFile {
		f := m.file
		m.file = sys.File{}
		if err := f.Close(); err != nil {
			return m.fail("open", 0, 0, err)
		}
	}
	return nil
}

func (c *config) prot() sys.Prot {
	prot := sys.ProtRead
	if c.mode != ReadOnly {
		prot |= sys.ProtWrite
	}
	if c.has(Executable) {
		prot |= sys.ProtExec
	}
	return prot
}

func (c *config) sharing() sys.Sharing {
	switch {
	case c.has(Staged):
		return sys.Staged
	case c.mode == Private:
		return sys.Private
	}
	return sys.Shared
}

func openFlag(mode Mode) sys.OpenFlag {
	if mode == ReadWrite {
		return sys.Write
	}
	return 0
}

func openError(path string, err error) *Error {
	return &Error{Op: "open", Path: path, Err: err}
}

func createError(path string, size int64, err error) *Error {
	return &Error{Op: "create", Path: path, Length: size, Err: err}
}

// explainOpen says that a directory is one where open(2) only says EISDIR, or
// on some systems "permission denied", that a socket is one (ENXIO), and what about a file forbids to store to it.
func explainOpen(path string, err error) error {
	if st, statErr := os.Stat(path); statErr == nil && st.IsDir() && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w, this is %v (%w)", ErrNotRegular, sys.Directory, err)
	}
	if kind, is := sys.Unopenable(path, err); is {
		return fmt.Errorf("%w, this is %v (%w)", ErrNotRegular, kind, err)
	}
	if !sys.IsRefusal(err) {
		return err
	}
	if f, openErr := sys.OpenFile(path, 0, 0); openErr == nil {
		if why := fixed(f, sys.Stores); why != nil {
			err = fmt.Errorf("%w (%w)", why, err)
		}
		_ = f.Close()
	}
	return err
}

// explainMap says which limit a mapping of n bytes of f ran into, or that f cannot be
// mapped.
func (c *config) explainMap(f sys.File, err error, n int) error {
	switch {
	case sys.NoMemory(err):
		return fmt.Errorf("%w: %s (%w)", ErrMapLimit, sys.WhyNoMemory(n, c.prot(), c.sharing()), err)
	case sys.IsUnmappable(err), errors.Is(err, fs.ErrPermission) && c.mode == ReadOnly && !c.has(Executable):
		where := ""
		if system, fsErr := f.FileSystem(); fsErr == nil {
			where = "on " + system.Name + ": "
		}
		return fmt.Errorf("%w: %s%w", ErrUnmappable, where, err)
	}
	return err
}

// Len returns the number of mapped bytes.
func (m *Map) Len() int64 { return m.size.Load() }

// Offset returns where the mapping begins in the file, in bytes.
func (m *Map) Offset() int64 { return m.offset }

// Mode returns what the mapping was opened for.
func (m *Map) Mode() Mode { return m.mode }

// Path returns the file's path as it was given; "anonymous memory" without one.
func (m *Map) Path() string { return m.path }

// String names the file, the mode and the range in it: `read-only "index" [0, 4096)`.
func (m *Map) String() string {
	return fmt.Sprintf("%v %q %s", m.mode, m.path, halfopen.String(m.offset, m.Len()))
}

// Format prints [Map.String], whatever the verb. By itself package fmt would print
// every byte, and crash at those that are reserved and not in the file.
func (m *Map) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, m.String()) }

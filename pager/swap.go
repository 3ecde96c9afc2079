package pager

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"math/bits"
	"os"
	"runtime"
	"sync"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/pager/policy"
	"github.com/filemap-go/filemap/pager/store"
)

// Swap says where pages go that have no other home.
//
// What is in swap means nothing to anybody but the pager that put it there, and
// is never read by another.
type Swap struct {
	// Bytes is the size of swap, in whole pages, at most 2^25 of them (128 GiB of
	// pages of 4 KiB). 0 is none.
	//
	// The space is taken at once, so that a full device is an error of New
	// ([ErrNoSpace]) and not of a fault: fallocate(2), on btrfs in a file that is
	// written in its place (FS_NOCOW_FL), or zeros where there is no such call. It is
	// not certain where a file system writes elsewhere whatever it is told (ZFS,
	// bcachefs, btrfs once the file is in a snapshot), with thin provisioning below
	// it, or in a Store. There a fault can meet ErrNoSpace: it needed the frame of a
	// page that swap could not take. That page stays in memory, with its changes, and
	// nothing is lost; free space, or commit, discard or close.
	Bytes int64

	// Path is the file. Without one, it is made in [os.TempDir] and unlinked at
	// once, so that nothing is left behind however the process ends.
	//
	// A file that does not exist is made, with permission for its owner alone,
	// and removed by Close. A file that exists is used only if it is a swap file
	// (that a crash left behind) and nobody has it open as one; any other is
	// [ErrSwapFile], and is not touched. The file is locked (flock, LockFileEx).
	Path string

	// Store is swap in something else than a file, instead of Path; it must be
	// Bytes long. Closing it is up to the caller.
	Store store.Store
}

// slot is a page's place in swap.
type slot uint32

// kept is what is known of a resident page whose bytes are also in swap: it can
// leave again without being written.
type kept struct {
	slot slot
	sum  uint32
}

// swapFile is slots of a page each, and a bit for each that says whether it is
// taken. The checksum of a slot's bytes is not in the file but in the page's word,
// together with the slot's number: an old version of a page, or another page,
// does not pass for the right one.
type swapFile struct {
	store     *backing
	origin    int64 // of slot 0
	pageBytes int
	shut      func() error // ends what openFile began

	mu    sync.Mutex
	taken []uint64
	slots int
	free  int
	hint  int // where the search for a free slot begins
	kept  map[policy.Page]kept
}

func openSwap(c Swap, pageBytes int) (*swapFile, error) {
	switch {
	case c.Bytes < 0 || c.Bytes == 0 && (c.Path != "" || c.Store != nil):
		return nil, fmt.Errorf("%w: Swap.Bytes is %d: say how much swap may be used", ErrConfig, c.Bytes)
	case c.Bytes == 0:
		return nil, nil
	case c.Path != "" && c.Store != nil:
		return nil, fmt.Errorf("%w: Swap has a Path and a Store: choose one", ErrConfig)
	case c.Bytes < int64(pageBytes):
		return nil, fmt.Errorf("%w: Swap.Bytes is %d, less than a page of %d", ErrConfig, c.Bytes, pageBytes)
	case c.Bytes/int64(pageBytes) > maxSlots:
		return nil, fmt.Errorf("%w: Swap.Bytes is %d pages, and may be %d", ErrConfig, c.Bytes/int64(pageBytes), maxSlots)
	}
	s := &swapFile{pageBytes: pageBytes, slots: int(c.Bytes / int64(pageBytes)), kept: make(map[policy.Page]kept)}
	s.free = s.slots
	s.taken = make([]uint64, (s.slots+63)/64)
	if c.Store != nil {
		s.store = backingOf(c.Store)
		size, err := s.store.size()
		if err == nil && size < int64(s.slots)*int64(pageBytes) {
			err = fmt.Errorf("%w: Swap.Store has %d bytes, less than Swap.Bytes", ErrConfig, size)
		}
		if err != nil {
			s.store.release()
		}
		return s, err
	}
	return s, s.openFile(c.Path)
}

// The first page of a swap file: what it is.
const (
	swapMagic   = "filemap swap 1\n"
	swapHeader  = 64
	swapPerm    = 0o600
	swapPattern = "filemap-swap-*"
)

func (s *swapFile) openFile(path string) (err error) {
	f, ours, err := openSwapFile(path)
	if err != nil {
		return err
	}
	name := f.Name()
	dir, entry, err := sys.OpenDirOf(name) // in which it is removed, wherever name leads by then
	if err != nil {
		return errors.Join(err, f.Close())
	}
	held, err := sys.DupFile(f) // has the lock
	if err != nil {
		return errors.Join(err, f.Close(), dir.Close())
	}
	lock, lockErr := held.TryLock()
	defer func() {
		if err != nil {
			own := ours && isOwn(dir, entry, held)
			err = errors.Join(err, lock.Release(), held.Close(), f.Close(), removeOwn(own, dir, entry))
		}
	}()
	if lockErr != nil && !errors.Is(lockErr, errors.ErrUnsupported) {
		return fmt.Errorf("%w: %w", ErrSwapFile, lockErr)
	}
	if !ours {
		if err := checkHeader(f); err != nil {
			return err
		}
		ours = true // what a crash left there is worth nothing
	}
	s.origin = int64(s.pageBytes)
	total := s.origin + int64(s.slots)*int64(s.pageBytes)
	if err := s.allot(held, total); err != nil {
		if sys.NoSpace(err) {
			err = fmt.Errorf("%w: %w", ErrNoSpace, err)
		}
		return fmt.Errorf("taking %d bytes for swap: %w", total, err)
	}
	file, err := store.Open(name, store.Options{Write: true})
	if err != nil {
		return err
	}
	s.store = backingOf(file)
	unlinked := path == "" && runtime.GOOS != "windows" && dir.Remove(entry) == nil
	s.shut = func() error {
		own := !unlinked && isOwn(dir, entry, held)
		return errors.Join(file.Close(), lock.Release(), held.Close(), f.Close(), removeOwn(own, dir, entry))
	}
	return nil
}

// isOwn tells whether a name is still the swap file's, and not another's by now.
func isOwn(dir sys.Dir, name string, f sys.File) bool {
	own, err := dir.Has(name, f)
	return own || err != nil // some systems cannot tell
}

// removeOwn removes a name, if that is to be, and closes its directory.
func removeOwn(own bool, dir sys.Dir, name string) error {
	var err error
	if own {
		err = dir.Remove(name)
	}
	return errors.Join(err, dir.Close())
}

// openSwapFile opens or makes the file and tells whether it made it. One that a
// crash left behind is removed by the Close of whoever takes it over.
func openSwapFile(path string) (f *os.File, made bool, err error) {
	if path == "" {
		f, err = os.CreateTemp("", swapPattern)
		return f, true, err
	}
	f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, swapPerm)
	if !errors.Is(err, os.ErrExist) {
		return f, true, err
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, false, err
	}
	if !st.Mode().IsRegular() {
		return nil, false, fmt.Errorf("%w: it is not a regular file", ErrSwapFile)
	}
	f, err = os.OpenFile(path, os.O_RDWR, 0)
	return f, false, err
}

// header is the first page of a swap file, as far as it has anything.
func (s *swapFile) header() []byte {
	header := make([]byte, swapHeader)
	copy(header, swapMagic)
	binary.LittleEndian.PutUint64(header[32:], uint64(s.pageBytes))
	return header
}

// checkHeader refuses a file that is not a swap file, of whatever page size.
func checkHeader(f *os.File) error {
	header := make([]byte, swapHeader)
	_, err := f.ReadAt(header, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrSwapFile, err)
	}
	pageBytes := binary.LittleEndian.Uint64(header[32:])
	of := swapFile{pageBytes: int(pageBytes & math.MaxInt32)}
	if pageBytes > math.MaxInt32 || bits.OnesCount64(pageBytes) != 1 || !bytes.Equal(header, of.header()) {
		return fmt.Errorf("%w: the file exists and is no swap file (name another, or remove it)", ErrSwapFile)
	}
	return nil
}

// allot makes the file a swap file of n bytes and takes the blocks for them, to be
// written in their place, where the system can; else a sparse file will do. Zeros
// that were written instead of taking blocks may get theirs only when they are
// synced.
func (s *swapFile) allot(f sys.File, n int64) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	if err := f.NoCopyOnWrite(); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if _, err := f.WriteAt(s.header(), 0); err != nil {
		return err
	}
	if err := f.Truncate(s.origin); err != nil {
		return err
	}
	if err := f.Allocate(s.origin, n-s.origin); err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	if err := f.Truncate(n); err != nil {
		return err
	}
	return f.Sync()
}

func (s *swapFile) close() error {
	s.store.release()
	if s.shut == nil {
		return nil
	}
	return s.shut()
}

// full tells whether there is no slot to have; that there is no swap is the same.
func (s *swapFile) full() bool {
	if s == nil {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free == 0
}

// take takes up to n slots that lie one after the other.
func (s *swapFile) take(n int) (first slot, got int) {
	if s.full() {
		return 0, 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free == 0 {
		return 0, 0
	}
	at := s.nextFree(s.hint)
	if at < 0 {
		at = s.nextFree(0)
	}
	for got < n && at+got < s.slots && s.taken[(at+got)/64]&(1<<((at+got)%64)) == 0 {
		s.taken[(at+got)/64] |= 1 << ((at + got) % 64)
		got++
	}
	s.free -= got
	s.hint = (at + got) % s.slots
	return slot(at), got
}

// nextFree is the first free slot from at on, or -1.
func (s *swapFile) nextFree(at int) int {
	for i := at / 64; i < len(s.taken); i++ {
		word := s.taken[i]
		if i == at/64 {
			word |= 1<<(at%64) - 1
		}
		if word != ^uint64(0) {
			if found := i*64 + bits.TrailingZeros64(^word); found < s.slots {
				return found
			}
		}
	}
	return -1
}

func (s *swapFile) release(one slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releaseLocked(one)
}

func (s *swapFile) releaseLocked(one slot) {
	bit := uint64(1) << (one % 64)
	if s.taken[one/64]&bit == 0 {
		panic(fmt.Sprintf("pager: swap slot %d was given back twice", one))
	}
	s.taken[one/64] &^= bit
	s.free++
}

// keep notes that a page that becomes resident is also in its slot.
func (s *swapFile) keep(id policy.Page, one slot, sum uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept[id] = kept{one, sum}
}

// unkeep is for a page that leaves memory and stays in its slot.
func (s *swapFile) unkeep(id policy.Page) kept {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.kept[id]
	if !ok {
		panic("pager: a page's slot is not known")
	}
	delete(s.kept, id)
	return k
}

// forget gives the slot of a resident page back.
func (s *swapFile) forget(id policy.Page) {
	k := s.unkeep(id)
	s.release(k.slot)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sumOf is the checksum of a page's bytes, and of which page it is.
func sumOf(id policy.Page, page []byte) uint32 {
	var name [8]byte
	binary.LittleEndian.PutUint64(name[:], uint64(id))
	return crc32.Update(crc32.Checksum(name[:], castagnoli), castagnoli, page)
}

// read reads a page from its slot.
func (s *swapFile) read(one slot, sum uint32, id policy.Page, page []byte) error {
	if err := s.store.read(page, s.origin+int64(one)*int64(s.pageBytes), len(page)); err != nil {
		return fmt.Errorf("reading swap slot %d: %w", one, err)
	}
	if sumOf(id, page) != sum {
		return fmt.Errorf("swap slot %d: %w", one, ErrCorrupt)
	}
	return nil
}

// scratch is memory for a run of pages, aligned for direct I/O.
type scratch struct{ region sys.Region }

func (s *scratch) bytes() []byte { return s.region.Bytes() }

func (p *Pager) borrow() *scratch {
	if s, ok := p.scratch.Get().(*scratch); ok {
		return s
	}
	region, err := sys.MapAnonymous(maxRun<<p.shift, sys.ProtRead|sys.ProtWrite, false)
	if err != nil {
		panic("pager: no memory for a buffer: " + err.Error())
	}
	s := &scratch{region}
	runtime.AddCleanup(s, func(r sys.Region) { _ = r.Release() }, region)
	return s
}

// swapOut writes pages that are being evicted to slots, neighbours in swap
// together, whatever they are in memory. Those that could not be have err set;
// the first error is returned.
func (p *Pager) swapOut(victims []victim) error {
	if len(victims) == 0 {
		return nil
	}
	written, all := false, victims
	defer func() {
		for i := range all {
			if v := &all[i]; !written && v.next != 0 {
				p.swap.release(v.next.slot())
			}
		}
	}()
	first := p.swapOutRuns(victims)
	written = true
	return first
}

func (p *Pager) swapOutRuns(victims []victim) (first error) {
	s := p.borrow()
	defer p.scratch.Put(s)
	for len(victims) > 0 {
		at, n := p.swap.take(min(len(victims), maxRun))
		if n == 0 {
			for i := range victims {
				victims[i].err = ErrSwapFull
			}
			if first == nil {
				first = ErrSwapFull
			}
			return first
		}
		if err := p.swapOutRun(s.bytes(), victims[:n], at); err != nil && first == nil {
			first = err
		}
		victims = victims[n:]
	}
	return first
}

func (p *Pager) swapOutRun(buffer []byte, victims []victim, at slot) error {
	begun := p.now()
	buffer = buffer[:len(victims)<<p.shift]
	for i := range victims {
		v := &victims[i]
		page := buffer[i<<p.shift : (i+1)<<p.shift]
		copy(page, v.m.data[v.page<<p.shift:])
		v.next = inSwap(at+slot(i), sumOf(v.m.pageID(v.page), page))
	}
	if err := p.swap.store.write(buffer, p.swap.origin+int64(at)<<p.shift); err != nil {
		p.stats.writeErrors.Add(1)
		for i := range victims {
			v := &victims[i]
			v.err = v.m.fail("swap out", int64(v.page<<p.shift), int64(p.pageBytes), err)
			v.next = 0
			p.swap.release(at + slot(i))
		}
		return victims[0].err
	}
	p.stats.swappedOut.Add(uint64(len(victims)))
	p.stats.swapOutTime.add(p.now() - begun)
	for i := range victims {
		p.tell(event.SwapOut, victims[i].m, begun, victims[i].page, 1, true)
	}
	return nil
}

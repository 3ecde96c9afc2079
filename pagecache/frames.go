package pagecache

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"sync/atomic"

	"github.com/filemap-go/filemap/internal/sys"
)

// Frames is what the frames of memory tell that hold a file's pages. Only root
// may see them (/proc/kpageflags, the numbers in /proc/self/pagemap).
type Frames struct {
	Folios           []FolioSize `json:"folios"`            // smallest first
	ActivePages      int64       `json:"active_pages"`      // on the kernel's active list: the last to go
	UnevictablePages int64       `json:"unevictable_pages"` // locked in memory
	MappedPages      int64       `json:"mapped_pages"`      // in a page table, whoever's
	charged          map[uint64]int64
}

// FolioSize counts the folios of one size. One changed byte makes the kernel write
// a whole folio.
type FolioSize struct {
	FolioBytes int64 `json:"folio_bytes"`
	Folios     int64 `json:"folios"`
	Pages      int64 `json:"pages"`
}

// Bits of /proc/kpageflags (the kernel's admin-guide/mm/pagemap.rst).
const (
	flagActive      = 1 << 6
	flagTail        = 1 << 16
	flagUnevictable = 1 << 18
)

// framesAtOnce is how many pages are mapped at once to look at their frames: a
// multiple of the largest folio, so that none is cut.
const framesAtOnce = 16 << 10

// errNeedsRoot is made anew, since what it says is for who asks.
func errNeedsRoot() error { return errors.New(needsRoot("CAP_SYS_ADMIN")) }

// lookAtFrames maps the cached pages, part by part, to learn which frames they
// are in. The kernel must not take the look for a use, which would keep the pages
// in memory longer: so the mapping is advised as random, whose pages are not marked
// as used when it goes, and touched by loads, since MADV_POPULATE_READ marks each.
// eachFolio, unless nil, is told of each folio, in the order of the file.
func (h *handle) lookAtFrames(ctx context.Context, proc string, cached []span, eachFolio func(span)) (*Frames, error) {
	t := &tables{eachFolio: eachFolio, found: &Frames{Folios: []FolioSize{}, charged: map[uint64]int64{}}, sizes: map[int64]*FolioSize{}}
	defer t.close()
	if err := t.open(proc); err != nil {
		return nil, err
	}
	for len(cached) > 0 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		begin := cached[0].begin / framesAtOnce * framesAtOnce
		window := span{begin, min(begin+framesAtOnce, pages(h.size))}
		n := slices.IndexFunc(cached, func(s span) bool { return s.begin >= window.end })
		if n < 0 {
			n = len(cached)
		}
		if err := h.lookAtWindow(ctx, t, window, cached[:n]); err != nil {
			return nil, err
		}
		if last := cached[n-1]; last.end > window.end {
			cached[n-1].begin, n = window.end, n-1
		}
		cached = cached[n:]
	}
	for _, s := range t.sizes {
		t.found.Folios = append(t.found.Folios, *s)
	}
	slices.SortFunc(t.found.Folios, func(a, b FolioSize) int { return cmp.Compare(a.FolioBytes, b.FolioBytes) })
	return t.found, nil
}

// tables are the kernel's, and what was found in them.
type tables struct {
	pagemap, flags, count, cgroup *os.File // cgroup is nil where the kernel has none
	found                         *Frames
	sizes                         map[int64]*FolioSize
	eachFolio                     func(span)
	page                          int64                               // of the file, whose entry comes next
	folio                         struct{ frame, begin, pages int64 } // the folio that is being counted, and where it is in the file
}

func (t *tables) open(proc string) (err error) {
	if os.Geteuid() != 0 {
		return errNeedsRoot()
	}
	if t.pagemap, err = os.Open("/proc/self/pagemap"); err != nil {
		return err
	}
	if t.flags, err = os.Open(filepath.Join(proc, "kpageflags")); err != nil {
		if errors.Is(err, fs.ErrPermission) {
			return errNeedsRoot()
		}
		return fmt.Errorf("needs a kernel with CONFIG_PROC_PAGE_MONITOR: %w", err)
	}
	t.cgroup, _ = os.Open(filepath.Join(proc, "kpagecgroup"))
	t.count, err = os.Open(filepath.Join(proc, "kpagecount"))
	return err
}

func (t *tables) close() {
	for _, f := range []*os.File{t.pagemap, t.flags, t.count, t.cgroup} {
		if f != nil {
			_ = f.Close()
		}
	}
}

func (h *handle) lookAtWindow(ctx context.Context, t *tables, window span, cached []span) (err error) {
	region, err := sys.MapFile(h.File, window.offset(), int(window.bytes()), sys.ProtRead, sys.Shared)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, region.Release()) }()
	if err := region.Advise(sys.Random, 0, region.Len()); err != nil {
		return err
	}
	for _, c := range cached {
		s := span{max(c.begin, window.begin), min(c.end, window.end)}
		at := span{s.begin - window.begin, s.end - window.begin}
		// They are in memory, so this reads nothing. One that was cut off meanwhile
		// is not counted.
		touch(region.Bytes()[at.offset() : at.offset()+at.bytes()])
		t.page = s.begin
		err := pagemap(ctx, t.pagemap, uint64(region.Addr())+uint64(at.offset()), s.pages(), func(_ int64, entries []byte) error {
			return t.addEntries(entries)
		})
		if err != nil {
			return err
		}
	}
	t.endFolio()
	return nil
}

// touch loads a byte of each page, up to the first that cannot be had.
func touch(memory []byte) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if fault := recover(); fault != nil {
			if _, is := fault.(interface{ Addr() uintptr }); !is {
				panic(fault)
			}
		}
	}()
	var sum byte
	for at := 0; at < len(memory); at += sys.PageSize {
		sum += memory[at]
	}
	touched.Store(uint32(sum))
}

// touched keeps the compiler from leaving the loads out.
var touched atomic.Uint32

// addEntries looks up the frames of entries, runs of neighbours in one call.
func (t *tables) addEntries(entries []byte) error {
	for i := 0; i < len(entries); {
		e := uint64At(entries, i)
		frame := int64(e & entryFrame)
		if e&entryPresent == 0 {
			t.page++
			i += 8
			continue
		}
		if frame == 0 { // hidden from who has not CAP_SYS_ADMIN
			return errNeedsRoot()
		}
		n := 1
		for next := i + 8*n; next < len(entries); next = i + 8*n {
			if e := uint64At(entries, next); e&entryPresent == 0 || int64(e&entryFrame) != frame+int64(n) {
				break
			}
			n++
		}
		if err := t.addFrames(frame, n); err != nil {
			return err
		}
		i += 8 * n
	}
	return nil
}

// addFrames counts n frames that lie side by side.
func (t *tables) addFrames(frame int64, n int) error {
	flags := make([]byte, 8*n)
	if _, err := t.flags.ReadAt(flags, 8*frame); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for i := range n {
		t.addFlags(frame+int64(i), uint64At(flags, 8*i))
		t.page++
	}
	if _, err := t.count.ReadAt(flags, 8*frame); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for i := range n {
		if uint64At(flags, 8*i) > 1 { // one is this look's own
			t.found.MappedPages++
		}
	}
	if t.cgroup == nil {
		return nil
	}
	if _, err := t.cgroup.ReadAt(flags, 8*frame); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	for i := range n {
		if inode := uint64At(flags, 8*i); inode != 0 {
			t.found.charged[inode]++
		}
	}
	return nil
}

func (t *tables) addFlags(frame int64, flags uint64) {
	if flags&flagActive != 0 {
		t.found.ActivePages++
	}
	if flags&flagUnevictable != 0 {
		t.found.UnevictablePages++
	}
	if flags&flagTail != 0 && t.folio.pages > 0 && t.folio.frame+t.folio.pages == frame {
		t.folio.pages++
		return
	}
	t.endFolio()
	t.folio.frame, t.folio.begin, t.folio.pages = frame, t.page, 1
}

// endFolio counts the folio that came last.
func (t *tables) endFolio() {
	n := t.folio.pages
	t.folio.pages = 0
	if n == 0 {
		return
	}
	if t.eachFolio != nil {
		t.eachFolio(span{t.folio.begin, t.folio.begin + n})
	}
	// Folios are powers of two; the end of one can lie beyond the end of the file.
	size := int64(sys.PageSize) << bits.Len64(uint64(n-1))
	if t.sizes[size] == nil {
		t.sizes[size] = &FolioSize{FolioBytes: size}
	}
	t.sizes[size].Folios++
	t.sizes[size].Pages += n
}

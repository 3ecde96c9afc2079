package pagecache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/filemap-go/filemap/internal/names"
	"github.com/filemap-go/filemap/internal/sys"
)

// Result is what [Warm] or [Evict] was asked for, and what it measured afterwards.
type Result struct {
	names.FileName
	SizeBytes int64 `json:"size_bytes"`
	PageBytes int64 `json:"page_bytes"`

	AskedPages  int64  `json:"asked_pages"`         // of the range
	BeforePages *int64 `json:"cached_pages_before"` // of the range, null if the kernel does not tell this user
	AfterPages  *int64 `json:"cached_pages"`        // of the range

	ReadBytes    int64             `json:"read_bytes"`    // by Warm, of what was missing
	Rounds       int               `json:"rounds"`        // of Warm: how often it read what was missing then; 0 where nothing was
	HolePages    int64             `json:"hole_pages"`    // not in memory, and left out by Warm: no block of a device holds them
	WrittenPages *int64            `json:"written_pages"` // by Evict: dirty before, clean after
	Stayed       []Stay            `json:"stayed"`        // of Evict
	ShrunkBytes  int64             `json:"shrunk_bytes"`  // by how much the file became shorter meanwhile
	DurationNs   int64             `json:"duration_ns"`
	Unknown      map[string]string `json:"unknown"` // why a field is null
}

// Stay is why pages are still in memory.
type Stay struct {
	Pages  int64  `json:"pages"`
	Reason string `json:"reason"`
}

// WarmOptions say what [Warm] loads, and how.
type WarmOptions struct {
	// Ranges are what to load, in this order; none is all of the file.
	Ranges []Extent

	// BytesPerSecond limits how fast is read; 0 does not.
	BytesPerSecond int64

	// Progress is called between parts, with the bytes of missing pages that were
	// read so far and those of all, which grow with each round.
	Progress func(done, total int64)
}

// warmBytes is how much is read between looks at the context.
const warmBytes = 1 << 20

// Warm loads what is missing of a file into memory, and measures. It reads all of
// it (pread(2)), where advice such as WILLNEED is cut off at one readahead; what
// is in memory already is not read again. The pages of holes are left out: there
// is no device to save from.
//
// The kernel may take pages back while others are read. So Warm looks again, and
// reads what is missing then, in a few more rounds.
//
// Of a whole file the kernel reads ahead, in larger and larger folios, which later
// cost a mapping fewer faults. Of Ranges it reads exactly these, in single pages.
//
// Where the kernel does not tell this user what is in memory everything is read,
// and the result has no counts. A file that becomes shorter meanwhile is no error:
// ShrunkBytes tells. Memory that is too small for it shows in AfterPages.
func Warm(ctx context.Context, path string, o WarmOptions) (*Result, error) {
	h, err := openFile("warm", path)
	if err != nil {
		return nil, err
	}
	defer h.Close()
	w := &warming{handle: h, options: o, began: time.Now()}
	r, err := w.run(ctx)
	if err != nil {
		return r, h.fail("warm", 0, 0, err)
	}
	return r, nil
}

// warming is one call of Warm.
type warming struct {
	*handle
	options     WarmOptions
	began       time.Time
	done, total int64
	buffer      []byte
}

func (w *warming) run(ctx context.Context) (*Result, error) {
	asked, err := spansOf(w.options.Ranges, w.size)
	if err != nil {
		return nil, err
	}
	r := newResult(w.handle, asked)
	if r.BeforePages, err = w.cachedIn(asked); err != nil {
		return nil, err
	}
	// Reading ahead would load what lies behind a range.
	if len(w.options.Ranges) > 0 {
		err = w.ReadExactly()
	} else {
		err = w.ReadFarAhead()
	}
	if err != nil && !errors.Is(err, errors.ErrUnsupported) {
		return nil, err
	}
	if err = w.load(ctx, asked, r); errors.Is(err, ErrShrunk) {
		err = nil
	}
	r.ReadBytes = w.done
	return r, errors.Join(err, w.finish(r, asked, w.began))
}

// roundsMost bounds how often what is missing is read.
const roundsMost = 4

// load reads what is missing, and looks again: the kernel may have taken pages
// back meanwhile. It ends when all is there, when a round has brought nothing, and
// when much of the first round is gone again: then memory is too small, and to read
// more would only push out what was read.
func (w *warming) load(ctx context.Context, asked []span, r *Result) error {
	first, last := int64(0), int64(math.MaxInt64)
	for ; r.Rounds < roundsMost; r.Rounds++ {
		missing, holes, err := w.missingOf(ctx, asked)
		if err != nil {
			return err
		}
		todo := int64(0)
		for _, s := range missing {
			todo += s.clip(w.size).Length
		}
		if r.Rounds == 0 {
			first, r.HolePages = todo, holes
			w.buffer = make([]byte, min(todo, warmBytes)) // most files of a tree are small, or in memory
		}
		again := w.method != nobody && todo < last && todo <= max(first/8, warmBytes)
		if todo == 0 || r.Rounds > 0 && !again {
			return nil
		}
		last, w.total = todo, w.done+todo
		for _, s := range missing {
			if err := w.read(ctx, s); err != nil {
				r.Rounds++
				return err
			}
		}
	}
	return nil
}

// missingOf is missing of all spans.
func (w *warming) missingOf(ctx context.Context, asked []span) (missing []span, holes int64, err error) {
	for _, s := range asked {
		gaps, n, err := w.missing(ctx, s)
		if err != nil {
			return nil, 0, err
		}
		holes += n
		missing = append(missing, gaps...)
	}
	return missing, holes, nil
}

// missing returns what is not in memory of s and has blocks on the device, and
// counts the pages of holes that are not in memory either.
func (w *warming) missing(ctx context.Context, s span) (gaps []span, holes int64, err error) {
	cached, err := w.cachedSpans(ctx, s)
	if err != nil {
		return nil, 0, err
	}
	absent := int64(0)
	for _, g := range gapsOf(s, cached) {
		absent += g.pages()
		for at := g.offset(); ; {
			begin, end, err := w.NextData(at, min(g.offset()+g.bytes(), w.size))
			if err != nil {
				return nil, 0, err
			}
			if begin >= end {
				break
			}
			gaps = appendSpan(gaps, span{begin / int64(sys.PageSize), pages(end)})
			at = end
		}
	}
	read := int64(0)
	for _, g := range gaps {
		read += g.pages()
	}
	return gaps, absent - read, ctx.Err()
}

// appendSpan joins what overlaps: two extents of a file can share a page.
func appendSpan(all []span, next span) []span {
	if last := len(all) - 1; last >= 0 && next.begin >= all[last].begin && next.begin <= all[last].end {
		all[last].end = max(all[last].end, next.end)
		return all
	}
	return append(all, next)
}

// gapsOf returns what of s is in none of the spans, which are in order.
func gapsOf(s span, cached []span) (gaps []span) {
	for _, c := range cached {
		if c.begin > s.begin {
			gaps = append(gaps, span{s.begin, c.begin})
		}
		s.begin = c.end
	}
	if s.pages() > 0 {
		gaps = append(gaps, s)
	}
	return gaps
}

// read loads s, part by part. While one part is read the device is asked for the
// next, as far as the kernel takes the hint.
func (w *warming) read(ctx context.Context, s span) error {
	exact := len(w.options.Ranges) > 0
	all := s.clip(w.size)
	for at, end := all.Offset, all.Offset+all.Length; at < end; {
		n := min(end-at, int64(len(w.buffer)))
		if err := w.pace(ctx, n); err != nil {
			return err
		}
		if exact && at+n < end {
			_ = w.StartReading(at+n, min(end-at-n, int64(len(w.buffer))))
		}
		got, err := w.ReadAt(w.buffer[:n], at)
		w.done += int64(got)
		at += int64(got)
		if w.options.Progress != nil {
			w.options.Progress(w.done, w.total)
		}
		if errors.Is(err, io.EOF) {
			return ErrShrunk
		}
		if err != nil {
			return fmt.Errorf("at byte %d: %w", at, err)
		}
	}
	return nil
}

// pace waits until n more bytes are within the limit.
func (w *warming) pace(ctx context.Context, n int64) error {
	if w.options.BytesPerSecond <= 0 {
		return ctx.Err()
	}
	due := time.Duration(float64(w.done+n) / float64(w.options.BytesPerSecond) * float64(time.Second))
	timer := time.NewTimer(time.Until(w.began.Add(due)))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// spansOf turns ranges into pages; none are all.
func spansOf(ranges []Extent, size int64) ([]span, error) {
	if len(ranges) == 0 {
		return []span{{0, pages(size)}}, nil
	}
	var all []span
	for _, e := range ranges {
		if e == (Extent{}) {
			continue // nothing, where ranges are given
		}
		s, err := spanOf(e, size)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

func newResult(h *handle, asked []span) *Result {
	r := &Result{FileName: names.FileOf(h.path), SizeBytes: h.size, PageBytes: int64(sys.PageSize), Stayed: []Stay{}, Unknown: map[string]string{}}
	_, r.AskedPages = union(append([]span{}, asked...))
	return r
}

// cachedIn counts the pages of the spans that are in memory, nil if the kernel
// does not tell.
func (h *handle) cachedIn(where []span) (*int64, error) {
	if h.method == nobody {
		return nil, nil
	}
	total := int64(0)
	joined, _ := union(append([]span{}, where...))
	for _, s := range joined {
		n, err := h.cachedCount(s)
		if err != nil {
			return nil, err
		}
		total += n
	}
	return &total, nil
}

func (h *handle) cachedCount(s span) (int64, error) {
	if s.pages() == 0 {
		return 0, nil
	}
	if h.method == cachestat {
		stat, err := h.stat(s)
		return int64(stat.Cached), err
	}
	count := int64(0)
	err := h.look(context.Background(), s, func(r run) error {
		count += r.pages()
		return nil
	})
	return count, err
}

// finish measures again.
func (h *handle) finish(r *Result, asked []span, began time.Time) error {
	st, err := h.Stat()
	if err != nil {
		return err
	}
	r.ShrunkBytes = max(h.size-st.Size, 0)
	r.AfterPages, err = h.cachedIn(asked)
	if h.method == nobody {
		r.Unknown["cached_pages_before"], r.Unknown["cached_pages"] = h.unknown(), h.unknown()
	}
	r.DurationNs = int64(time.Since(began))
	return err
}

package pagecache

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"time"
	"unicode/utf8"

	"github.com/filemap-go/filemap/internal/sys"
)

// A record of warm pages is lines of JSON, so that one of many files need not fit
// into memory:
//
//	{"schema":"filemap/warmset/v1","saved_at":"2026-01-31T12:00:00Z","page_bytes":4096}
//	{"path":"/data/a.db","size_bytes":1048576,"changed_ns":1769860800000000000,"pages":[0,16,64,3]}
//	{"files":1,"pages":19}
//
// The first line says what it is. Each file has a line: its absolute path (with
// path_base64 instead where that is no UTF-8), its size and when it was last
// changed, and pairs of numbers: the first page of a run, and how many. A file
// without warm pages has none. The last line counts, so that a record that was cut
// off is told from a whole one. Readers ignore fields that they do not know; what
// would break them gets another version.
const warmSetSchema = "filemap/warmset/v1"

type warmSetHead struct {
	Schema    string    `json:"schema"`
	SavedAt   time.Time `json:"saved_at"`
	PageBytes int64     `json:"page_bytes"`
}

type warmSetFile struct {
	Path      string  `json:"path,omitempty"`
	PathBytes []byte  `json:"path_base64,omitempty"`
	SizeBytes int64   `json:"size_bytes"`
	ChangedNs int64   `json:"changed_ns"`
	Pages     []int64 `json:"pages"`
}

// WarmSetTotal is the last line of a record, and what [WarmSetWriter.Close] returns.
type WarmSetTotal struct {
	Files int64 `json:"files"`
	Pages int64 `json:"pages"`
}

// WarmSetWriter writes a record of which pages of files are in memory.
type WarmSetWriter struct {
	w     *bufio.Writer
	total WarmSetTotal
}

// NewWarmSetWriter begins a record.
func NewWarmSetWriter(w io.Writer) (*WarmSetWriter, error) {
	s := &WarmSetWriter{w: bufio.NewWriterSize(w, 64<<10)}
	return s, s.line(warmSetHead{warmSetSchema, time.Now().UTC().Truncate(time.Second), int64(sys.PageSize)})
}

func (s *WarmSetWriter) line(v any) error {
	e := json.NewEncoder(s.w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// Add records the file at path. It fails with [ErrUnknown] where the kernel does
// not tell this user which of its pages are in memory; the record stays whole.
func (s *WarmSetWriter) Add(ctx context.Context, path string) (warmPages int64, err error) {
	h, err := openFile("save", path)
	if err != nil {
		return 0, err
	}
	defer h.Close()
	if h.method == nobody {
		return 0, h.fail("save", 0, 0, &reworded{h.unknown(), ErrUnknown})
	}
	absolute, err := filepath.Abs(path)
	if err != nil {
		return 0, h.fail("save", 0, 0, err)
	}
	f := warmSetFile{Path: absolute, SizeBytes: h.size, Pages: []int64{}}
	if !utf8.ValidString(absolute) {
		f.Path, f.PathBytes = "", []byte(absolute)
	}
	f.ChangedNs, _ = h.Changed()
	cached, err := h.cachedSpans(ctx, span{0, pages(h.size)})
	if err != nil {
		return 0, h.fail("save", 0, 0, err)
	}
	for _, c := range cached {
		f.Pages = append(f.Pages, c.begin, c.pages())
		warmPages += c.pages()
	}
	s.total.Files++
	s.total.Pages += warmPages
	if err := s.line(f); err != nil {
		return 0, h.fail("save", 0, 0, err)
	}
	return warmPages, nil
}

// Close writes the last line. It does not close the writer below.
func (s *WarmSetWriter) Close() (WarmSetTotal, error) {
	return s.total, errors.Join(s.line(s.total), s.w.Flush())
}

// Restored is what [Restore] did with one file of a record.
type Restored struct {
	Path       string
	SavedPages int64   // that were in memory when it was saved
	LostPages  int64   // of these, beyond the end of the file now
	Changed    bool    // the file was changed since; the pages are loaded all the same
	Result     *Result // nil if it could not be done
	Err        error
}

// RestoreOptions say how [Restore] loads.
type RestoreOptions struct {
	BytesPerSecond int64                   // as in [WarmOptions]; of each file
	Progress       func(done, total int64) // of one file, in bytes
}

// Restore loads the pages that a record names, file by file, in its order, and
// calls each with the outcome. A file that is missing, or may not be read, is an
// outcome with an error. A record that is none, that was cut off or made by another
// version is [ErrFormat]; what it had named until there is loaded.
func Restore(ctx context.Context, record io.Reader, o RestoreOptions, each func(Restored) error) (WarmSetTotal, error) {
	lines := bufio.NewReaderSize(record, 64<<10)
	var total WarmSetTotal
	head, err := readHead(lines)
	if err != nil {
		return total, &Error{Op: "restore", Path: "the record", Err: err}
	}
	for {
		line, err := readLine(lines)
		if err != nil {
			return total, &Error{Op: "restore", Path: "the record", Err: err}
		}
		f, last, err := parseWarmSetLine(line)
		if err == nil && last != nil && *last != total {
			err = fmt.Errorf("%w: it counts %d files with %d pages, and has %d with %d", ErrFormat, last.Files, last.Pages, total.Files, total.Pages)
		}
		if err != nil {
			return total, &Error{Op: "restore", Path: "the record", Err: err}
		}
		if last != nil {
			return total, nil
		}
		outcome := restoreFile(ctx, f, head.PageBytes, o)
		if ctx.Err() != nil {
			return total, &Error{Op: "restore", Path: f.Path, Err: ctx.Err()}
		}
		total.Files++
		total.Pages += outcome.SavedPages
		if err := each(outcome); err != nil {
			return total, err
		}
	}
}

// IsRecord tells whether r begins as a record does that [WarmSetWriter] writes: nil, or
// an error that matches [ErrFormat]. It need not be whole.
func IsRecord(r io.Reader) error {
	_, err := readHead(bufio.NewReader(io.LimitReader(r, 64<<10)))
	return err
}

// lineBytesMost is how long a line may be: a file with 30 million runs.
const lineBytesMost = 1 << 30

func readLine(r *bufio.Reader) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		line = append(line, part...)
		switch {
		case err == nil:
			return line, nil
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("%w: it ends in the middle", ErrFormat)
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		case len(line) > lineBytesMost:
			return nil, fmt.Errorf("%w: a line is longer than 1 GiB", ErrFormat)
		}
	}
}

func readHead(r *bufio.Reader) (head warmSetHead, err error) {
	line, err := readLine(r)
	if err != nil {
		return head, err
	}
	if err := json.Unmarshal(line, &head); err != nil || head.Schema != warmSetSchema {
		return head, fmt.Errorf("%w: it begins with %.60q", ErrFormat, line)
	}
	if head.PageBytes < 512 || head.PageBytes > 1<<24 || head.PageBytes&(head.PageBytes-1) != 0 {
		return head, fmt.Errorf("%w: pages of %d bytes", ErrFormat, head.PageBytes)
	}
	return head, nil
}

// parseWarmSetLine returns a file, or the last line.
func parseWarmSetLine(line []byte) (f warmSetFile, last *WarmSetTotal, err error) {
	var end struct {
		Files *int64 `json:"files"`
		Pages int64  `json:"pages"`
	}
	if bytes.HasPrefix(line, []byte(`{"files":`)) {
		if err := json.Unmarshal(line, &end); err != nil || end.Files == nil {
			return f, nil, fmt.Errorf("%w: the last line is %.60q", ErrFormat, line)
		}
		return f, &WarmSetTotal{*end.Files, end.Pages}, nil
	}
	if err := json.Unmarshal(line, &f); err != nil {
		return f, nil, fmt.Errorf("%w: a line is %.60q: %w", ErrFormat, line, err)
	}
	if f.Path == "" {
		f.Path = string(f.PathBytes)
	}
	if f.Path == "" || len(f.Pages)%2 != 0 {
		return f, nil, fmt.Errorf("%w: a line is %.60q", ErrFormat, line)
	}
	end64 := int64(0)
	for i := 0; i < len(f.Pages); i += 2 {
		begin, n := f.Pages[i], f.Pages[i+1]
		// In order, apart, and no number that overflows when it is bytes.
		if begin < end64 || n <= 0 || n > 1<<38 || begin > 1<<38-n {
			return f, nil, fmt.Errorf("%w: %s has the pages %d, %d", ErrFormat, f.Path, begin, n)
		}
		end64 = begin + n
	}
	return f, nil, nil
}

// restoreFile loads what is still there of the pages.
func restoreFile(ctx context.Context, f warmSetFile, pageBytes int64, o RestoreOptions) Restored {
	outcome := Restored{Path: f.Path}
	for i := 0; i < len(f.Pages); i += 2 {
		outcome.SavedPages += f.Pages[i+1]
	}
	h, err := openFile("restore", f.Path)
	if err != nil {
		outcome.Err = err
		return outcome
	}
	changed, _ := h.Changed()
	size := h.size
	if outcome.Err = h.Close(); outcome.Err != nil {
		return outcome
	}
	outcome.Changed = size != f.SizeBytes || changed != f.ChangedNs
	ranges := []Extent{}
	for i := 0; i < len(f.Pages); i += 2 {
		begin, end := f.Pages[i]*pageBytes, (f.Pages[i]+f.Pages[i+1])*pageBytes
		if end > size {
			outcome.LostPages += min(f.Pages[i+1], (end-size)/pageBytes)
			end = size
		}
		if begin < end {
			ranges = append(ranges, Extent{begin, end - begin})
		}
	}
	if len(ranges) == 0 {
		ranges = []Extent{{}} // nothing, and not everything
	}
	outcome.Result, outcome.Err = Warm(ctx, f.Path, WarmOptions{Ranges: ranges, BytesPerSecond: o.BytesPerSecond, Progress: o.Progress})
	if errors.Is(outcome.Err, fs.ErrNotExist) { // it went between the two
		outcome.Result = nil
	}
	return outcome
}

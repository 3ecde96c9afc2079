package filemap_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/filemap-go/filemap"
)

// truncated returns a mapping of 10 pages of a file that now ends 100 bytes into
// its fifth.
func truncated(t *testing.T, options ...filemap.Option) (*filemap.Map, []byte) {
	t.Helper()
	page := filemap.PageBytes()
	content := pattern(10 * page)
	path := writeFile(t, content)
	m := open(t, path, options...)
	if m.Backing() == filemap.Copied {
		t.Skip("memory is not mapped on this system: a copy does not shrink")
	}
	if err := os.Truncate(path, int64(4*page+100)); err != nil {
		if runtime.GOOS == "windows" {
			t.Skip("a mapped file cannot be truncated on windows")
		}
		t.Fatal(err)
	}
	return m, content
}

func TestTruncatedFile(t *testing.T) {
	for _, mode := range []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite, filemap.Private} {
		t.Run(mode.String(), func(t *testing.T) {
			page := filemap.PageBytes()
			for _, off := range []int{0, 1, 4*page + 99, 5*page - 1, 5 * page, 5*page + 1, 9 * page} {
				m, content := truncated(t, mode)
				p := make([]byte, 10*page-off)
				n, err := m.ReadAt(p, int64(off))
				want := max(5*page-off, 0)
				left := max(min(n, 4*page+100-off), 0)
				if n != want || !bytes.Equal(p[:left], content[off:off+left]) {
					t.Errorf("ReadAt(%d): %d bytes, want the %d before the lost page", off, n, want)
				}
				wantFault(t, err, filemap.ErrTruncated, int64(off+want))
			}
		})
	}
}

func wantFault(t *testing.T, err, target error, offset int64) {
	t.Helper()
	wantError(t, err, target)
	var fault *filemap.Error
	if errors.As(err, &fault) && fault.Offset != offset {
		t.Errorf("the fault is said to be at %d, want %d: %v", fault.Offset, offset, err)
	}
}

func TestTruncatedFileMethods(t *testing.T) {
	m, content := truncated(t, filemap.ReadWrite)
	lost := int64(5 * filemap.PageBytes())
	n, err := m.WriteAt(make([]byte, 100), lost-50)
	if n != 50 {
		t.Errorf("WriteAt stored %d bytes, want 50", n)
	}
	wantFault(t, err, filemap.ErrTruncated, lost)
	_, err = filemap.Load[int64](m, lost+8)
	wantFault(t, err, filemap.ErrTruncated, lost+8)
	wantFault(t, filemap.Store(m, lost, byte(1)), filemap.ErrTruncated, lost)
	_, _, err = m.Record(lost)
	wantError(t, err, filemap.ErrTruncated)
	wantError(t, m.Populate(t.Context(), 0, filemap.ToEnd, nil), filemap.ErrTruncated)
	wantError(t, m.Lock(lost, 1), filemap.ErrTruncated)

	var b bytes.Buffer
	written, err := io.Copy(&b, m.Cursor())
	if written != lost || !bytes.Equal(b.Bytes()[:1000], content[:1000]) {
		t.Errorf("io.Copy moved %d bytes, want %d", written, lost)
	}
	wantError(t, err, filemap.ErrTruncated)
	f, err := os.Create(filepath.Join(t.TempDir(), "copy"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	written, err = io.Copy(f, m.Cursor())
	if written != lost {
		t.Errorf("io.Copy to a file moved %d bytes, want %d", written, lost)
	}
	wantError(t, err, filemap.ErrTruncated)
	if _, err := m.ReadAt(make([]byte, 100), 0); err != nil {
		t.Errorf("the rest of the mapping: %v", err)
	}
}

// TestGuardCatches uses the raw slice in every way that the runtime turns into a
// fault of its own kind.
func TestGuardCatches(t *testing.T) {
	m, _ := truncated(t, filemap.ReadWrite)
	lost := 6 * filemap.PageBytes()
	bad := m.Bytes()[lost:]
	word := (*uint64)(unsafe.Pointer(&m.Bytes()[lost]))
	var sink int
	for name, f := range map[string]func(){
		"load":      func() { sink += int(bad[0]) },
		"store":     func() { bad[0] = 1 },
		"copy from": func() { sink += copy(make([]byte, 100), bad) },
		"copy to":   func() { copy(bad, make([]byte, 100)) },
		"compare":   func() { sum = byte(bytes.Compare(bad[:100], make([]byte, 100))) },
		"index":     func() { sink += bytes.IndexByte(bad, 7) },
		"string":    func() { text = string(bad[:100]) },
		"atomic":    func() { atomic.AddUint64(word, 1) },
		"clear":     func() { clear(bad) },
		"range loop": func() {
			for _, b := range bad {
				sink += int(b)
			}
		},
	} {
		err := m.Guard(func() error { f(); t.Errorf("%s: no fault", name); return nil })
		wantError(t, err, filemap.ErrTruncated)
		var fault *filemap.Error
		if errors.As(err, &fault) && (fault.Offset < int64(lost) || fault.Offset >= m.Len()) {
			t.Errorf("%s: fault at %d, which is not in what was touched", name, fault.Offset)
		}
	}
	wantFault(t, m.Guard(func() error { sink += int(bad[17]); return nil }), filemap.ErrTruncated, int64(lost)+offsetKnown(17))
}

// offsetKnown is off, or 0 where the processor reports only the page of a fault.
func offsetKnown(off int64) int64 {
	if runtime.GOARCH == "s390x" {
		return 0
	}
	return off
}

func TestGuardPassesOn(t *testing.T) {
	m := open(t, writeFile(t, pattern(100)))
	boom := errors.New("boom")
	if err := m.Guard(func() error { return boom }); err != boom {
		t.Errorf("the function's error became %v", err)
	}
	panics := func(f func()) (r any) {
		defer func() { r = recover() }()
		_ = m.Guard(func() error { f(); return nil })
		return nil
	}
	if r := panics(func() { panic("mine") }); r != "mine" {
		t.Errorf("a panic became %v", r)
	}
	var none *int
	if r, ok := panics(func() { *none = 1 }).(runtime.Error); !ok || !strings.Contains(r.Error(), "nil pointer") {
		t.Errorf("a nil pointer became %v", r)
	}
	var list []int
	if r, ok := panics(func() { list[len(m.Bytes())] = 1 }).(runtime.Error); !ok || !strings.Contains(r.Error(), "index") {
		t.Errorf("an index out of range became %v", r)
	}
}

// TestGuardsNest: the fault goes to the guard of the mapping it is in, and the
// state of the goroutine is what it was before.
func TestGuardsNest(t *testing.T) {
	outer, _ := truncated(t)
	inner, _ := truncated(t)
	lost := 7 * filemap.PageBytes()
	err := outer.Guard(func() error {
		wantError(t, inner.Guard(func() error { sum = inner.Bytes()[lost]; return errors.New("no fault") }), filemap.ErrTruncated)
		err := inner.Guard(func() error { sum = outer.Bytes()[lost]; return errors.New("no fault") })
		t.Errorf("the inner guard returned %v for the outer's fault", err)
		return nil
	})
	wantFault(t, err, filemap.ErrTruncated, int64(lost))
	err = outer.Guard(func() error {
		_ = inner.Guard(func() error { return nil })
		sum = outer.Bytes()[lost]
		return nil
	})
	wantError(t, err, filemap.ErrTruncated)
}

var (
	sum  byte
	text string
)

func TestStoreToReadOnlyUnderGuard(t *testing.T) {
	m := open(t, writeFile(t, pattern(100)))
	if m.Backing() == filemap.Copied {
		t.Skip("memory is not mapped on this system: it cannot be protected")
	}
	wantFault(t, m.Guard(func() error { m.Bytes()[7] = 1; return nil }), filemap.ErrReadOnly, offsetKnown(7))
}

func TestProtect(t *testing.T) {
	page := int64(filemap.PageBytes())
	m := create(t, 4*page+10)
	skipUnsupported(t, m.Protect(filemap.ReadOnly, page, page))
	if _, err := m.WriteAt([]byte{1}, page-1); err != nil {
		t.Error(err)
	}
	n, err := m.WriteAt(make([]byte, 100), page-50)
	if n != 50 {
		t.Errorf("%d bytes stored before the protected page, want 50", n)
	}
	wantFault(t, err, filemap.ErrReadOnly, page)
	if _, err := m.ReadAt(make([]byte, 100), page); err != nil {
		t.Error(err)
	}
	if err := m.Protect(filemap.ReadWrite, page, page); err != nil {
		t.Fatal(err)
	}
	if _, err := m.WriteAt([]byte{1}, page); err != nil {
		t.Error(err)
	}
	if err := m.Protect(filemap.ReadOnly, 4*page, filemap.ToEnd); err != nil {
		t.Errorf("to the mapping's end: %v", err)
	}
	wantError(t, m.Protect(filemap.ReadOnly, 1, page), filemap.ErrAlignment)
	wantError(t, m.Protect(filemap.ReadOnly, 0, page+1), filemap.ErrAlignment)
	ro := open(t, writeFile(t, pattern(100)))
	wantError(t, ro.Protect(filemap.ReadWrite, 0, filemap.ToEnd), filemap.ErrReadOnly)
	private := open(t, writeFile(t, pattern(100)), filemap.Private)
	if err := errors.Join(private.Protect(filemap.ReadOnly, 0, filemap.ToEnd), private.Protect(filemap.ReadWrite, 0, filemap.ToEnd)); err != nil {
		t.Error(err)
	}
	if _, err := private.WriteAt([]byte{1}, 0); err != nil {
		t.Error(err)
	}
}

func BenchmarkGuard(b *testing.B) {
	m := open(b, writeFile(b, pattern(100)))
	for b.Loop() {
		_ = m.Guard(func() error { return nil })
	}
}

func BenchmarkLoad(b *testing.B) {
	m := open(b, writeFile(b, pattern(100)))
	for b.Loop() {
		v, _ := filemap.Load[uint64](m, 8)
		sum += byte(v)
	}
}

func BenchmarkReadAt4K(b *testing.B) {
	m := open(b, writeFile(b, pattern(1<<20)))
	p := make([]byte, 4096)
	for b.Loop() {
		_, _ = m.ReadAt(p, 8192)
	}
}

package filemap_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/filemap-go/filemap"
)

func TestViewAndUpdate(t *testing.T) {
	content := pattern(200_000)
	for _, flag := range []filemap.Flag{0, filemap.Unmapped, filemap.OrRead} {
		t.Run(flag.String(), func(t *testing.T) {
			path := writeFile(t, content)
			m := open(t, path, filemap.ReadWrite, flag, filemap.Range(100, 190_000))
			for _, r := range []struct{ off, n int64 }{{0, 0}, {0, 10}, {5000, 100_000}, {189_999, 1}, {7, filemap.ToEnd}} {
				want := content[100+r.off : 190_100]
				if r.n != filemap.ToEnd {
					want = want[:r.n]
				}
				for range 2 { // the second time its pages are known
					err := m.View(r.off, r.n, func(b []byte) error {
						if !bytes.Equal(b, want) || cap(b) != len(b) {
							t.Errorf("[%d,+%d): wrong bytes", r.off, r.n)
						}
						return nil
					})
					if err != nil {
						t.Error(err)
					}
				}
			}
			if err := m.Update(4000, 10, func(b []byte) error { copy(b, "0123456789"); return nil }); err != nil {
				t.Fatal(err)
			}
			if got, _ := os.ReadFile(path); string(got[4100:4110]) != "0123456789" || !bytes.Equal(got[4110:], content[4110:]) {
				t.Error("the update is not in the file, or more than it is")
			}
			boom := errors.New("boom")
			if err := m.View(0, 1, func([]byte) error { return boom }); err != boom {
				t.Errorf("the function's error became %v", err)
			}
			never := func([]byte) error { t.Error("called"); return nil }
			wantError(t, m.View(190_000, 1, never), filemap.ErrBounds)
			wantError(t, m.Update(-1, 1, never), filemap.ErrBounds)
			closeQuietly(t, m)
			wantError(t, m.View(0, 1, never), os.ErrClosed)
			wantError(t, m.Update(0, 1, never), os.ErrClosed)
			wantError(t, open(t, path, flag).Update(0, 1, never), filemap.ErrReadOnly)
		})
	}
}

func TestViewOfTruncatedFile(t *testing.T) {
	m, _ := truncated(t, filemap.ReadWrite)
	lost := int64(5 * filemap.PageBytes())
	err := m.View(0, filemap.ToEnd, func(b []byte) error { sum = b[lost]; return errors.New("no fault") })
	wantFault(t, err, filemap.ErrTruncated, lost)
	if err := m.View(0, lost, func(b []byte) error { sum = b[lost-1]; return nil }); err != nil {
		t.Errorf("before the lost pages: %v", err)
	}
}

// TestUnmapped holds a Map that reads against one that is mapped.
func TestUnmapped(t *testing.T) {
	content := pattern(50_000)
	path := writeFile(t, content)
	m := open(t, path, filemap.ReadWrite, filemap.Unmapped, filemap.Range(10, 40_000))
	if m.Backing() != filemap.Read || m.Bytes() != nil || m.Len() != 40_000 {
		t.Errorf("Backing %v, %d bytes, Len %d", m.Backing(), len(m.Bytes()), m.Len())
	}
	second := func(_ any, err error) error { return err }
	for name, err := range map[string]error{
		"Slice": second(m.Slice(0, 1)), "SliceOf": second(filemap.SliceOf[int32](m, 0, 1)), "PointerTo": second(filemap.PointerTo[byte](m, 0)),
		"Lock": m.Lock(0, 1), "Advise": m.Advise(filemap.Random, 0, 1), "Residency": second(m.Residency(t.Context(), 0, 1)),
		"Protect": m.Protect(filemap.ReadOnly, 0, filemap.ToEnd), "AdviseDestructive": m.AdviseDestructive(filemap.DontNeed, 0, filemap.ToEnd),
	} {
		if !errors.Is(err, filemap.ErrNotMapped) || !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v, want ErrNotMapped", name, err)
		}
	}
	if _, err := m.WriteAt([]byte("written"), 39_995); !errors.Is(err, filemap.ErrBounds) {
		t.Errorf("across the end: %v", err)
	}
	if err := filemap.Store(m, 3, uint32(7)); err != nil {
		t.Error(err)
	}
	if v, err := filemap.Load[uint32](m, 3); v != 7 || err != nil {
		t.Errorf("loaded %d, %v", v, err)
	}
	var b bytes.Buffer
	if n, err := m.Cursor().WriteTo(&b); n != 40_000 || err != nil {
		t.Errorf("the cursor read %d, %v", n, err)
	}
	if err := m.StartWriteback(0, filemap.ToEnd); err != nil && (runtime.GOOS == "linux" || !errors.Is(err, errors.ErrUnsupported)) {
		t.Error(err)
	}
	if err := errors.Join(m.Sync(), m.Populate(t.Context(), 0, filemap.ToEnd, nil)); err != nil {
		t.Error(err)
	}
	got, _ := os.ReadFile(path)
	if len(got) != 50_000 || string(got[40_005:40_010]) != "writt" || !bytes.Equal(got[40_010:], content[40_010:]) || !bytes.Equal(got[10:50_000-9990], b.Bytes()) {
		t.Error("the file is not what was written")
	}
	if err := os.Truncate(path, 20_000); err != nil {
		t.Fatal(err)
	}
	n, err := m.ReadAt(make([]byte, 40_000), 0)
	if n != 19_990 {
		t.Errorf("read %d bytes of a truncated file", n)
	}
	wantFault(t, err, filemap.ErrTruncated, 20_000)
	n, err = m.WriteAt(make([]byte, 100), 19_940)
	if n != 50 {
		t.Errorf("wrote %d bytes to a truncated file", n)
	}
	wantFault(t, err, filemap.ErrTruncated, 20_000)
	if st, _ := os.Stat(path); st.Size() != 20_000 {
		t.Errorf("a store made a truncated file longer: %d", st.Size())
	}
	_, err = filemap.Open(path, filemap.Private, filemap.Unmapped)
	wantError(t, err, filemap.ErrOption)
}

func TestOrReadFor32Bits(t *testing.T) {
	if math.MaxInt > math.MaxInt32 {
		t.Skip("addresses have 64 bits here")
	}
	path := filepath.Join(t.TempDir(), "large")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte("far"), 5<<30-3); err != nil {
		t.Skipf("needs a file system with large files: %v", err)
	}
	m := open(t, path, filemap.OrRead)
	p := make([]byte, 3)
	if _, err := m.ReadAt(p, m.Len()-3); err != nil || string(p) != "far" || m.Backing() != filemap.Read {
		t.Errorf("%q, %v, %v", p, err, m.Backing())
	}
}

func TestWhole(t *testing.T) {
	dir := t.TempDir()
	for _, size := range []int{0, 1, 10_000, filemap.OneShotBytes - 1, filemap.OneShotBytes, 3 << 20} {
		content := pattern(size)
		path := filepath.Join(dir, "file")
		if err := os.WriteFile(path, content, 0o644); err != nil {
			t.Fatal(err)
		}
		calls := 0
		err := filemap.Whole(path, func(b []byte) error {
			calls++
			if !bytes.Equal(b, content) {
				t.Errorf("%d bytes: not the file's", size)
			}
			return nil
		})
		if err != nil || calls != 1 {
			t.Errorf("%d bytes: %d calls, %v", size, calls, err)
		}
		boom := errors.New("boom")
		if err := filemap.Whole(path, func([]byte) error { return boom }); !errors.Is(err, boom) {
			t.Errorf("the function's error became %v", err)
		}
	}
	never := func([]byte) error { t.Error("called"); return nil }
	wantError(t, filemap.Whole(filepath.Join(dir, "missing"), never), os.ErrNotExist)
	wantError(t, filemap.Whole(dir, never), filemap.ErrNotRegular)
	if _, err := os.Stat("/proc/self/status"); err == nil {
		err := filemap.Whole("/proc/self/status", func(b []byte) error {
			if !strings.Contains(string(b), "VmRSS") {
				t.Errorf("read %q", b)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	}
}

func TestStillOpen(t *testing.T) {
	filemap.TrackOpen(true)
	defer filemap.TrackOpen(false)
	path := writeFile(t, pattern(100))
	kept := open(t, path)
	func() {
		m, err := filemap.Anonymous(10)
		if err != nil {
			t.Fatal(err)
		}
		_ = m // dropped without Close
	}()
	closeQuietly(t, open(t, path))
	for range 3 {
		runtime.GC()
	}
	found := map[string]filemap.Opened{}
	for _, o := range filemap.StillOpen() {
		found[o.Path] = o
	}
	if o := found[path]; len(found) != 2 || o.Dropped || o.Bytes != 100 || !strings.Contains(o.Stack, "TestStillOpen") {
		t.Errorf("%d found, the kept one as %+v", len(found), o)
	}
	if o := found["anonymous memory"]; !o.Dropped {
		t.Errorf("the dropped one as %+v", o)
	}
	runtime.KeepAlive(kept)
}

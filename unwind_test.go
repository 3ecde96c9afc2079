package filemap_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/filemap-go/filemap"
)

// ways in which what a method calls, or copies from or to, does not come back.
var waysOut = map[string]func(t *testing.T, foreign []byte) func([]byte) error{
	"panic": func(*testing.T, []byte) func([]byte) error { return func([]byte) error { panic("user") } },
	"goexit": func(*testing.T, []byte) func([]byte) error {
		return func([]byte) error { runtime.Goexit(); return nil }
	},
	"bounds": func(*testing.T, []byte) func([]byte) error {
		return func(b []byte) error { b[len(b):][0] = 1; return nil }
	},
	"foreign fault": func(_ *testing.T, foreign []byte) func([]byte) error {
		return func(b []byte) error { copy(foreign, b); return nil }
	},
}

// leftBy runs f on a goroutine of its own and tells whether it did not return.
func leftBy(f func()) bool {
	done := make(chan bool)
	go func() {
		returned := false
		defer func() {
			_ = recover()
			done <- !returned
		}()
		f()
		returned = true
	}()
	return <-done
}

type callbackIO func([]byte) error

func (c callbackIO) Write(p []byte) (int, error) { return len(p), c(p) }
func (c callbackIO) Read(p []byte) (int, error)  { return len(p), c(p) }

// callers are the methods that call the user, with what they call.
var callers = map[string]func(m *filemap.Map, f func([]byte) error) error{
	"View":   func(m *filemap.Map, f func([]byte) error) error { return m.View(0, 100, f) },
	"Update": func(m *filemap.Map, f func([]byte) error) error { return m.Update(0, 100, f) },
	"Update in Update": func(m *filemap.Map, f func([]byte) error) error {
		return m.Update(0, 100, func([]byte) error { return m.Update(8, 100, f) })
	},
	"Guard": func(m *filemap.Map, f func([]byte) error) error {
		return m.Guard(func() error { return f(make([]byte, 100)) })
	},
	"Populate": func(m *filemap.Map, f func([]byte) error) error {
		return m.Populate(context.Background(), 0, filemap.ToEnd, func(int64) { _ = f(make([]byte, 100)) })
	},
	"Cursor.WriteTo": func(m *filemap.Map, f func([]byte) error) error {
		_, err := m.Cursor().WriteTo(callbackIO(f))
		return err
	},
	"Cursor.ReadFrom": func(m *filemap.Map, f func([]byte) error) error {
		_, err := m.Cursor().ReadFrom(callbackIO(f))
		return err
	},
}

// copiers are the methods that copy from or to the user's memory.
var copiers = map[string]func(m *filemap.Map, p []byte) error{
	"ReadAt":       func(m *filemap.Map, p []byte) error { _, err := m.ReadAt(p, 0); return err },
	"Cursor.Read":  func(m *filemap.Map, p []byte) error { _, err := m.Cursor().Read(p); return err },
	"WriteAt":      func(m *filemap.Map, p []byte) error { _, err := m.WriteAt(p, 0); return err },
	"Cursor.Write": func(m *filemap.Map, p []byte) error { _, err := m.Cursor().Write(p); return err },
	"PutRecord":    func(m *filemap.Map, p []byte) error { _, err := m.PutRecord(0, p); return err },
	"Append":       func(m *filemap.Map, p []byte) error { _, err := m.Append(p); return err },
	"Appender":     func(m *filemap.Map, p []byte) error { _, err := m.Appender().Write(p); return err },
}

// unwound are the kinds of Map that a method may be left of.
var unwound = map[string][]filemap.Option{
	"shared":   {filemap.ReadWrite, filemap.Reserve(1 << 20)},
	"unmapped": {filemap.ReadWrite, filemap.Unmapped},
	"private":  {filemap.Private},
	"staged":   {filemap.ReadWrite, filemap.Staged},
	"atomic":   {filemap.ReadWrite, filemap.Atomic},
}

// wantUsable checks that nothing of a Map is held, and closes it.
func wantUsable(t *testing.T, m *filemap.Map) {
	t.Helper()
	if _, err := m.WriteAt([]byte("usable"), 10); err != nil {
		t.Error(err)
	}
	if err := m.Sync(); err != nil && !errors.Is(err, filemap.ErrPrivate) {
		t.Error(err)
	}
	if err := m.Discard(); err != nil && !errors.Is(err, filemap.ErrOption) {
		t.Error(err)
	}
	if _, err := m.Refresh(); err != nil {
		t.Error(err)
	}
	if err := m.Trim(); err != nil && !errors.Is(err, filemap.ErrOption) && !errors.Is(err, filemap.ErrPrivate) {
		t.Error(err)
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
}

// cutOffSlice is bytes of a Map whose file has become shorter.
func cutOffSlice(t *testing.T, n int) (of *filemap.Map, b []byte) {
	needCuts(t)
	page := filemap.PageBytes()
	of = open(t, writeFile(t, pattern(page+n)), filemap.ReadWrite)
	b = of.Bytes()[page:]
	if err := os.Truncate(of.Path(), 10); err != nil {
		t.Skipf("a mapped file cannot become shorter: %v", err)
	}
	return of, b
}

// A method that a user's function leaves by a panic, a fault elsewhere or Goexit
// holds nothing afterwards.
func TestCallbacksThatDoNotReturn(t *testing.T) {
	foreign, cutOff := cutOffSlice(t, 100)
	for kind, options := range unwound {
		for name, call := range callers {
			for way, out := range waysOut {
				m := open(t, writeFile(t, pattern(5*filemap.PageBytes())), options...)
				f := out(t, cutOff)
				left := leftBy(func() { _ = foreign.Guard(func() error { return call(m, f) }) })
				if left == (way == "foreign fault") {
					t.Errorf("%s, %s: %s: left %v", kind, name, way, left)
				}
				wantUsable(t, m)
			}
		}
	}
}

// A copy that faults in another Map's memory is that one's Guard's to say, and
// leaves nothing behind in this one.
func TestCopiesThatFaultElsewhere(t *testing.T) {
	for kind, options := range unwound {
		for name, copies := range copiers {
			for _, n := range []int{100, 10_000, 40_000} { // stored by one copy, by several, written
				foreign, cutOff := cutOffSlice(t, n)
				m := open(t, writeFile(t, pattern(50_000)), options...)
				err := foreign.Guard(func() error { return copies(m, cutOff) })
				refused := errors.Is(err, filemap.ErrOption) || errors.Is(err, filemap.ErrPrivate)
				if err == nil || refused != ((name == "Append" || name == "Appender") && kind != "shared" && kind != "unmapped") {
					t.Errorf("%s, %s of %d bytes: %v", kind, name, n, err)
				}
				wantUsable(t, m)
			}
		}
	}
}

// Whole gives back what it took, however f ends.
func TestWholeIsLeft(t *testing.T) {
	foreign, cutOff := cutOffSlice(t, 100)
	for _, size := range []int{0, 1000, filemap.OneShotBytes + 1} {
		path := writeFile(t, pattern(size))
		for way, out := range waysOut {
			f := out(t, cutOff)
			leftBy(func() { _ = foreign.Guard(func() error { return filemap.Whole(path, f) }) })
			if left := mappingsOf(path[:len(path)-len("/file")]); len(left) > 0 {
				t.Errorf("%d bytes, %s: still mapped: %q", size, way, left)
			}
			if left := descriptorsOf(path); left > 0 {
				t.Errorf("%d bytes, %s: %d descriptors still open", size, way, left)
			}
		}
	}
}

// descriptorsOf counts those of path, where the system tells.
func descriptorsOf(path string) (count int) {
	entries, _ := os.ReadDir("/proc/self/fd")
	for _, e := range entries {
		if name, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil && name == path {
			count++
		}
	}
	return count
}

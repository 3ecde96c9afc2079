package sys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func newTestRing(t *testing.T, depth int) *Ring {
	t.Helper()
	r, err := NewRing(depth)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("needs io_uring:", err)
	}
	must(t, err)
	return r
}

// Reads, writes and failures, and what was queued and taken back.
func TestRing(t *testing.T) {
	r := newTestRing(t, 8)
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, pattern(1<<16), 0o644))
	f, err := OpenFile(path, Write, 0)
	must(t, err)
	if r.Depth() != 8 {
		t.Errorf("depth %d", r.Depth())
	}
	type result struct {
		n   int
		err error
	}
	results := make(chan map[uint64]result)
	got := map[uint64]result{}
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		r.Wait(func() {
			r.Reap(func(tag uint64, n int, err error) { got[tag] = result{n, err} })
			if len(got) == 4 {
				results <- got
				got = nil
			}
		})
	}()
	p, q := make([]byte, 5000), make([]byte, 5000)
	r.Read(f, p, 100, 11)
	r.Write(f, []byte("written"), 60000, 12)
	r.Read(f, q, 1<<16-10, 13)
	r.Read(File{1 << 20}, q, 0, 14)
	must(t, r.Submit(4))
	all := <-results
	if want := pattern(1 << 16)[100:5100]; all[11] != (result{5000, nil}) || !bytes.Equal(p, want) {
		t.Error("read:", all[11])
	}
	if all[12] != (result{7, nil}) || all[13] != (result{10, nil}) {
		t.Error("write, read at the end:", all[12], all[13])
	}
	if all[14].n != 0 || !errors.Is(all[14].err, unix.EBADF) {
		t.Error("no such descriptor:", all[14])
	}
	r.Read(f, p, 0, 21)
	r.Read(f, p, 0, 22)
	var back []uint64
	r.Withdraw(func(tag uint64) { back = append(back, tag) })
	if len(back) != 2 || back[0] != 21 || back[1] != 22 {
		t.Error("taken back:", back)
	}
	if err := r.Submit(1); err == nil {
		t.Error("nothing was there to submit")
	}
	must(t, r.Close())
	<-waited
	must(t, errors.Join(r.Release(), f.Close()))
	written, err := os.ReadFile(path)
	must(t, err)
	if string(written[60000:60007]) != "written" {
		t.Errorf("%q", written[60000:60007])
	}
}

func TestRingErrors(t *testing.T) {
	r := newTestRing(t, 1)
	must(t, r.Close())
	must(t, r.Release())
	if _, err := NewRing(1 << 30); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Error("a ring of such depth:", err)
	}
	noRings.Store(true)
	defer noRings.Store(false)
	if _, err := NewRing(8); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

func TestOpenDirect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, pattern(1<<16+5), 0o644))
	f, err := OpenFile(path, Write, 0)
	must(t, err)
	defer f.Close()
	d, align, err := f.OpenDirect()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("needs a file system with direct I/O:", err)
	}
	must(t, err)
	defer d.Close()
	region, err := MapAnonymous(8192, ProtRead|ProtWrite, false)
	must(t, err)
	p := region.Bytes()[:8192]
	if !align.Fits(p, 4096) || align.Fits(p, 1) || align.Fits(p[1:], 0) {
		t.Errorf("%+v", align)
	}
	if n, err := d.ReadOnce(p, 1<<16); n != 5 || err != nil {
		t.Error("at the end:", n, err)
	}
	if n, err := d.ReadOnce(p, 4096); n != 8192 || err != nil || !bytes.Equal(p, pattern(1 << 16)[4096:][:8192]) {
		t.Error(n, err)
	}
	if n, err := d.WriteOnce(p[:4096], 0); n != 4096 || err != nil {
		t.Error(n, err)
	}
	if _, err := d.ReadOnce(p[:100], 1); !IsInvalid(err) {
		t.Error("misaligned:", err)
	}
	must(t, errors.Join(region.Retire(), region.Release()))
}

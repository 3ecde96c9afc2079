package store_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/filemap-go/filemap/pager/store"
)

var errTest = errors.New("injected")

func newFaulty(t *testing.T, content []byte) (*store.Faulty, *store.Memory) {
	base := store.NewMemoryOf(bytes.Clone(content))
	f, err := store.NewFaulty(base)
	must(t, err)
	return f, base
}

// Which operations a fault strikes, as a string of what happened to each.
func TestFaults(t *testing.T) {
	for _, c := range []struct {
		name  string
		fault store.Fault
		want  string
	}{
		{"none", store.Fault{}, "rrrwwwsz"},
		{"all", store.Fault{Err: errTest}, "RRRWWWSZ"},
		{"reads", store.Fault{Ops: store.ReadOp, Err: errTest}, "RRRwwwsz"},
		{"writes and size", store.Fault{Ops: store.WriteOp | store.SizeOp, Err: errTest}, "rrrWWWsZ"},
		{"sync", store.Fault{Ops: store.SyncOp, Err: errTest}, "rrrwwwSz"},
		{"range", store.Fault{From: 150, To: 160, Err: errTest}, "rRrwWwsz"},
		{"second", store.Fault{Ops: store.ReadOp, Skip: 1, Count: 1, Err: errTest}, "rRrwwwsz"},
		{"from the second on", store.Fault{Ops: store.WriteOp, Skip: 1, Err: errTest}, "rrrwWWsz"},
	} {
		f, _ := newFaulty(t, make([]byte, 300))
		remove := f.Inject(c.fault)
		if got := happened(t, f); got != c.want {
			t.Errorf("%s: %s, not %s", c.name, got, c.want)
		}
		remove()
		if got := happened(t, f); got != "rrrwwwsz" {
			t.Errorf("%s, removed: %s", c.name, got)
		}
	}
}

func happened(t *testing.T, f *store.Faulty) string {
	var b bytes.Buffer
	note := func(good byte, err error) {
		if errors.Is(err, errTest) {
			good -= 'a' - 'A'
		} else if err != nil {
			t.Error(err)
		}
		b.WriteByte(good)
	}
	p := make([]byte, 100)
	for off := range int64(3) {
		_, err := f.ReadAt(p, off*100)
		note('r', err)
	}
	for off := range int64(3) {
		_, err := f.WriteAt(p, off*100)
		note('w', err)
	}
	note('s', f.Sync())
	_, err := f.Size()
	note('z', err)
	return b.String()
}

func TestShortAndFlip(t *testing.T) {
	content := random(8, 100)
	f, _ := newFaulty(t, content)
	remove := f.Inject(store.Fault{Err: io.ErrUnexpectedEOF, Short: 30})
	p := make([]byte, 50)
	if n, err := f.ReadAt(p, 10); n != 30 || err != io.ErrUnexpectedEOF || !bytes.Equal(p[:30], content[10:40]) || p[30] != 0 {
		t.Error(n, err)
	}
	if n, err := f.WriteAt(make([]byte, 50), 0); n != 30 || err != io.ErrUnexpectedEOF {
		t.Error(n, err)
	}
	if w := f.Unsynced(); len(w) != 1 || len(w[0].Bytes) != 30 {
		t.Errorf("%v", w)
	}
	remove()
	f.Inject(store.Fault{Ops: store.ReadOp, Flip: true})
	if n, err := f.ReadAt(p, 40); n != 50 || err != nil || p[0] != ^content[40] || p[1] != content[41] {
		t.Error(n, err)
	}
}

func TestDelayAndBlock(t *testing.T) {
	f, _ := newFaulty(t, make([]byte, 10))
	release := make(chan struct{})
	f.Inject(store.Fault{Delay: time.Millisecond, Block: release})
	ended := make(chan error)
	begin := time.Now()
	go func() { _, err := f.ReadAt(make([]byte, 1), 0); ended <- err }()
	select {
	case err := <-ended:
		t.Fatal("it did not wait:", err)
	case <-time.After(5 * time.Millisecond):
	}
	close(release)
	if err := <-ended; err != nil || time.Since(begin) < time.Millisecond {
		t.Error(err)
	}
}

// What was synced survives; of the rest what the test says, torn or whole.
func TestPowerCut(t *testing.T) {
	content := random(9, 100)
	f, base := newFaulty(t, content)
	write := func(off int64, text string) {
		if _, err := f.WriteAt([]byte(text), off); err != nil {
			t.Fatal(err)
		}
	}
	write(0, "synced")
	must(t, f.Sync())
	write(10, "lost")
	write(20, "torn")
	write(30, "kept")
	p := make([]byte, 4)
	if _, err := f.ReadAt(p, 10); err != nil || string(p) != "lost" {
		t.Fatalf("%q, %v before the cut", p, err)
	}
	must(t, f.PowerCut(func(w []store.Write) []store.Write {
		if len(w) != 3 {
			t.Fatalf("%v", w)
		}
		return []store.Write{w[2], {Offset: w[1].Offset, Bytes: w[1].Bytes[:2]}}
	}))
	if _, err := f.ReadAt(p, 0); !errors.Is(err, store.ErrPowerCut) {
		t.Error(err)
	}
	if _, err := f.WriteAt(p, 0); !errors.Is(err, store.ErrPowerCut) {
		t.Error(err)
	}
	if _, err := f.Size(); !errors.Is(err, store.ErrPowerCut) || !errors.Is(f.Sync(), store.ErrPowerCut) {
		t.Error(err)
	}
	f.Restart()
	want := bytes.Clone(content)
	copy(want, "synced")
	copy(want[20:], "to")
	copy(want[30:], "kept")
	for _, s := range []store.Store{f, base} {
		got := make([]byte, 100)
		if _, err := s.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v: %q\nnot %q", err, got, want)
		}
	}
}

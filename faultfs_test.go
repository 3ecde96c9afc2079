//go:build linux && !386 && !arm && !mips && !mipsle

package filemap_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/faultfs"
)

// These tests hold the library against a file system that does what
// internal/faultfs is told: disks that fail, fill up, answer late, and files that
// somebody else cuts off.

func init() {
	if code, child := faultfs.Main(); child {
		os.Exit(code)
	}
}

// patience is how long something that should end at once may take until the test
// is called hanging. An emulated machine takes long for everything.
var patience = func() time.Duration {
	if os.Getenv("FILEMAP_EMULATOR") != "" {
		return 5 * time.Minute
	}
	return time.Minute
}()

// disk is a faulty file system with one file, "data".
type disk struct {
	*faultfs.FS
	t       *testing.T
	content []byte
}

// newDisk mounts one whose file has n bytes. When the test hangs, all of its
// goroutines are printed and the file system is taken away, which ends what
// waits for it; the program is ended if that does not help.
func newDisk(t *testing.T, n int) *disk {
	t.Helper()
	d := &disk{faultfs.New(t), t, pattern(n)}
	if err := os.WriteFile(d.Backing("data"), d.content, 0o600); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	t.Cleanup(func() { close(ended) })
	go d.watch(ended)
	return d
}

func (d *disk) watch(ended <-chan struct{}) {
	select {
	case <-ended:
		return
	case <-time.After(patience):
	}
	_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
	d.t.Error("hangs")
	_ = d.Kill()
	select {
	case <-ended:
	case <-time.After(patience / 4):
		panic("hangs without its file system, too")
	}
}

// play puts a script in force, and makes the file's pages cold.
func (d *disk) play(script string) {
	d.t.Helper()
	if err := errors.Join(d.Reset(), d.Evict("data"), d.Script(script)); err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) script(script string) {
	d.t.Helper()
	if err := d.Script(script); err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) release() {
	d.t.Helper()
	if err := d.Release(); err != nil {
		d.t.Error(err)
	}
}

// untilHeld waits until a request is held.
func (d *disk) untilHeld() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := d.Wait(ctx, func(c faultfs.Counts) bool { return c.Held > 0 }); err != nil {
		d.t.Fatal(err)
	}
}

// noneExpired checks that no request was held until it went on by itself.
func (d *disk) noneExpired() {
	d.t.Helper()
	if c, err := d.Counts(); err != nil || c.Expired > 0 {
		d.t.Errorf("a held request had to go on by itself: %+v, %v", c, err)
	}
}

func second(_ any, err error) error { return err }

var touched byte

// touch loads every byte, in order.
func touch(b []byte) error {
	for _, v := range b {
		touched ^= v
	}
	return nil
}

// access is a way to get at n bytes from off; it returns how many it got before
// its error, or -1 where it does not say.
type access struct {
	name string
	run  func(m *filemap.Map, off, n int64) (int64, error)
}

var reads = []access{
	{"ReadAt", func(m *filemap.Map, off, n int64) (int64, error) {
		got, err := m.ReadAt(make([]byte, n), off)
		return int64(got), err
	}},
	{"View", func(m *filemap.Map, off, n int64) (int64, error) {
		return -1, m.View(off, n, touch)
	}},
	{"Populate", func(m *filemap.Map, off, n int64) (int64, error) {
		return -1, m.Populate(context.Background(), off, n, nil)
	}},
	{"Cursor", func(m *filemap.Map, off, n int64) (int64, error) {
		c := m.Cursor()
		if _, err := c.Seek(off, io.SeekStart); err != nil {
			return 0, err
		}
		return io.CopyN(io.Discard, onlyReader{c}, n)
	}},
}

var writes = []access{
	{"WriteAt", func(m *filemap.Map, off, n int64) (int64, error) {
		done, err := m.WriteAt(make([]byte, n), off)
		return int64(done), err
	}},
	{"Update", func(m *filemap.Map, off, n int64) (int64, error) {
		return -1, m.Update(off, n, func(b []byte) error { clear(b); return nil })
	}},
}

// bare accesses are those that only a Map which is mapped has.
var bare = []access{
	{"Guard", func(m *filemap.Map, off, n int64) (int64, error) {
		return -1, m.Guard(func() error { return touch(m.Bytes()[off : off+n]) })
	}},
	{"Lock", func(m *filemap.Map, off, n int64) (int64, error) { return -1, m.Lock(off, n) }},
	{"write(2)", func(m *filemap.Map, off, n int64) (int64, error) {
		return -1, toFile(m, off)
	}},
}

// onlyReader hides the cursor's other methods from package io.
type onlyReader struct{ io.Reader }

// toFile has the cursor hand its pages to write(2).
func toFile(m *filemap.Map, off int64) error {
	f, err := os.CreateTemp("", "to-file")
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return err
	}
	c := m.Cursor()
	if _, err := c.Seek(off, io.SeekStart); err != nil {
		return err
	}
	return second(c.WriteTo(f))
}

// TestDiskError: page 5 cannot be read. Every access says so, with the place in
// the file and the device's error.
func TestDiskError(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(16*page))
	for _, kind := range []struct {
		name    string
		options []filemap.Option
		uses    [][]access
	}{
		{"read-only", nil, [][]access{reads, bare}},
		{"read-write", []filemap.Option{filemap.ReadWrite}, [][]access{reads, writes, bare}},
		{"private", []filemap.Option{filemap.Private}, [][]access{reads, writes, bare}},
		{"random", []filemap.Option{filemap.Random}, [][]access{reads, bare}},
		{"unmapped", []filemap.Option{filemap.Unmapped}, [][]access{reads}},
	} {
		for _, use := range slices.Concat(kind.uses...) {
			for _, begin := range []int64{0, 100} {
				t.Run(fmt.Sprintf("%s/%s/%d", kind.name, use.name, begin), func(t *testing.T) {
					d.play(fmt.Sprintf("read data[%d,%d) error EIO", 5*page, 6*page))
					m := open(t, d.Path("data"), slices.Concat(kind.options, []filemap.Option{filemap.Range(begin, 15*page)})...)
					bad := 5*page - begin
					for _, off := range []int64{0, 2*page + 10, bad - 1, bad, bad + 10} {
						n, err := use.run(m, off, 8*page)
						at := begin + max(off, bad)
						if use.name == "Guard" && off > bad {
							at = begin + bad + offsetKnown(off-bad)
						}
						wantFault(t, err, filemap.ErrIO, at)
						if !errors.Is(err, syscall.EIO) {
							t.Errorf("no EIO in %v", err)
						}
						if n != -1 && n != max(bad-off, 0) {
							t.Errorf("from %d: %d bytes, want the %d before the page", off, n, max(bad-off, 0))
						}
					}
					if _, err := use.run(m, bad+page, page); err != nil {
						t.Errorf("behind the page: %v", err)
					}
				})
			}
		}
	}
}

// TestDiskErrorOfNumbers: a number that lies half in the failing page.
func TestDiskErrorOfNumbers(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(8*page))
	d.play(fmt.Sprintf("read data[%d,%d) error EIO", 5*page, 6*page))
	m := open(t, d.Path("data"), filemap.ReadWrite)
	for _, off := range []int64{5*page - 4, 5 * page, 5*page + 8} {
		where := max(off, 5*page)
		wantFault(t, second(filemap.Load[uint64](m, off)), filemap.ErrIO, where)
		wantFault(t, filemap.Store(m, off, uint64(1)), filemap.ErrIO, where)
	}
	c := m.Cursor()
	if _, err := c.Seek(5*page, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	wantFault(t, second(c.ReadByte()), filemap.ErrIO, 5*page)
	wantFault(t, c.WriteByte(1), filemap.ErrIO, 5*page)
	if off, err := c.Seek(0, io.SeekCurrent); off != 5*page || err != nil {
		t.Errorf("the cursor moved on to %d, %v", off, err)
	}
}

// TestDiskErrorOfWholeFile: of a file that is read as of one that is mapped, and
// of one that is to be populated by the open.
func TestDiskErrorOfWholeFile(t *testing.T) {
	page := int64(filemap.PageBytes())
	never := func([]byte) error { t.Error("called"); return nil }
	for _, size := range []int64{10 * page, filemap.OneShotBytes + page} {
		d := newDisk(t, int(size))
		d.play(fmt.Sprintf("read data[%d,%d) error EIO", 5*page, 6*page))
		err := filemap.Whole(d.Path("data"), never)
		wantFault(t, err, filemap.ErrIO, 5*page)
		if !errors.Is(err, syscall.EIO) {
			t.Errorf("no EIO in %v", err)
		}
		for _, flag := range []filemap.Flag{filemap.Populated, filemap.Locked} {
			m, err := filemap.Open(d.Path("data"), flag)
			wantFault(t, err, filemap.ErrIO, 5*page)
			if m != nil {
				t.Errorf("%v: a Map beside the error", flag)
				closeQuietly(t, m)
			}
		}
	}
}

// TestTransientDiskError: what failed works when it is tried again, and the
// errors until then say that it may.
func TestTransientDiskError(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(8*page))
	for _, option := range []filemap.Option{filemap.ReadOnly, filemap.ReadWrite, filemap.Private, filemap.Unmapped} {
		uses := slices.Concat(reads, bare)
		if option == filemap.Unmapped {
			uses = reads
		}
		for _, use := range uses {
			for times := 1; times <= 8; times++ {
				t.Run(fmt.Sprintf("%v/%s/%d", option, use.name, times), func(t *testing.T) {
					d.play(fmt.Sprintf("read data[%d,%d) error EIO times %d", 3*page, 4*page, times))
					m := open(t, d.Path("data"), option)
					attempts := 0
					for ; attempts <= times; attempts++ {
						_, err := use.run(m, page, 4*page)
						if err == nil {
							break
						}
						if !errors.Is(err, filemap.ErrIO) {
							wantError(t, err, filemap.ErrFault)
						}
					}
					if attempts > times {
						t.Errorf("still failing after %d attempts", attempts)
					}
					p := make([]byte, 8*page)
					if _, err := m.ReadAt(p, 0); err != nil || !bytes.Equal(p, d.content) {
						t.Errorf("wrong bytes afterwards (%v)", err)
					}
				})
			}
		}
	}
}

// TestSyncError: the error of the write is Sync's, and stays when the disk is
// well again.
func TestSyncError(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(8*page))
	for _, c := range []struct {
		script string
		want   syscall.Errno
	}{
		{"write data error EIO", syscall.EIO},
		{"write data error ENOSPC", syscall.ENOSPC},
		{"write data error EDQUOT", syscall.EDQUOT},
		{"sync data error EIO", syscall.EIO},
	} {
		t.Run(c.script, func(t *testing.T) {
			d.play("")
			m := open(t, d.Path("data"), filemap.ReadWrite)
			if err := d.Script(c.script); err != nil { // first: the kernel may write at once
				t.Fatal(err)
			}
			if _, err := m.WriteAt([]byte("lost"), 2*page); err != nil {
				t.Fatal(err)
			}
			for round := range 3 {
				if err := m.Sync(); !errors.Is(err, c.want) {
					t.Errorf("sync %d: %v, want %v", round+1, err, c.want)
				}
				if err := d.Script(""); err != nil {
					t.Fatal(err)
				}
			}
			wantError(t, m.SyncRange(7*page, 1), c.want)
			p := make([]byte, 4)
			if _, err := m.ReadAt(p, 2*page); err != nil || string(p) != "lost" {
				t.Errorf("in memory there is %q, %v", p, err)
			}
			// Another Map of the file starts anew.
			again := open(t, d.Path("data"), filemap.ReadWrite)
			if _, err := again.WriteAt([]byte("kept"), 2*page); err != nil {
				t.Error(err)
			}
			if err := again.Sync(); err != nil {
				t.Errorf("another Map: %v", err)
			}
			if below, err := os.ReadFile(d.Backing("data")); err != nil || string(below[2*page:][:4]) != "kept" {
				t.Errorf("below there is %q, %v", below[2*page:][:4], err)
			}
			wantError(t, m.Close(), c.want) // said again: nobody may have looked at Sync's
		})
	}
}

// TestFullFUSE: as far as FUSE can be full. Its kernel takes a store without
// asking for room, so that ENOSPC is Sync's, above; tmpfs does otherwise, and has
// its test elsewhere.
func TestFullFUSE(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(8*page))
	d.play("write data error ENOSPC\nallocate * error ENOSPC")

	m := open(t, d.Path("data"), filemap.ReadWrite, filemap.Unmapped)
	n, err := m.WriteAt(make([]byte, 100), page)
	wantFault(t, err, filemap.ErrNoSpace, page)
	if n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%d bytes, %v", n, err)
	}
	wantError(t, m.Update(0, 1, func(b []byte) error { b[0] = 1; return nil }), filemap.ErrNoSpace)

	path := d.Path("new")
	if m, err = filemap.Create(path, 8*page); err == nil {
		closeQuietly(t, m)
	}
	wantError(t, err, syscall.ENOSPC)
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the failed Create left something behind: %v", err)
	}
	if m, err = filemap.Create(path, 8*page, filemap.Sparse); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := m.Close(); err != nil { // FUSE may say once more what Sync has said
			wantError(t, err, syscall.ENOSPC)
		}
	}()
	if err := d.Script("write new error ENOSPC"); err != nil {
		t.Fatal(err)
	}
	if err := filemap.Store(m, 3*page, uint64(7)); err != nil {
		t.Errorf("a store that need not ask for room: %v", err)
	}
	wantError(t, m.Sync(), syscall.ENOSPC)
}

// TestDirectoryEntryError: the first Sync of a new file is for its name, too.
func TestDirectoryEntryError(t *testing.T) {
	d := newDisk(t, 1)
	m, err := filemap.Create(d.Path("new"), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer closeQuietly(t, m)
	if err := d.Script("sync . error EIO times 1"); err != nil {
		t.Fatal(err)
	}
	wantError(t, m.Sync(), syscall.EIO)
	wantError(t, m.Sync(), syscall.EIO)
	wantError(t, m.Close(), syscall.EIO)
}

// TestNoMappingsAndShortReads: a file system without mappings, which answers with
// fewer bytes than it was asked for.
func TestNoMappingsAndShortReads(t *testing.T) {
	d := newDisk(t, 50_000)
	d.play("open data direct\nread data short 1000\nwrite data short 700")
	m, err := filemap.Open(d.Path("data"))
	wantError(t, err, syscall.ENODEV)
	wantError(t, err, filemap.ErrUnmappable)
	if err == nil {
		closeQuietly(t, m)
	}
	for _, options := range [][]filemap.Option{
		{filemap.OrRead, filemap.Random, filemap.Locked, filemap.Populated}, {filemap.Unmapped, filemap.Sequential, filemap.Locked},
	} {
		m := open(t, d.Path("data"), options...)
		p := make([]byte, 100)
		if _, err := m.ReadAt(p, 49_900); err != nil || m.Backing() != filemap.Read || !bytes.Equal(p, d.content[49_900:]) {
			t.Errorf("%v: backing %v, %v", options, m.Backing(), err)
		}
	}
	m = open(t, d.Path("data"), filemap.ReadWrite, filemap.OrRead)
	if m.Backing() != filemap.Read {
		t.Fatalf("backing %v", m.Backing())
	}
	for _, use := range slices.Concat(reads, writes[:1]) {
		if n, err := use.run(m, 10, 40_000); err != nil || (n != -1 && n != 40_000) {
			t.Errorf("%s: %d, %v", use.name, n, err)
		}
	}
	clear(d.content[10:40_010])
	p := make([]byte, 50_000)
	if _, err := m.ReadAt(p, 0); err != nil || !bytes.Equal(p, d.content) {
		t.Errorf("wrong bytes (%v)", err)
	}
	if err := filemap.Whole(d.Path("data"), func(b []byte) error {
		if !bytes.Equal(b, d.content) {
			t.Error("wrong bytes of Whole")
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	if c, err := d.Counts(); err != nil || c.Shortened < 100 {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestCutOff: another machine truncates the file, as far as this one can tell.
func TestCutOff(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(16*page))
	for _, warm := range []bool{false, true} {
		for _, use := range slices.Concat(reads, writes, bare) {
			t.Run(fmt.Sprintf("%s/warm %v", use.name, warm), func(t *testing.T) {
				if err := os.WriteFile(d.Backing("data"), d.content, 0o600); err != nil {
					t.Fatal(err)
				}
				d.play("")
				m := open(t, d.Path("data"), filemap.ReadWrite)
				if warm {
					if err := m.Populate(t.Context(), 0, filemap.ToEnd, nil); err != nil {
						t.Fatal(err)
					}
				}
				if err := d.Script(fmt.Sprintf("truncate data %d", 2*page+10)); err != nil {
					t.Fatal(err)
				}
				n, err := use.run(m, page, 10*page)
				wantFault(t, err, filemap.ErrTruncated, 3*page)
				if n != -1 && n != 2*page {
					t.Errorf("%d bytes, want %d", n, 2*page)
				}
			})
		}
	}
}

// TestCutOffMeanwhile: between the reads of one call.
func TestCutOffMeanwhile(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(64*page))
	for _, use := range slices.Concat(reads, bare) {
		t.Run(use.name, func(t *testing.T) {
			if err := os.WriteFile(d.Backing("data"), d.content, 0o600); err != nil {
				t.Fatal(err)
			}
			d.play(fmt.Sprintf("truncate data %d after 5 reads", 2*page))
			m := open(t, d.Path("data"))
			_, err := use.run(m, 0, 64*page)
			wantError(t, err, filemap.ErrTruncated)
			var fault *filemap.Error
			if errors.As(err, &fault) && fault.Offset < 2*page {
				t.Errorf("the fault is said to be at %d, where the file is whole: %v", fault.Offset, err)
			}
		})
	}
}

// pingPong passes a value to and fro between two goroutines.
func pingPong(rounds int) {
	there, back := make(chan int), make(chan int)
	go func() {
		for v := range there {
			back <- v
		}
		close(back)
	}()
	for i := range rounds {
		there <- i
		<-back
	}
	close(there)
	<-back
}

// TestOthersGoOnMeanwhile: with one processor, a request of an access is held
// until two other goroutines have done their work and the collector its own. If
// the access kept the processor, nobody could let the request go.
func TestOthersGoOnMeanwhile(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(filemap.OneShotBytes+16*page))
	hold := fmt.Sprintf("read data[%d,%d) hold", 5*page, 6*page)
	whole := access{"Whole", func(*filemap.Map, int64, int64) (int64, error) {
		return -1, filemap.Whole(d.Path("data"), touch)
	}}
	numbers := []access{
		{"Load", func(m *filemap.Map, off, _ int64) (int64, error) {
			return -1, second(filemap.Load[byte](m, off+2*page))
		}},
		{"Store", func(m *filemap.Map, off, _ int64) (int64, error) {
			return -1, filemap.Store(m, off+2*page, byte(1))
		}},
		{"Lock", bare[1].run},
		whole,
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, mode := range []filemap.Option{filemap.ReadWrite, filemap.Private, filemap.Unmapped} {
		uses := [][]access{reads, writes, numbers}
		if mode == filemap.Unmapped {
			uses = [][]access{reads, numbers[:1]}
		}
		for _, use := range slices.Concat(uses...) {
			t.Run(fmt.Sprintf("%v/%s", mode, use.name), func(t *testing.T) {
				d.play(hold)
				m := open(t, d.Path("data"), mode)
				done := make(chan error, 1)
				go func() { done <- second(use.run(m, 3*page, 4*page)) }()
				d.untilHeld()
				pingPong(1000)
				runtime.GC()
				select {
				case err := <-done:
					t.Errorf("it did not wait for the held read: %v", err)
					return
				default:
				}
				d.release()
				if err := <-done; err != nil {
					t.Error(err)
				}
				d.noneExpired()
			})
		}
	}
}

// TestOthersGoOnDuringSync: the same while the disk takes its time to write. The
// kernel may have written at once what was stored: then nothing is held, and it is
// done again. (With the script before the stores one of these could meet its own
// page being written, and wait in a fault.)
func TestOthersGoOnDuringSync(t *testing.T) {
	d := newDisk(t, 100_000)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, script := range []string{"write data hold times 1", "sync data hold times 1"} {
		d.play("")
		m := open(t, d.Path("data"), filemap.ReadWrite)
		held := false
		for tries := 0; !held; tries++ {
			if tries == 100 {
				t.Fatalf("%s: nothing was ever left to write", script)
			}
			held = othersGoOnDuringSync(t, d, m, script)
		}
		d.noneExpired()
	}
}

// othersGoOnDuringSync tells whether the sync was held.
func othersGoOnDuringSync(t *testing.T, d *disk, m *filemap.Map, script string) bool {
	d.script("")
	if _, err := m.WriteAt(make([]byte, 50_000), 0); err != nil {
		t.Fatal(err)
	}
	d.script(script)
	done := make(chan error, 1)
	go func() { done <- m.Sync() }()
	for {
		c, err := d.Counts()
		if err != nil {
			t.Fatal(err)
		}
		if c.Held > 0 {
			break
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			return false
		case <-time.After(time.Millisecond):
		}
	}
	pingPong(1000)
	runtime.GC()
	if _, err := m.ReadAt(make([]byte, 50_000), 0); err != nil {
		t.Errorf("reading what is resident, meanwhile: %v", err)
	}
	d.release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	return true
}

// TestPopulateIsCancelled: between two parts, of which the second is held when
// the context is cancelled.
func TestPopulateIsCancelled(t *testing.T) {
	const part = 8 << 20
	d := newDisk(t, 0)
	if err := os.Truncate(d.Backing("data"), 3*part); err != nil {
		t.Fatal(err)
	}
	d.play("read data[12MB,end) hold")
	m := open(t, d.Path("data"))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var progress []int64
	done := make(chan error, 1)
	go func() {
		done <- m.Populate(ctx, 0, filemap.ToEnd, func(n int64) { progress = append(progress, n) })
	}()
	d.untilHeld()
	cancel()
	d.release()
	err := <-done
	wantFault(t, err, context.Canceled, 2*part)
	if len(progress) != 2 || progress[0] != part || progress[1] != 2*part {
		t.Errorf("progress %v", progress)
	}
	d.noneExpired()
	c, err := d.Counts()
	if want := 2 * part / filemap.PageBytes(); err != nil || c.Requests[faultfs.Read] != want {
		t.Errorf("%d pages were read, want those of two parts, %d (%v)", c.Requests[faultfs.Read], want, err)
	}
	wantError(t, m.Populate(ctx, 0, 1, nil), context.Canceled)
}

// TestCloseDuringHeldRead: Close waits for the disk, and then everything ends.
func TestCloseDuringHeldRead(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(16*page))
	for _, use := range slices.Concat(reads, writes) {
		t.Run(use.name, func(t *testing.T) {
			d.play("")
			m := open(t, d.Path("data"), filemap.ReadWrite)
			if err := m.Populate(t.Context(), 0, page, nil); err != nil {
				t.Fatal(err)
			}
			if _, err := m.ReadAt(make([]byte, 10), 0); err != nil { // now it knows the page
				t.Fatal(err)
			}
			if err := d.Script(fmt.Sprintf("read data[%d,%d) hold", 5*page, 6*page)); err != nil {
				t.Fatal(err)
			}
			held, closed, later := make(chan error, 1), make(chan error, 1), make(chan error, 1)
			go func() { held <- second(use.run(m, 4*page, 4*page)) }()
			d.untilHeld()
			go func() { closed <- m.Close() }()
			if _, err := m.ReadAt(make([]byte, 10), 0); err != nil && !errors.Is(err, filemap.ErrClosed) {
				t.Errorf("resident bytes, meanwhile: %v", err)
			}
			go func() { later <- second(m.ReadAt(make([]byte, 10), 10*page)) }()
			d.release()
			for name, result := range map[string]chan error{"held": held, "later": later} {
				if err := <-result; err != nil && !errors.Is(err, filemap.ErrClosed) {
					t.Errorf("the %s access: %v", name, err)
				}
			}
			if err := <-closed; err != nil {
				t.Errorf("close: %v", err)
			}
			wantError(t, second(use.run(m, 0, 1)), filemap.ErrClosed)
			wantError(t, m.Close(), filemap.ErrClosed)
			d.noneExpired()
		})
	}
}

// TestDiskGone: the server of the files dies. What is in memory can still be read.
func TestDiskGone(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(8*page))
	m := open(t, d.Path("data"), filemap.ReadWrite)
	if _, err := m.WriteAt(d.content[:page], 0); err != nil {
		t.Fatal(err)
	}
	if err := d.Script("read data hold"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- m.View(3*page, 1, func([]byte) error { return nil }) }()
	d.untilHeld()
	if err := d.Kill(); err != nil {
		t.Error(err)
	}
	wantFault(t, <-done, filemap.ErrIO, 3*page)
	for _, use := range slices.Concat(reads, writes, bare) {
		t.Run(use.name, func(t *testing.T) {
			wantError(t, second(use.run(m, 4*page, page)), filemap.ErrIO)
		})
	}
	p := make([]byte, page)
	if _, err := m.ReadAt(p, 0); err != nil || !bytes.Equal(p, d.content[:page]) {
		t.Errorf("what is in memory: %v", err)
	}
	wantError(t, m.Sync(), syscall.ENOTCONN)
	if err := m.Close(); err != nil {
		wantError(t, err, syscall.ENOTCONN) // close(2) may say it, too
	}
}

// TestOthersGoOnWhileDiskFails: a disk that fails takes its time. Whichever of
// the attempts at the bad page is held, the processor is not. Each attempt is two
// requests, of which the first is held: during the second the kernel keeps the
// lock of the address space, so that the Go runtime waits too if it maps memory
// just then, and no library can help that.
func TestOthersGoOnWhileDiskFails(t *testing.T) {
	page := int64(filemap.PageBytes())
	d := newDisk(t, int(16*page))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	for _, use := range slices.Concat(reads, writes) {
		t.Run(use.name, func(t *testing.T) {
			for attempt := 0; ; attempt++ {
				hold := "hold times 1"
				if attempt > 0 {
					hold = fmt.Sprintf("hold after %d times 1", 2*attempt)
				}
				bad := fmt.Sprintf("read data[%d,%d) ", 5*page, 6*page)
				d.play(bad + "error EIO\n" + bad + hold)
				m := open(t, d.Path("data"), filemap.ReadWrite)
				done := make(chan error, 1)
				go func() { done <- second(use.run(m, 3*page, 4*page)) }()
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				err := d.Wait(ctx, func(c faultfs.Counts) bool { return c.Held > 0 || len(done) > 0 })
				cancel()
				if err != nil {
					t.Fatal(err)
				}
				held := len(done) == 0
				pingPong(100)
				d.release()
				wantFault(t, <-done, filemap.ErrIO, 5*page)
				d.noneExpired()
				if !held || t.Failed() {
					return
				}
			}
		})
	}
}

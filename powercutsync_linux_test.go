//go:build linux && !386 && !arm && !mips && !mipsle

package filemap_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/filemap-go/filemap"
	"github.com/filemap-go/filemap/internal/faultfs"
)

// syncer is a writer who syncs: a file, and what is stored to it, and its sizes.
type syncer struct {
	name    string
	options []filemap.Option
	made    bool // the writer makes the file
	grows   bool // and makes it longer and shorter
}

var syncers = []syncer{
	{"shared", []filemap.Option{filemap.Reserve(1 << 20)}, false, true},
	{"shared, new", []filemap.Option{filemap.Reserve(1 << 20)}, true, true},
	{"unmapped, new", []filemap.Option{filemap.Unmapped, filemap.Reserve(1 << 20)}, true, true},
	{"staged", []filemap.Option{filemap.Staged}, false, false},
	{"staged, new", []filemap.Option{filemap.Staged}, true, false},
}

const syncerSize = 3*powerPage + 100

func (s *syncer) disk() faultfs.Disk {
	d := faultfs.Disk{Files: map[string][]byte{}}
	if !s.made {
		d.Files["data"] = pattern(syncerSize)
	}
	return d
}

func (s *syncer) open(path string) (*filemap.Map, error) {
	if s.made {
		return filemap.Create(path, syncerSize, s.options...)
	}
	return filemap.Open(path, append([]filemap.Option{filemap.ReadWrite}, s.options...)...)
}

// run stores and syncs, and marks how many syncs have returned. It returns what the
// file was to hold at each of them.
func (s *syncer) run(f *faultfs.FS, sync func(*filemap.Map) error) (states [][]byte, err error) {
	m, err := s.open(f.Path("data"))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	now := make([]byte, syncerSize)
	if !s.made {
		now = pattern(syncerSize)
	}
	states = [][]byte{now}
	if !s.made {
		if err := f.Mark("0"); err != nil {
			return nil, err
		}
	}
	for round, size := range []int{syncerSize, syncerSize, 5 * powerPage, powerPage + 100, 0, 2 * powerPage} {
		now = bytes.Clone(now)
		if s.grows && size != len(now) {
			if err := m.Resize(int64(size)); err != nil {
				return nil, err
			}
			now = append(now[:min(size, len(now))], make([]byte, max(size-len(now), 0))...)
		}
		letters := bytes.Repeat([]byte{byte('a' + round)}, min(100, len(now)))
		// The first byte, the last, and some over the edge of a page.
		for _, off := range []int{0, min(powerPage-50, len(now)), len(now) - len(letters)} {
			if _, err := m.WriteAt(letters, int64(off)); err != nil {
				return nil, err
			}
			copy(now[off:], letters)
		}
		states = append(states, now)
		if err := errors.Join(sync(m), f.Mark(strconv.Itoa(round+1))); err != nil {
			return nil, err
		}
	}
	return states, nil
}

// checkSynced checks what a power cut has left of a file: it is as it was at the
// last sync, but for what has been done since, of which any part may be there.
func checkSynced(b, synced, next []byte) error {
	if len(b) < min(len(synced), len(next)) || len(b) > max(len(synced), len(next)) {
		return fmt.Errorf("it has %d bytes, not %d or %d", len(b), len(synced), len(next))
	}
	old, young := padded(synced, len(b)), padded(next, len(b))
	for i := range b {
		if b[i] != old[i] && b[i] != young[i] {
			return fmt.Errorf("byte %d is neither what was synced nor what was stored later", i)
		}
	}
	return nil
}

// padded are the first n bytes of b, and zeros behind its end.
func padded(b []byte, n int) []byte {
	p := make([]byte, n)
	copy(p, b)
	return p
}

// cuts runs the writer and checks every disk that a power cut can leave of it.
func (s *syncer) cuts(t *testing.T, f *faultfs.FS, script string, sync func(*filemap.Map) error) (cuts int, wrong error) {
	t.Helper()
	begin(t, f, s.disk(), script)
	states, err := s.run(f, sync)
	if err != nil {
		t.Fatal(err)
	}
	return cutsOf(t, f, anyMark, losses(8, 12), func(c faultfs.Cut, synced int) error {
		b, there := c.Disk.Files["data"]
		if !there {
			return errors.New("there is no file")
		}
		return checkSynced(b, states[synced], states[min(synced+1, len(states)-1)])
	})
}

// TestPowerCutsOfSync: what was stored before a Sync is there once it has returned,
// with the file's size and, where it was made, its name.
func TestPowerCutsOfSync(t *testing.T) {
	f := faultfs.New(t)
	for _, s := range syncers {
		t.Run(s.name, func(t *testing.T) {
			cuts, err := s.cuts(t, f, "", (*filemap.Map).Sync)
			if err != nil {
				t.Error(err)
			}
			t.Logf("%d disks", cuts)
		})
	}
}

// TestBrokenSyncIsCaught: a Sync that leaves something out is found out.
func TestBrokenSyncIsCaught(t *testing.T) {
	f := faultfs.New(t)
	startWriteback := func(m *filemap.Map) error { return m.StartWriteback(0, filemap.ToEnd) }
	for _, s := range syncers {
		for _, broken := range []struct {
			name, script string
			sync         func(*filemap.Map) error
			applies      bool
		}{
			{"not called", "", func(*filemap.Map) error { return nil }, true},
			{"StartWriteback in its place", "", startWriteback, s.grows},
			{"file not synced", "sync data ignore", (*filemap.Map).Sync, true},
			{"directory not synced", "sync . ignore", (*filemap.Map).Sync, s.made},
		} {
			if !broken.applies {
				continue
			}
			t.Run(s.name+"/"+broken.name, func(t *testing.T) {
				cuts, err := s.cuts(t, f, broken.script, broken.sync)
				if err == nil {
					t.Errorf("none of %d disks has shown it", cuts)
				} else {
					t.Logf("disk %d: %v", cuts, err)
				}
			})
		}
	}
}

const appendedRecords = 320 // some 80 KB, for which room is prepared twice; the last are never synced

// appendRun appends records to a new file, syncs now and then, and marks the last
// record before; then it closes the file, which cuts it.
func appendRun(f *faultfs.FS, sync func(*filemap.Map) error) (err error) {
	m, err := filemap.Create(f.Path("log"), 0, filemap.Reserve(1<<20))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	for number := 1; number <= appendedRecords; number++ {
		if _, err := m.Append(appendedRecord(uint64(number))); err != nil {
			return err
		}
		if number%75 == 0 {
			if err := errors.Join(sync(m), f.Mark(strconv.Itoa(number))); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkAppended checks what a power cut has left of the file, as the next Open has it:
// all bytes of the records up to the last that was synced, and then bytes of later
// ones, zeros, or what says how many bytes count.
func checkAppended(b, all []byte, synced int) error {
	if len(b) < synced {
		return fmt.Errorf("the file has %d bytes, %d were synced", len(b), synced)
	}
	if most := len(all) + 2<<20; len(b) > most {
		return fmt.Errorf("the file has %d bytes, no more than %d are promised", len(b), most)
	}
	if !bytes.Equal(b[:synced], all[:synced]) {
		return errors.New("the records that were synced are not there")
	}
	for at := synced; at < len(b); at++ {
		if b[at] != 0 && (at >= len(all) || b[at] != all[at]) && at%(64<<10) >= 48 {
			return fmt.Errorf("byte %d is neither what was appended nor zero", at)
		}
	}
	return nil
}

// openAppended is what a Map of a file's bytes has.
func openAppended(dir string, b []byte) ([]byte, error) {
	path := filepath.Join(dir, "cut")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		return nil, err
	}
	m, err := filemap.Open(path)
	if err != nil {
		return nil, err
	}
	b = bytes.Clone(m.Bytes())
	return b, m.Close()
}

func appendCuts(t *testing.T, f *faultfs.FS, script string, sync func(*filemap.Map) error) (cuts int, wrong error) {
	t.Helper()
	begin(t, f, faultfs.Disk{}, script)
	if err := appendRun(f, sync); err != nil {
		t.Fatal(err)
	}
	var all []byte
	ends := []int{0}
	for number := 1; number <= appendedRecords; number++ {
		all = append(all, appendedRecord(uint64(number))...)
		ends = append(ends, len(all))
	}
	dir := crashDir(t, 0)
	return cutsOf(t, f, anyMark, losses(8, 10), func(c faultfs.Cut, synced int) error {
		b, there := c.Disk.Files["log"]
		if !there {
			return errors.New("there is no file")
		}
		b, err := openAppended(dir, b)
		if err != nil {
			return err
		}
		return checkAppended(b, all, ends[synced])
	})
}

// TestPowerCutsOfAppend: what was appended before a Sync is there once it has
// returned, and the file is as long, while later records and the Close go on.
func TestPowerCutsOfAppend(t *testing.T) {
	cuts, err := appendCuts(t, faultfs.New(t), "", (*filemap.Map).Sync)
	if err != nil {
		t.Error(err)
	}
	t.Logf("%d disks", cuts)
}

// TestBrokenAppendIsCaught: as TestBrokenSyncIsCaught has it.
func TestBrokenAppendIsCaught(t *testing.T) {
	f := faultfs.New(t)
	for name, script := range map[string]string{
		"file not synced": "sync log ignore", "directory not synced": "sync . ignore",
	} {
		if cuts, err := appendCuts(t, f, script, (*filemap.Map).Sync); err == nil {
			t.Errorf("%s: none of %d disks has shown it", name, cuts)
		} else {
			t.Logf("%s: disk %d: %v", name, cuts, err)
		}
	}
}

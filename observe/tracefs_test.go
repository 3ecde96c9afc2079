//go:build linux

package observe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func fixture(t testing.TB, elements ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{"testdata"}, elements...)...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestParseFormat(t *testing.T) {
	f, err := parseFormat(fixture(t, "tracefs/events/block/block_rq_issue/format"))
	if err != nil {
		t.Fatal(err)
	}
	if f.Name != "block_rq_issue" || f.ID != 2104 {
		t.Errorf("name %q, ID %d", f.Name, f.ID)
	}
	for name, want := range map[string]field{
		"common_pid": {4, 4, true, false},
		"sector":     {16, 8, false, false},
		"rwbs":       {34, 10, false, true},
	} {
		if got := f.Fields[name]; got != want {
			t.Errorf("%s is %+v, expected %+v", name, got, want)
		}
	}
	for _, bad := range []string{"", "name: x\n", "name: x\nID: many\n", "name: x\nID: 1\nformat:\n\tfield:int;\toffset:8;\n", "name: x\nID: 1\n\tfield:int a;\toffset:-8;\n"} {
		if f, err := parseFormat([]byte(bad)); err == nil {
			t.Errorf("%q became %+v", bad, f)
		}
	}
}

// A tree of files as tracefs has them, with a page of the ring buffer that a
// kernel wrote: 31 folios added by one read of a byte, and 4 decisions.
func TestInstanceOfFixture(t *testing.T) {
	if !littleEndian {
		t.Skip("needs a little-endian machine, on which the page was written")
	}
	root := t.TempDir()
	dir := filepath.Join(root, "instances", "mine")
	if err := os.CopyFS(dir, os.DirFS("testdata/tracefs")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tracing_on", "trace_clock", "buffer_size_kb"} {
		must(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	events, err := filepath.Glob(filepath.Join(dir, "events/*/*"))
	must(t, err)
	for _, e := range events {
		must(t, errors.Join(os.WriteFile(filepath.Join(e, "enable"), nil, 0o600), os.WriteFile(filepath.Join(e, "filter"), nil, 0o600)))
	}
	in, err := openInstance(dir, 64)
	must(t, err)
	missing, err := in.enable(tracepointsOn, filterFor{thread: 7, files: []File{{Major: 254, Inode: 246761}}, disks: []uint32{kernelDevice(254, 0)}})
	must(t, err)
	if !slices.Contains(missing, "vmscan/mm_vmscan_write_folio") || len(missing)+len(in.ids) != len(tracepointsOn) {
		t.Errorf("missing %q, on %v", missing, in.ids)
	}
	for name, want := range map[string]string{
		"tracing_on": "0", "trace_clock": "mono", "buffer_size_kb": "64",
		"events/mmap/vm_unmapped_area/filter":                "common_pid == 7",
		"events/filemap/mm_filemap_add_to_page_cache/filter": "(i_ino == 246761 && s_dev == 266338304)",
		"events/block/block_rq_issue/filter":                 "dev == 266338304",
		"events/filemap/mm_filemap_add_to_page_cache/enable": "1",
		"events/exceptions/page_fault_user/enable":           "1",
	} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, expected %q, %v", name, got, want, err)
		}
	}
	must(t, in.start())
	must(t, in.drain())
	must(t, in.stop())
	added, pages := 0, uint64(0)
	last := uint64(0)
	for i := range in.events {
		e := &in.events[i]
		if e.Time < last {
			t.Errorf("event %d is at %d, before %d", i, e.Time, last)
		}
		last = e.Time
		if e.Format.Name == "mm_filemap_add_to_page_cache" && e.number("i_ino") == 0x3c7e9 {
			added++
			pages += 1 << e.number("order")
			if e.number("s_dev") != uint64(kernelDevice(254, 0)) {
				t.Errorf("on device %#x", e.number("s_dev"))
			}
		}
	}
	if len(in.events) != 35 || added < 20 || pages == 0 {
		t.Errorf("%d events, %d added, %d pages", len(in.events), added, pages)
	}
	if lost := in.countLost(); lost != 9 {
		t.Errorf("%d events lost, expected 9", lost)
	}
	for _, p := range in.pipes {
		must(t, p.Close())
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ringBuilder writes pages as the kernel does, for this machine's byte order.
type ringBuilder struct{ events []byte }

func (b *ringBuilder) word(kind uint32, delta uint64) {
	w := kind<<ringDeltaBits | uint32(delta)
	if littleEndian {
		w = kind | uint32(delta)<<ringTypeBits
	}
	b.events = binary.NativeEndian.AppendUint32(b.events, w)
}

func (b *ringBuilder) raw(n uint32) { b.events = binary.NativeEndian.AppendUint32(b.events, n) }

func (b *ringBuilder) record(delta uint64, data string) {
	b.word(uint32(len(data)/4), delta)
	b.events = append(b.events, data...)
}

func (b *ringBuilder) page(time, flags uint64) []byte {
	p := binary.NativeEndian.AppendUint64(nil, time)
	p = binary.NativeEndian.AppendUint64(p, uint64(len(b.events))|flags)
	return append(p, b.events...)
}

func TestParseRingPage(t *testing.T) {
	var b ringBuilder
	b.record(5, "abcd")
	b.word(ringTimeExtend, 3)
	b.raw(1)
	b.record(1, "efghijkl")
	b.word(ringPadding, 2)
	b.raw(8) // a record that was discarded
	b.raw(0)
	b.word(0, 4)
	b.raw(4 + 8)
	b.events = append(b.events, "long one"...)
	b.word(ringTimeStamp, 100)
	b.raw(0)
	b.record(1, "last")
	b.word(ringPadding, 0)
	b.events = append(b.events, "rubbish!"...)
	var got []string
	var times []uint64
	lost, err := parseRingPage(b.page(1000, 0), 8, func(time uint64, record []byte) {
		got, times = append(got, string(record)), append(times, time)
	})
	must(t, err)
	if want := []string{"abcd", "efghijkl", "long one", "last"}; !slices.Equal(got, want) || lost != 0 {
		t.Errorf("records %q, expected %q; lost %d", got, want, lost)
	}
	if want := []uint64{1005, 1005 + 3 + 1<<27 + 1, 1005 + 3 + 1<<27 + 1 + 2 + 4, 101}; !slices.Equal(times, want) {
		t.Errorf("times %d, expected %d", times, want)
	}
}

func TestRingPageTellsWhatWasLost(t *testing.T) {
	var b ringBuilder
	b.record(5, "abcd")
	none := func(uint64, []byte) {}
	if lost, err := parseRingPage(b.page(1, ringMissed), 8, none); lost != -1 || err != nil {
		t.Errorf("lost %d, %v", lost, err)
	}
	stored := binary.NativeEndian.AppendUint64(b.page(1, ringMissed|ringMissedStored), 42)
	if lost, err := parseRingPage(stored, 8, none); lost != 42 || err != nil {
		t.Errorf("lost %d, %v", lost, err)
	}
}

func TestBrokenRingPages(t *testing.T) {
	long := ringBuilder{}
	long.word(28, 1)
	short := ringBuilder{}
	short.word(0, 1)
	for name, page := range map[string][]byte{
		"nothing":            nil,
		"a header cut off":   make([]byte, 12),
		"more than there is": binary.NativeEndian.AppendUint64(make([]byte, 8), 100),
		"a record cut off":   long.page(1, 0),
		"a length cut off":   short.page(1, 0),
		"a negative length":  (&ringBuilder{events: append(append([]byte(nil), short.events...), 0, 0, 0, 0)}).page(1, 0),
	} {
		if _, err := parseRingPage(page, 8, func(uint64, []byte) {}); !errors.Is(err, errRingPage) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRingPage(f *testing.F) {
	var b ringBuilder
	b.record(5, "abcd")
	f.Add(b.page(1, 0), 8)
	f.Add(fixture(f, "tracefs/per_cpu/cpu1/trace_pipe_raw"), 8)
	f.Fuzz(func(t *testing.T, page []byte, commit int) {
		if commit != 4 {
			commit = 8
		}
		total := 0
		_, _ = parseRingPage(page, commit, func(_ uint64, record []byte) { total += len(record) })
		if total > len(page) {
			t.Errorf("%d bytes of records in a page of %d", total, len(page))
		}
	})
}

func FuzzFormat(f *testing.F) {
	f.Add(fixture(f, "tracefs/events/mmap/vm_unmapped_area/format"), []byte("record"))
	f.Fuzz(func(t *testing.T, content, record []byte) {
		format, err := parseFormat(content)
		if err != nil {
			return
		}
		p := tracepoint{Format: format, record: record}
		for name := range format.Fields {
			_ = p.number(name)
			if strings.ContainsRune(p.text(name), 0) {
				t.Error("text goes on after its end")
			}
		}
		_ = p.thread()
	})
}

func TestCommitBytes(t *testing.T) {
	if n := commitBytes(fixture(t, "tracefs/events/header_page")); n != 8 {
		t.Errorf("%d on 64 bits", n)
	}
	small := bytes.ReplaceAll(fixture(t, "tracefs/events/header_page"), []byte("commit;\toffset:8;\tsize:8"), []byte("commit;\toffset:8;\tsize:4"))
	if n := commitBytes(small); n != 4 {
		t.Errorf("%d on 32 bits", n)
	}
}

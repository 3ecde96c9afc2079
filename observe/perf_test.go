//go:build linux

package observe

import (
	"encoding/binary"
	"testing"
)

// perfBuilder writes records as the kernel does.
type perfBuilder struct{ body []byte }

func (b *perfBuilder) u32(n ...uint32) *perfBuilder {
	for _, v := range n {
		b.body = binary.NativeEndian.AppendUint32(b.body, v)
	}
	return b
}

func (b *perfBuilder) u64(n ...uint64) *perfBuilder {
	for _, v := range n {
		b.body = binary.NativeEndian.AppendUint64(b.body, v)
	}
	return b
}

func (b *perfBuilder) text(s string) *perfBuilder {
	b.body = append(b.body, s...)
	for range 8 - len(s)%8 {
		b.body = append(b.body, 0)
	}
	return b
}

// trailer is what sample_id_all appends.
func (b *perfBuilder) trailer(pid, tid uint32, time uint64) *perfBuilder {
	return b.u32(pid, tid).u64(time, 99)
}

func (b *perfBuilder) record(kind uint32, misc uint16) []byte {
	r := binary.NativeEndian.AppendUint32(nil, kind)
	r = binary.NativeEndian.AppendUint16(r, misc)
	r = binary.NativeEndian.AppendUint16(r, uint16(8+len(b.body)))
	return append(r, b.body...)
}

func TestParsePerf(t *testing.T) {
	for name, c := range map[string]struct {
		record []byte
		want   perfRecord
	}{
		"sample": {
			new(perfBuilder).u64(3, 0x401000).u32(10, 11).u64(500, 0x7f0000001000).record(perfRecordSample, 2),
			perfRecord{Type: perfRecordSample, Misc: 2, ID: 3, IP: 0x401000, PID: 10, TID: 11, Time: 500, Addr: 0x7f0000001000},
		},
		"lost": {
			new(perfBuilder).u64(3, 17).trailer(10, 11, 600).record(perfRecordLost, 0),
			perfRecord{Type: perfRecordLost, ID: 99, PID: 10, TID: 11, Time: 600, Lost: 17},
		},
		"switch": {
			new(perfBuilder).trailer(10, 11, 700).record(perfRecordSwitch, perfMiscSwitchOut),
			perfRecord{Type: perfRecordSwitch, ID: 99, Misc: perfMiscSwitchOut, PID: 10, TID: 11, Time: 700},
		},
		"mmap2": {
			new(perfBuilder).u32(10, 11).u64(0x1000, 0x2000, 0x3000).u32(254, 1).u64(42, 7).u32(1, 2).text("/a/file").trailer(10, 11, 800).record(perfRecordMmap2, 0),
			perfRecord{Type: perfRecordMmap2, ID: 99, PID: 10, TID: 11, Time: 800, Addr: 0x1000, Length: 0x2000, Offset: 0x3000, Major: 254, Minor: 1, Inode: 42, Prot: 1, Flags: 2, Name: "/a/file"},
		},
		"fork": {
			new(perfBuilder).u32(20, 10, 21, 11).u64(900).trailer(10, 11, 900).record(perfRecordFork, 0),
			perfRecord{Type: perfRecordFork, ID: 99, PID: 20, ParentPID: 10, TID: 21, Time: 900},
		},
		"comm": {
			new(perfBuilder).u32(10, 11).text("python3").trailer(10, 11, 950).record(perfRecordComm, 1<<13),
			perfRecord{Type: perfRecordComm, ID: 99, Misc: 1 << 13, PID: 10, TID: 11, Time: 950, Name: "python3"},
		},
	} {
		got, err := parsePerf(c.record)
		if err != nil || got != c.want {
			t.Errorf("%s is %+v, %v; expected %+v", name, got, err, c.want)
		}
		for cut := range c.record {
			if _, err := parsePerf(c.record[:cut]); err == nil && c.want.Type == perfRecordSample {
				t.Errorf("%s of %d bytes is no error", name, cut)
			}
		}
	}
}

func FuzzPerf(f *testing.F) {
	f.Add(new(perfBuilder).u32(10, 11).u64(1, 2, 3).u32(254, 1).u64(42, 7).u32(1, 2).text("/a/file").trailer(10, 11, 800).record(perfRecordMmap2, 0))
	f.Fuzz(func(_ *testing.T, record []byte) { _, _ = parsePerf(record) })
}

func sampleAt(kind int, time uint64, address uint64) perfRecord {
	return perfRecord{Type: perfRecordSample, Kind: kind, TID: 1, Time: time, Addr: address}
}

func TestPairFaults(t *testing.T) {
	out := perfRecord{Type: perfRecordSwitch, Misc: perfMiscSwitchOut, TID: 1}
	at := func(r perfRecord, time uint64) perfRecord { r.Time = time; return r }
	in := perfRecord{Type: perfRecordSwitch, TID: 1}
	preempted := perfRecord{Type: perfRecordSwitch, Misc: perfMiscSwitchOut | perfMiscSwitchForce, TID: 1}
	found := pairFaults([]perfRecord{
		sampleAt(kindBegun, 10, 1), sampleAt(kindMinor, 20, 1),
		sampleAt(kindBegun, 30, 2), at(out, 35), at(in, 80), sampleAt(kindMajor, 90, 2),
		sampleAt(kindBegun, 100, 3), at(out, 110), at(in, 120), sampleAt(kindBegun, 130, 3), sampleAt(kindMinor, 140, 3), // interrupted by a signal
		sampleAt(kindBegun, 200, 4), at(preempted, 205), at(in, 210), sampleAt(kindMinor, 220, 4),
		sampleAt(kindBegun, 300, 5), sampleAt(kindBegun, 400, 6), sampleAt(kindMinor, 410, 6), // 5 ended in a signal
		sampleAt(kindUnknown, 500, 7),
	})
	want := []struct {
		start, end int64
		major      bool
		slept      int64
	}{{10, 20, false, 0}, {30, 90, true, 45}, {100, 140, false, 10}, {200, 220, false, 0}, {400, 410, false, 0}}
	if len(found) != len(want) {
		t.Fatalf("%d faults: %+v", len(found), found)
	}
	for i, w := range want {
		if f := found[i]; f.start != w.start || f.end != w.end || f.major != w.major || f.slept != w.slept {
			t.Errorf("fault %d is %+v, expected %+v", i, f, w)
		}
	}
}

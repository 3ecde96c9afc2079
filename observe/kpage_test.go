//go:build linux

package observe

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// frameTree writes the kernel's tables of frames below a root of its own.
func frameTree(t *testing.T, tables map[string][]uint64) string {
	t.Helper()
	root := t.TempDir()
	for name, entries := range tables {
		var raw []byte
		for _, e := range entries {
			raw = binary.NativeEndian.AppendUint64(raw, e)
		}
		must(t, os.WriteFile(filepath.Join(root, name), raw, 0o600))
	}
	return root
}

func asJSON(v any) string {
	text, _ := json.Marshal(v)
	return string(text)
}

// present makes the pagemap entries of pages in frames; 0 is a page that is not there.
func present(frames ...uint64) []uint64 {
	for i, f := range frames {
		if f != 0 {
			frames[i] = f | entryPresent | entryFile
		}
	}
	return frames
}

// memory is frames as Linux 6.18 and, for the folio at 4, older kernels tell them:
// with the folio's flags in its first frame only.
var memory = []uint64{
	0:  0,
	1:  flagReferenced,
	2:  flagDirty | flagActive,
	3:  flagUnevictable,
	4:  flagHead | flagDirty | flagWriteback, // a folio of 4
	5:  flagTail,
	6:  flagTail,
	7:  flagTail,
	8:  flagHead | flagReferenced | flagActive, // one of 8, right behind it
	9:  flagTail | flagReferenced | flagActive,
	10: flagTail | flagReferenced | flagActive,
	11: flagTail | flagReferenced | flagActive,
	12: flagTail | flagReferenced | flagActive,
	13: flagTail | flagReferenced | flagActive,
	14: flagTail | flagReferenced | flagActive,
	15: flagTail | flagReferenced | flagActive,
}

func TestFramesAreCounted(t *testing.T) {
	counts := make([]uint64, len(memory))
	groups := make([]uint64, len(memory))
	for i := range counts {
		counts[i], groups[i] = 1, 77
	}
	counts[2], counts[8], groups[2], groups[3] = 2, 300, 78, 0
	tables, files := openFrameTables(frameTree(t, map[string][]uint64{"kpageflags": memory, "kpagecount": counts, "kpagecgroup": groups}))
	defer tables.close()
	if len(files.Sources) != 3 || len(files.Missing) != 0 {
		t.Errorf("%+v", files)
	}
	none, one, two := int64(0), int64(1), int64(2)
	for name, c := range map[string]struct {
		entries []uint64
		want    Frames
	}{
		"nothing mapped": {present(0, 0), Frames{MappedByOthers: &none, ChargedTo: []Charge{}}},
		"single frames": {present(1, 0, 3, 2), Frames{
			Pages: 3, Folios: 3, LargestFolio: 1, Dirty: 1, Referenced: 1, Active: 1, Unevictable: 1,
			MappedByOthers: &one, ChargedTo: []Charge{{77, 1}, {78, 1}},
		}},
		"a whole folio": {present(4, 5, 6, 7), Frames{
			Pages: 4, Folios: 1, LargestFolio: 4, Dirty: 4, Writeback: 4, MappedByOthers: &none, ChargedTo: []Charge{{77, 4}},
		}},
		"the middle of a folio": {present(13, 14), Frames{
			Pages: 2, Folios: 1, LargestFolio: 8, Referenced: 2, Active: 2, MappedByOthers: &none, ChargedTo: []Charge{{77, 2}},
		}},
		"from one folio into the next": {present(7, 8, 9), Frames{
			Pages: 3, Folios: 2, LargestFolio: 8, Dirty: 1, Writeback: 1, Referenced: 2, Active: 2,
			MappedByOthers: &one, ChargedTo: []Charge{{77, 3}},
		}},
		"a folio with a hole": {present(4, 0, 6, 2, 8), Frames{
			Pages: 4, Folios: 3, LargestFolio: 8, Dirty: 3, Writeback: 2, Referenced: 1, Active: 2,
			MappedByOthers: &two, ChargedTo: []Charge{{77, 3}, {78, 1}},
		}},
		"beyond the end of memory": {present(15, 16), Frames{
			Pages: 2, Folios: 2, LargestFolio: 8, Referenced: 1, Active: 1, MappedByOthers: &none, ChargedTo: []Charge{{77, 1}},
		}},
		"in swap": {[]uint64{entrySwapped | 5}, Frames{MappedByOthers: &none, ChargedTo: []Charge{}}},
	} {
		for _, room := range []int{3, 64} { // that a run does not fit into, and does
			got, err := tables.look(c.entries, make([]byte, room*entryBytes))
			must(t, err)
			if !reflect.DeepEqual(got, &c.want) {
				t.Errorf("%s, with room for %d: %s, expected %s", name, room, asJSON(got), asJSON(c.want))
			}
		}
	}
	if _, err := tables.look([]uint64{entryPresent}, make([]byte, 64)); err != errFramesHidden {
		t.Errorf("hidden numbers: %v", err)
	}
}

// A table that changes while it is read makes no sense at worst.
func TestFramesThatMakeNoSense(t *testing.T) {
	torn := make([]uint64, 64)
	for i := range torn {
		torn[i] = flagTail // without a head before them
	}
	torn[0] = 0
	torn[32] = flagHead // a head in the middle, whose tails go on and on
	tables, files := openFrameTables(frameTree(t, map[string][]uint64{"kpageflags": torn}))
	defer tables.close()
	if len(files.Missing) != 2 || !strings.Contains(files.Missing[0].English+files.Missing[1].English, "kpagecount: needs a kernel with") {
		t.Errorf("%+v", files)
	}
	got, err := tables.look(present(5, 6, 33, 63), make([]byte, 64))
	must(t, err)
	if got.Pages != 4 || got.Folios != 3 || got.LargestFolio != 32 || got.MappedByOthers != nil || got.ChargedTo != nil {
		t.Errorf("%+v", got)
	}
}

func TestNoFrameTables(t *testing.T) {
	tables, files := openFrameTables(t.TempDir())
	if tables != nil || len(files.Sources) != 0 || len(files.Missing) != 1 || !strings.Contains(files.Missing[0].English, "kpageflags: needs a kernel with CONFIG_PROC_PAGE_MONITOR") {
		t.Errorf("%+v", files)
	}
}

package export

import (
	"bytes"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/observe"
)

func TestFramesInText(t *testing.T) {
	none, two := int64(0), int64(2)
	for want, frames := range map[string]*observe.Frames{
		"":                           nil,
		"frames":                     {},
		"1 page in 1 folio of 4 KiB": {Pages: 1, Folios: 1, LargestFolio: 1},
		"32 pages in 32 folios of 4 KiB, mapped by this process alone": {
			Pages: 32, Folios: 32, LargestFolio: 1, MappedByOthers: &none, ChargedTo: []observe.Charge{{GroupInode: 1, Pages: 32}},
		},
		"64 pages in 1 folio of 256 KiB, 64 dirty, 64 under writeback, 64 referenced, 64 active, 64 unevictable": {
			Pages: 64, Folios: 1, LargestFolio: 64, Dirty: 64, Writeback: 64, Referenced: 64, Active: 64, Unevictable: 64,
		},
		"6 pages in 2 folios of up to 16 KiB, 2 mapped by others too, charged to 2 control groups": {
			Pages: 6, Folios: 2, LargestFolio: 4, MappedByOthers: &two,
			ChargedTo: []observe.Charge{{GroupInode: 1, Pages: 4}, {GroupInode: 2, Pages: 2}},
		},
	} {
		d := load(t, "user")
		d.Snapshots = append(d.Snapshots, observe.Snapshot{Phase: "read", Counts: &observe.Counts{Frames: frames}})
		var b bytes.Buffer
		if err := Text(&b, d, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		line := "\nframes after “read”: " + want + "\n"
		if frames == nil || frames.Pages == 0 {
			if strings.Contains(b.String(), "\nframes after") {
				t.Errorf("%+v: a line about frames", frames)
			}
		} else if !strings.Contains(b.String(), line) {
			t.Errorf("%+v: no line%s%s", frames, line, b.String())
		}
	}
}

package observe

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/sys"
)

// framesOf returns what the frames told after a phase.
func framesOf(t *testing.T, d *Document, phase string) (*Counts, *Frames) {
	t.Helper()
	i := slices.IndexFunc(d.Snapshots, func(s Snapshot) bool { return s.Phase == phase })
	if i < 0 {
		t.Fatalf("no snapshot after %q", phase)
	}
	counts := d.Snapshots[i].Counts
	if counts.Frames == nil {
		t.Fatalf("after %q nothing is known of the frames: %q", phase, d.Missing)
	}
	return counts, counts.Frames
}

func needsFrames(t *testing.T) {
	t.Helper()
	needsRoot(t)
	f, err := os.Open("/proc/kpageflags")
	if err != nil {
		t.Skipf("needs /proc/kpageflags: %v", err)
	}
	must(t, f.Close())
}

func TestFramesAsRoot(t *testing.T) {
	needsPlainStores(t)
	needsFrames(t)
	const size = 1 << 20
	all := size / sys.PageSize
	path := newFile(t, size)
	d := traced(t, Options{Path: path, Touches: all})
	if strings.Contains(strings.Join(d.Missing, "\n"), errFramesHidden.Error()) {
		t.Skip("needs CAP_SYS_ADMIN")
	}
	coherent(t, d)
	if !slices.Contains(d.Sources, "kpageflags") {
		t.Errorf("sources %q", d.Sources)
	}
	counts, f := framesOf(t, d, "read")
	if f.Pages != int64(all) || f.Pages != counts.Mapped || f.Folios < 1 || f.Folios > f.Pages || f.LargestFolio < 1 {
		t.Errorf("%d pages are mapped, of the frames %+v", counts.Mapped, f)
	}
	if f.LargestFolio == 1 && f.Folios != f.Pages {
		t.Errorf("folios of one page each: %+v", f)
	}
	if f.MappedByOthers != nil && *f.MappedByOthers != 0 {
		t.Errorf("nobody else maps them: %d", *f.MappedByOthers)
	}
	if _, f := framesOf(t, d, "write"); f.Dirty != int64(all) {
		t.Errorf("every page was stored to: %+v", f)
	}
	if f := d.Snapshots[0].Counts.Frames; f == nil || f.Pages != 0 {
		t.Errorf("before the first touch: %+v", f)
	}
}

func TestPagesThatOthersMap(t *testing.T) {
	needsFrames(t)
	path := newFile(t, 1<<20)
	f, err := sys.OpenFile(path, 0, 0)
	must(t, err)
	region, err := sys.MapFile(f, 0, 1<<20, sys.ProtRead, sys.Shared)
	must(t, err)
	defer func() { must(t, errors.Join(region.Release(), f.Close())) }()
	for off := 0; off < 1<<20; off += sys.PageSize {
		_ = region.TouchLoad(off)
	}
	d := traced(t, Options{Path: path, Touches: 1 << 20 / sys.PageSize, NoWrite: true})
	if strings.Contains(strings.Join(d.Missing, "\n"), errFramesHidden.Error()) {
		t.Skip("needs CAP_SYS_ADMIN")
	}
	_, frames := framesOf(t, d, "read")
	if frames.MappedByOthers == nil {
		t.Skip("needs /proc/kpagecount")
	}
	if *frames.MappedByOthers != frames.Pages {
		t.Errorf("the test maps all of %d pages, others are said to map %d", frames.Pages, *frames.MappedByOthers)
	}
}

// A tier that is not root's says why nothing is known of the frames.
func TestFramesAreNotForEveryTier(t *testing.T) {
	path := newFile(t, 1<<20)
	d := traced(t, Options{Path: path, Tier: TierUser, Touches: 2, NoWrite: true})
	for _, s := range d.Snapshots {
		if s.Counts.Frames != nil {
			t.Errorf("%+v", s.Counts.Frames)
		}
	}
	if slices.Contains(d.Sources, "kpageflags") || !strings.Contains(strings.Join(d.Missing, "\n"), "whether others map the pages") {
		t.Errorf("sources %q, missing %q", d.Sources, d.Missing)
	}
}

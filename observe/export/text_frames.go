package export

import (
	"fmt"

	"github.com/filemap-go/filemap/observe"
)

// frames says what the frames told when FILE's pages were last looked at.
func (p *printer) frames() {
	var last *observe.Snapshot
	for i := range p.d.Snapshots {
		s := &p.d.Snapshots[i]
		if s.File == 0 && s.Counts != nil && s.Counts.Frames != nil && s.Counts.Frames.Pages > 0 {
			last = s
		}
	}
	if last == nil {
		return
	}
	f := last.Counts.Frames
	text := fmt.Sprintf("frames after “%s”: %s in %s of ", plain(last.Phase), plural(f.Pages, "page"), plural(f.Folios, "folio"))
	if f.Folios > 1 && f.LargestFolio > 1 {
		text += "up to "
	}
	text += size(f.LargestFolio * p.d.Machine.PageBytes)
	for _, counted := range []struct {
		pages int64
		state string
	}{
		{f.Dirty, "dirty"},
		{f.Writeback, "under writeback"},
		{f.Referenced, "referenced"},
		{f.Active, "active"},
		{f.Unevictable, "unevictable"},
	} {
		if counted.pages > 0 {
			text += fmt.Sprintf(", %s %s", grouped(counted.pages), counted.state)
		}
	}
	if others := f.MappedByOthers; others != nil {
		if *others == 0 {
			text += ", mapped by this process alone"
		} else {
			text += fmt.Sprintf(", %s mapped by others too", grouped(*others))
		}
	}
	if n := len(f.ChargedTo); n > 1 {
		text += fmt.Sprintf(", charged to %d control groups", n)
	}
	p.line("%s", text)
}

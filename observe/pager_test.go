package observe

import (
	"reflect"
	"testing"

	"github.com/filemap-go/filemap/observe/event"
)

func TestOfPager(t *testing.T) {
	const page = 4096
	events := []event.Event{
		event.New(event.Map, 0, 10, 0),
		event.New(event.Fault, 20, 100, 3*page),
		event.New(event.SwapIn, 200, 50, 4*page),
		event.New(event.SwapOut, 300, 5, 3*page),
		event.New(event.DeviceRead, 320, 7, 0),
	}
	events[1].Kind, events[4].Length = event.KindMajor, page
	d := OfPager(events, "a.db", 10*page, page)
	s := d.Summary
	if d.Tier != TierPager || s.WallNS != 327 || s.Faults.Total != 2 || s.Pages.SwappedIn != 1 || s.Pages.SwappedOut != 1 || *s.Pages.DeviceReadBytes != page {
		t.Errorf("%+v, %+v", s, *s.Pages)
	}
	ns := func(n int64) *int64 { return &n }
	if want := []Stage{{1, ns(10), 1}, {2, nil, 0}, {3, ns(157), 3}, {4, ns(5), 1}}; !reflect.DeepEqual(s.Stages, want) {
		t.Errorf("stages %v, expected %v", s.Stages, want)
	}
}

// An access contains its fault, and that the read: the time is counted once. What takes
// place beside it, on another page, is not a part of it.
func TestPagerTimesAreCountedOnce(t *testing.T) {
	const page, begin = 4096, 5_000_000 // the pager has been at work before
	events := []event.Event{
		event.New(event.Access, begin, 100, 3*page), event.New(event.Fault, begin+5, 90, 3*page), event.New(event.DeviceRead, begin+10, 80, 3*page),
		event.New(event.DeviceRead, begin+20, 30, 9*page),
	}
	for i := range events {
		events[i].Length = page
	}
	d := OfPager(events, "a.db", 10*page, page)
	for i, want := range []struct {
		within int
		self   int64
	}{{0, 10}, {1, 10}, {2, 80}, {0, 30}} {
		if e := d.Events[i]; e.Within != want.within || e.SelfNS != want.self || e.StartNS != events[i].StartNS-begin {
			t.Errorf("event %d: %+v, expected %+v", i, e, want)
		}
	}
	if d.Summary.WallNS != 100 || events[0].StartNS != begin {
		t.Errorf("%d ns in all, from %d", d.Summary.WallNS, events[0].StartNS)
	}
}

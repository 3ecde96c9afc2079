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

package filemap

import "testing"

// An address space with room for a number of mappings, some of others among them.
func testMappings(limit, others int64) *mappings {
	u := newMappings()
	u.count = func() (int64, int64, bool) { return u.held.Load() - 1 + others, limit, true }
	return u
}

func takeAll(t *testing.T, u *mappings) (taken int64) {
	t.Helper()
	for u.take() == nil {
		if taken++; taken > 1<<20 {
			t.Fatal("no end")
		}
	}
	return taken
}

func TestMappingsLeaveSomeFree(t *testing.T) {
	for _, c := range []struct{ limit, others, want int64 }{
		{65530, 30, 65530 - leaveFree - 30},
		{65530, 40_000, 65530 - leaveFree - 40_000},
		{1000, 50, 1000 - 1000/8 - 50},
	} {
		u := testMappings(c.limit, c.others)
		got := takeAll(t, u)
		if got > c.want || got < c.want-looksApart {
			t.Errorf("%d of %d were taken beside %d of others, want %d", got, c.limit, c.others, c.want)
		}
		if u.held.Load() != got {
			t.Errorf("%d are held, %d were taken", u.held.Load(), got)
		}
		u.give(100)
		if again := takeAll(t, u); again < 100-looksApart || again > 100+looksApart {
			t.Errorf("when 100 were given back, %d were taken", again)
		}
	}
}

// Looking costs time in proportion to the number of mappings: it must stay rare.
func TestMappingsLooksAreRare(t *testing.T) {
	u := testMappings(65530, 30)
	looks, count := 0, u.count
	u.count = func() (int64, int64, bool) { looks++; return count() }
	takeAll(t, u)
	if looks > 50 {
		t.Errorf("%d looks until it was full", looks)
	}
	looks = 0
	for range 10 * looksApart {
		if u.take() == nil {
			t.Fatal("there was room")
		}
	}
	if looks > 11 {
		t.Errorf("%d looks in %d refusals", looks, 10*looksApart)
	}
}

// What others give back is noticed, after some refusals.
func TestMappingsNoticeRoom(t *testing.T) {
	u := testMappings(65530, 30_000)
	takeAll(t, u)
	held := u.held.Load()
	u.count = func() (int64, int64, bool) { return held, 65530, true }
	for range looksApart + 1 {
		if u.take() == nil {
			return
		}
	}
	t.Error("others have given 30000 back, and nobody noticed")
}

// Where the system does not tell, nothing is refused.
func TestMappingsOfUnknownNumber(t *testing.T) {
	u := newMappings()
	u.count = func() (int64, int64, bool) { return 0, 0, false }
	for range 100_000 {
		if err := u.take(); err != nil {
			t.Fatal(err)
		}
	}
}

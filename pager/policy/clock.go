package policy

// CLOCK, or second chance.
//
// F. J. Corbató: A Paging Experiment with the Multics System. MIT Project MAC,
// report MAC-M-384, 1968. https://apps.dtic.mil/sti/citations/AD0687552
//
// Pages stand in a circle in the order of their coming. A hand goes round: a
// page that was accessed since the hand was there last is passed over, the first
// that was not leaves. The circle is a queue here, and passing over a page moves
// it from the front to the back.
//
// One bit a page is all that an access has to set, which is why every kernel's
// replacement descends from it.
type clock struct {
	frames frames
	circle list
}

const clockUsed = 1

func newClock(capacity int) Policy { return &clock{frames: newFrames(capacity)} }

func (c *clock) Added(p Page) {
	if at := c.frames.find(p); at != 0 {
		c.frames.all[at].mark = clockUsed
		return
	}
	c.frames.add(&c.circle, p)
}

func (c *clock) Used(p Page) {
	if at := c.frames.find(p); at != 0 {
		c.frames.all[at].mark = clockUsed
	}
}

func (c *clock) Removed(p Page) {
	if at := c.frames.find(p); at != 0 {
		c.frames.remove(&c.circle, at)
	}
}

func (c *clock) Victim(state func(Page) State) (Page, bool) {
	f := &c.frames
	for lap := range 3 {
		for range c.circle.length {
			at := c.circle.front
			s := ask(state, f.all[at].page, lap == 2)
			if s == Idle && f.all[at].mark == 0 {
				return f.remove(&c.circle, at), true
			}
			f.all[at].mark = 0
			f.toBack(&c.circle, at)
		}
	}
	return 0, false
}

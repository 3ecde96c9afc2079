//go:build linux

package observe

// folio is frames that the kernel keeps as one.
type folio struct {
	first, pages uint64
	flags        uint64 // of its first frame: older kernels tell them there only
}

// mostOrder bounds the search: 2^18 frames of 4 KiB are 1 GiB, the largest there is.
const mostOrder = 18

// folioOf finds the folio of a frame, of which perhaps a part is mapped. A folio
// of 2^k frames begins at a multiple of 2^k, so its ends are found in a few steps:
//
//	frame                       2  3  4  5  6  7  8
//	flag                        –  –  h  t  t  t  –
//	of frame 7, back:                 h     t        rounded down: 6, then 4, its head
//	from its head, on:                   t  t     –  4+1, 4+2, then 4+4, beyond it
//
// Frames change hands meanwhile: one that makes no sense counts as a folio of its own.
func (c *frameCount) folioOf(frame, flags uint64) (folio, error) {
	alone := folio{frame, 1, flags}
	head := frame
	for order := 1; flags&flagTail != 0; order++ {
		if order > mostOrder {
			return alone, nil
		}
		down := frame &^ (1<<order - 1)
		if down == head {
			continue
		}
		head = down
		var err error
		if flags, err = c.flagsOf(head); err != nil {
			return alone, err
		}
	}
	if flags&flagHead == 0 {
		return alone, nil
	}
	for order := range mostOrder + 1 {
		beyond, err := c.flagsOf(head + 1<<order)
		if err != nil {
			return alone, err
		}
		if f := (folio{head, 1 << order, flags}); beyond&flagTail == 0 && frame-head < f.pages {
			return f, nil
		}
	}
	return alone, nil
}

func (c *frameCount) flagsOf(frame uint64) (uint64, error) {
	err := readFrames(c.tables.flags, frame, c.one[:])
	return frameEntry(c.one[:], 0), err
}

package compare

// walk is a sequence of blocks in random order that costs a nanosecond a step,
// and can be walked again to find out what a run must have done.
type walk struct {
	state, blocks uint64
}

func newWalk(seed uint64, blocks int64) walk {
	// The step's constants need a start that is far from other walks'.
	return walk{state: seed*0x9e3779b97f4a7c15 + 0x632be59bd9b4e019, blocks: uint64(blocks)}
}

// next returns a block's number: Knuth's MMIX generator, the high half of which
// is scaled to the range. A share has fewer than 2^32 blocks or is walked in
// steps of several.
func (w *walk) next() int64 {
	w.state = w.state*6364136223846793005 + 1442695040888963407
	high := w.state >> 32
	if w.blocks <= 1<<32 {
		return int64(high * w.blocks >> 32)
	}
	w.state = w.state*6364136223846793005 + 1442695040888963407
	return int64((high<<32 | w.state>>32) % w.blocks)
}

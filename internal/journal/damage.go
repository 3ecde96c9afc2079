package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// What tells a damaged journal from one that a power cut has torn: see format.go.

// span is a range of the journal's bytes.
type span struct{ begin, end int64 }

// find is a whole header or mark that lies somewhere in a journal.
type find struct {
	header
	mark bool
}

// proves is the last commit that was durable when this was written.
func (f *find) proves() uint64 {
	if f.mark {
		return f.sequence
	}
	return f.sequence - 1
}

// scanStep is a sector of a device: what is put in another's place, at the least.
const scanStep = 512

// scan calls use with the headers and marks in a range of a journal.
func scan(f Source, in span, use func(find)) error {
	size, err := f.Size()
	if err != nil {
		return err
	}
	in.end = min(in.end, size)
	if in.begin >= in.end {
		return nil
	}
	b := make([]byte, min(chunk, in.end-in.begin))
	for at := in.begin; at < in.end; at += chunk {
		n, err := f.ReadAt(b[:min(chunk, in.end-at)], at)
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		for off := 0; off < n; off += scanStep {
			if err := scanAt(f, b[off:n], at+int64(off), size, use); err != nil {
				return err
			}
		}
	}
	return nil
}

func scanAt(f Source, b []byte, at, size int64, use func(find)) error {
	if h, whole := parseMark(b); whole {
		use(find{h, true})
		return nil
	}
	if at%block != 0 || len(b) < fixed || string(b[:len(recordMagic)]) != recordMagic {
		return nil
	}
	le := binary.LittleEndian
	h, state, err := readHeader(f, at, size-at, header{salt: le.Uint64(b[16:]), sequence: le.Uint64(b[24:]), log: le.Uint64(b[logAt:])})
	if err == nil && state == Whole {
		use(find{*h, false})
	}
	return err
}

// damage is that commits are missing from a journal that had them.
type damage struct {
	what   string
	proven uint64 // the last commit that it had
}

func (d *damage) Error() string { return fmt.Sprintf("%v: %s", ErrDamaged, d.what) }

func (d *damage) Unwrap() error { return ErrDamaged }

// judge returns a *[damage] if the journal once had more than what the row that
// counts has until e.
func (h *heads) judge(f Source, e end) error {
	proven, inRow, begun, least := e.sequence, false, false, e.least
	look := func(found find) {
		if found.log != h.row.log {
			return
		}
		if found.salt == h.row.salt {
			least = max(least, found.least)
		}
		if found.proves() > proven {
			proven, inRow = found.proves(), found.salt == h.row.salt
		}
		if !found.mark && found.sequence == e.sequence+1 && found.salt != h.row.salt {
			begun = true
		}
	}
	err := scan(f, span{superblocks, h.row.start}, look)
	if err == nil {
		err = scan(f, span{e.at, math.MaxInt64}, look)
	}
	var size int64
	if err == nil {
		size, err = f.Size()
	}
	other := int64(h.row.number+1) % 2
	switch {
	case err != nil:
		return err
	case size < least:
		return &damage{fmt.Sprintf("it has %d bytes, and had %d at least", size, least), proven}
	case proven > e.sequence && inRow:
		return &damage{fmt.Sprintf("commit %d, at byte %d, is not whole, and commit %d was there", e.sequence+1, e.at, proven), proven}
	case proven > e.sequence || begun && h.broken[other]:
		return &damage{fmt.Sprintf("the superblock at byte %d is not whole, or an old one, and commit %d was there", other*block, max(proven, e.sequence+1)), max(proven, e.sequence+1)}
	}
	return nil
}

//go:build linux

package observe

import (
	"path/filepath"

	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/observe/internal/words"
)

// Advice is given where the evidence decides: the program would have fewer faults that
// wait, or read fewer bytes, whatever it does with what lies between its faults. That
// cannot always be known, since pages that the kernel maps around a fault are used
// without another. There the report says what to try, and how to measure it.
//
//	faults that waited   what came into memory           advice
//	any order            that part of the file, once     MADV_POPULATE_READ before
//	scattered            less of it, and still so much   MADV_RANDOM
//	                     for each that 16 single reads
//	                     are faster
//	any order            anything else, or not known     try and measure
//
// MADV_RANDOM is dangerous advice: a program that reads on from where it is, or uses
// most of a file in the end, then waits for every page.

const (
	manyWaits = 8    // what is worth a word
	manyQuick = 1000 // faults without a wait
	// The part of a file between the first fault and the last has come into memory,
	// once, when what came is so much of it. More has come again: memory is too small.
	allOf, onlyOnce = 0.75, 1.25
	// wasteful is what a read brings in, 2 MiB, that takes as long as the waits for 16
	// single pages: 0.1 ms each, from a device that reads 1.5 GB/s.
	wasteful = 512 // pages
	// aroundPages is what a fault maps of small folios: fault_around_bytes of the kernel.
	aroundPages = 16
)

// advice says what would help the program, file by file.
func (a *attribution) advice() []string {
	advice := []string{}
	add := func(text event.Bilingue) { advice = append(advice, a.doc.say(text)) }
	inGo := int64(0)
	for _, f := range a.doc.Summary.Files {
		w := a.about[f.File]
		if a.doc.Files[f.File].Role != RoleMapped {
			continue
		}
		name := filepath.Base(f.Path)
		if waited := f.Major + f.Slept; waited >= manyWaits {
			add(words.Of("%s: %s", name, w.forWaits(waited, a.page)))
			inGo += w.inGo
		}
		if quick := f.Minor - f.Slept; quick >= manyQuick && f.Pattern == PatternInOrder && w.isDense() {
			add(words.Of("%s: %s", name, words.Of("%d faults, in order, on pages that were in memory: MADV_POPULATE_READ sets the translations of a range in one call instead.", quick)))
		}
	}
	if inGo >= manyWaits {
		add(words.Of("%d of the faults that waited were in a Go program. Each blocks the scheduler's P while it waits; a system call does not: load pages by MADV_POPULATE_READ, or this module's ReadAt and View, before touching them.", inGo))
	}
	return advice
}

// isDense tells whether faults are so close that the kernel's mapping around them
// covers what lies between.
func (w *fileWork) isDense() bool {
	return w.DistinctPages*max(aroundPages, w.largest) >= int64(allOf*float64(w.order.span()))
}

func (w *fileWork) forWaits(waited, page int64) event.Bilingue {
	pattern := words.Of(w.Pattern)
	undecided := func(more event.Bilingue) event.Bilingue {
		return words.Of("%d faults, %s, waited for the device. %s", waited, pattern, w.try(more))
	}
	if w.ReadBytes == nil {
		return undecided(words.Of(". As root, the trace says what was read for them"))
	}
	part := float64(w.added) / float64(w.order.span())
	readAll := part >= allOf && part <= onlyOnce
	each := w.added / max(w.DistinctPages, 1)
	switch {
	case readAll && w.Pattern == PatternInOrder:
		return words.Of("%d faults, %s, waited for the device, which read all of that part of the file: MADV_POPULATE_READ of a few MiB ahead of the reader loads it without a fault.", waited, pattern)
	case readAll && w.Pattern == PatternBackward:
		return words.Of("%d faults, %s, waited for the device, which read all of that part of the file: MADV_POPULATE_READ of a few MiB before each range loads it without a fault.", waited, pattern)
	case readAll:
		return words.Of("%d faults, %s, waited for the device, which read all of that part of the file in the end: MADV_POPULATE_READ of it, before, loads it in order and without a fault.", waited, pattern)
	case w.Pattern == PatternScattered && part < allOf && each >= wasteful && each >= 2*w.largest:
		return words.Of("%d faults, %s, waited for the device, which read %d KiB for each: MADV_RANDOM reads a page for each. Where the program reads on from a place, MADV_POPULATE_READ of what it will read there takes one wait.",
			waited, pattern, each*page>>10)
	}
	return undecided(words.Same(""))
}

// try says what to try where the evidence does not decide.
func (w *fileWork) try(more event.Bilingue) event.Bilingue {
	const measure = "filemap compare --cold "
	switch w.Pattern {
	case PatternScattered:
		return words.Of("MADV_RANDOM reads a page for each, which helps if the program uses only that, and costs a wait for every page if it reads on from there: measure both, for example by %s%s.",
			measure+"--pattern random-read --block 4096 FILE", more)
	case PatternInOrder, PatternBackward:
		return words.Of("If the program uses what lies between, MADV_POPULATE_READ of a few MiB at a time loads it without a fault; if it skips most of it, MADV_RANDOM reads less: measure both, for example by %s%s.", measure+"FILE", more)
	}
	return words.Of("MADV_POPULATE_READ of what it will use, in one call, is what to try first: measure it, for example by %s%s.", measure+"FILE", more)
}

package export

import (
	"github.com/filemap-go/filemap/observe/event"
	"github.com/filemap-go/filemap/observe/internal/words"
)

// scriptWords are the words that the page's script writes, by the names that it has for
// them.
func scriptWords() map[string]event.Bilingue {
	return map[string]event.Bilingue{
		"space": words.Of("address space"), "table": words.Of("page table (MMU)"), "memory": words.Of("memory"), "disk": words.Of("disk"),
		"file": words.Of("the file"), "anonymous": words.Of("no file"), "copy": words.Of("a file of its own"), "swap": words.Of("swap"),
		"nothing": words.Of("nothing mapped"), "frame": words.Of("frame"), "absent": words.Of("not present"), "slot": words.Of("swap slot"),
		"mapped": words.Of("mapped"), "cached": words.Of("cached"), "dirty": words.Of("dirty"), "priv": words.Of("private"), "page": words.Of("page"), "pages": words.Of("pages"),
		"cells": words.Of("a cell is {n} pages"), "cell": words.Of("a cell is a page"), "from": words.Of("pages {a} to {b}"),
		"offset": words.Of("offset"), "took": words.Of("took"), "own": words.Of("own time"), "phase": words.Of("phase"), "seen": words.Of("known by"),
		"minor": words.Of("minor"), "major": words.Of("major"), "slept": words.Of("counted as minor, and slept"),
		"store": words.Of("store"), "load": words.Of("load"), "mapping": words.Of("mapping"), "buffer": words.Of("buffer"), "program": words.Of("program"),
		"cache": words.Of("page cache"), "copy1": words.Of("① copied by the device"), "copy2": words.Of("② copied by the processor"), "same": words.Of("the same frames"),
		"folio": words.Of("folio"), "folios": words.Of("folios"), "play": words.Of("play"), "pause": words.Of("pause"), "where": words.Of("code|by"), "none": words.Of("no event"),
		"seen clock": words.Of("seen|clock"), "seen inferred": words.Of("seen|inferred"), "seen tracepoint": words.Of("seen|tracepoint"),
		"phase map": words.Of("phase|map"), "phase read": words.Of("phase|read"), "phase unmap": words.Of("phase|unmap"),
		"phase map to write": words.Of("phase|map to write"), "phase write": words.Of("phase|write"), "phase sync": words.Of("phase|sync"),
		"phase write again": words.Of("phase|write again"), "phase store privately": words.Of("phase|store privately"), "phase read again": words.Of("phase|read again"),
		"[anonymous memory]": words.Of("[anonymous memory]"), "[not known]": words.Of("[not known]"), "[more files]": words.Of("[more files]"),
		"[heap]": words.Of("[heap]"), "[stack]": words.Of("[stack]"),
	}
}

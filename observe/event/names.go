package event

// Names of events. Each has an entry in [Vocabulary].
const (
	// Stage 1.
	Map     = "map"     // a region was made
	Place   = "place"   // addresses for it were chosen
	Advise  = "advise"  // it was said how it will be used
	Reserve = "reserve" // addresses without memory were taken

	// Stage 2.
	Access    = "access"     // a load or store, and the translation of its address
	FirstByte = "first-byte" // the first load's value was there

	// Stage 3.
	Fault        = "fault"         // no translation: a page is brought in
	WriteProtect = "write-protect" // the translation forbids the store
	CopyOnWrite  = "copy-on-write" // a private page gets a frame of its own
	SwapIn       = "swap-in"       // the page was in swap
	Lookup       = "lookup"        // the page cache was asked
	Readahead    = "readahead"     // it was decided what to read
	Add          = "add"           // frames were put into the cache for it
	DeviceRead   = "device-read"   // the device read
	Wait         = "wait"          // the thread slept until the page was there
	Install      = "install"       // translations were installed
	ReadCall     = "read-call"     // a system call copied from the cache

	// Stage 4.
	Dirty       = "dirty"        // a clean page was changed
	Sync        = "sync"         // it was asked that changes be durable
	Writeback   = "writeback"    // dirty pages were written
	DeviceWrite = "device-write" // the device wrote
	Reprotect   = "re-protect"   // a page that is to be written forbids stores again, so that the next is noticed
	Reclaim     = "reclaim"      // memory was short: pages to evict were looked for
	SwapOut     = "swap-out"     // a page without a file went to swap
	Evict       = "evict"        // a page left memory
	Unmap       = "unmap"        // a region's translations were taken away
)

// Info is what a name means, for whoever reads a trace: kernel-paged and
// user-paged events alike.
type Info struct {
	Name    string   `json:"name"`
	Stage   Stage    `json:"stage"`
	Title   Bilingue `json:"title"`   // a few words
	Did     Bilingue `json:"did"`     // what the kernel (or the pager) did
	Explain Bilingue `json:"explain"` // why, in a sentence
}

// Bilingue is a text in English and in Chinese.
type Bilingue struct {
	English string `json:"en"`
	Chinese string `json:"zh"`
}

// Of returns what is known of a name, and whether it is one of [Vocabulary].
func Of(name string) (Info, bool) {
	i, known := byName[name]
	if !known {
		return Info{}, false
	}
	return Vocabulary[i], true
}

// New makes an event of a name in the vocabulary, at its stage. It panics on
// another name, which is a mistake in the program.
func New(name string, start, duration, offset int64) Event {
	i, known := byName[name]
	if !known {
		panic("event: " + name + " is not in the vocabulary")
	}
	return Event{Stage: Vocabulary[i].Stage, Name: name, StartNS: start, DurationNS: duration, SelfNS: duration, Offset: offset}
}

var byName = func() map[string]int {
	m := make(map[string]int, len(Vocabulary))
	for i, v := range Vocabulary {
		m[v.Name] = i
	}
	return m
}()

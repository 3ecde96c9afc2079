package observe

import (
	"github.com/filemap-go/filemap/observe/event"
)

// Schema names the document that a trace is.
const Schema = "filemap/trace/v1"

// Tiers of sources, from the best.
const (
	TierRoot     = "root"
	TierUser     = "user"
	TierCounters = "counters"
	TierPager    = "pager" // the events are a pager's own
)

// Document is a trace: what happened, in order, and what it adds up to. Times
// count from the beginning of the trace.
type Document struct {
	Schema     string        `json:"schema"`
	Tier       string        `json:"tier"`
	Sources    []string      `json:"sources"`     // what the events are known by
	Missing    []string      `json:"missing"`     // what is not known, and why
	LostEvents int64         `json:"lost_events"` // that the kernel had no room for
	Command    []string      `json:"command,omitempty"`
	CommandRaw [][]byte      `json:"command_base64,omitempty"` // all words, where JSON would change the bytes of one
	PID        int           `json:"pid,omitempty"`            // of a process that was running already
	Settings   Settings      `json:"settings"`
	Machine    Machine       `json:"machine"`
	Files      []File        `json:"files"`
	Regions    []Region      `json:"regions"`
	Events     []event.Event `json:"events"`
	// EventsTotal is how many there were. A long trace of a program keeps a sample of
	// them, evenly spread, with the slowest faults; the summary counts all.
	EventsTotal int64      `json:"events_total"`
	Snapshots   []Snapshot `json:"snapshots"`
	Summary     Summary    `json:"summary"`
	// Chinese is the Chinese of texts in Sources, Missing and the advice, by their English.
	Chinese map[string]string `json:"chinese,omitempty"`
}

// say returns a text's English, and keeps its Chinese.
func (d *Document) say(text event.Bilingue) string {
	if text.Chinese != text.English {
		if d.Chinese == nil {
			d.Chinese = map[string]string{}
		}
		d.Chinese[text.English] = text.Chinese
	}
	return text.English
}

// InBoth returns a text of Sources, Missing or the advice in both languages.
func (d *Document) InBoth(english string) event.Bilingue {
	if chinese, known := d.Chinese[english]; known {
		return event.Bilingue{English: english, Chinese: chinese}
	}
	return event.Bilingue{English: english, Chinese: english}
}

// Settings are what was asked for.
type Settings struct {
	Pattern          Pattern `json:"pattern,omitempty"`
	Touches          int     `json:"touches,omitempty"`
	Advice           string  `json:"advice,omitempty"`
	Cold             bool    `json:"cold,omitempty"`
	Private          bool    `json:"private,omitempty"`
	MemoryLimitBytes int64   `json:"memory_limit_bytes,omitempty"`
	SwapBytes        int64   `json:"swap_bytes,omitempty"`
}

// Machine is where it happened.
type Machine struct {
	Kernel         string `json:"kernel"`
	PageBytes      int64  `json:"page_bytes"`
	FileSystem     string `json:"file_system,omitempty"`
	ReadAheadBytes *int64 `json:"read_ahead_bytes"` // null where the kernel does not tell
}

// File is one that events are about.
type File struct {
	Path      string `json:"path"`
	Raw       []byte `json:"path_base64,omitempty"` // its bytes, where JSON would change them
	SizeBytes int64  `json:"size_bytes"`
	Role      string `json:"role"` // one of the roles

	Major, Minor uint32 `json:"-"`
	Inode        uint64 `json:"-"`
}

// Roles of files.
const (
	RoleFile   = "file"   // that was named
	RoleCopy   = "copy"   // a file of its size beside it, which takes the stores
	RoleSwap   = "swap"   // the swap file that a memory limit needs
	RoleMapped = "mapped" // that a command maps
	RoleRead   = "read"   // that it reads by system calls
	RoleMemory = "memory" // no file: a command's own memory
)

// Region is a mapping as long as it lasted.
type Region struct {
	Address uint64 `json:"address"`
	Length  int64  `json:"length_bytes"`
	Offset  int64  `json:"offset"`
	File    int    `json:"file"`
	Private bool   `json:"private,omitempty"`
	Write   bool   `json:"write,omitempty"`
	StartNS int64  `json:"start_ns"`
	EndNS   int64  `json:"end_ns"`
}

// Snapshot is what the kernel said about every page at a moment between steps.
type Snapshot struct {
	AtNS   int64   `json:"at_ns"`
	Phase  string  `json:"phase"` // after which
	File   int     `json:"file"`
	Runs   []Run   `json:"runs"` // pages that are nowhere in memory are left out
	Cut    bool    `json:"cut,omitempty"`
	Counts *Counts `json:"counts"` // null where the kernel does not tell
}

// Counts are of pages.
type Counts struct {
	Mapped    int64  `json:"mapped_pages"`
	Swapped   int64  `json:"swapped_pages"`
	Anonymous int64  `json:"anonymous_pages"`
	Cached    *int64 `json:"cached_pages"` // null where cachestat(2) refuses
	Dirty     *int64 `json:"dirty_pages"`
	Writeback *int64 `json:"writeback_pages"`

	Frames *Frames `json:"frames"` // null where the tier or the kernel refuses them
}

// Run is a range of pages that are in the same state.
type Run struct {
	Page  int64  `json:"page"`
	Pages int64  `json:"pages"`
	State string `json:"state"` // letters: m mapped, a anonymous, s swapped, c cached, d dirty, w under writeback
}

// Summary is what the events add up to.
type Summary struct {
	WallNS      int64   `json:"wall_ns"`      // from the first step's begin to the last one's end, without RecordingNS
	RecordingNS int64   `json:"recording_ns"` // what looking at pages between the steps took
	FirstByteNS *int64  `json:"first_byte_ns"`
	Stages      []Stage `json:"stages"`
	Faults      Faults  `json:"faults"`
	Pages       *Totals `json:"pages,omitempty"`
	// Of a command:
	Files    []FileFaults `json:"files,omitempty"`
	ExitCode *int         `json:"exit_code,omitempty"` // 128 and the signal's number where one ended it, as shells tell it
	Signal   string       `json:"signal,omitempty"`    // by which it was ended: "SIGSEGV"
	EndedBy  string       `json:"ended_by,omitempty"`  // what ended the trace: EndedByProgram …
	Advice   []string     `json:"advice"`
}

// Stage is what one of the four processes took.
type Stage struct {
	Stage  int    `json:"stage"`
	TimeNS *int64 `json:"time_ns"` // of all its events, what no event within them took; null where none was timed
	Events int    `json:"events"`
}

// Faults are counted twice: by their events and by getrusage(2).
type Faults struct {
	Total       int64 `json:"total"`
	Minor       int64 `json:"minor"` // those that slept included
	Major       int64 `json:"major"`
	Slept       int64 `json:"slept"`     // minor ones that waited for I/O under way
	Elsewhere   int64 `json:"elsewhere"` // of the total, outside the traced regions
	RusageMinor int64 `json:"rusage_minor"`
	RusageMajor int64 `json:"rusage_major"`
	Unseen      int64 `json:"unseen"` // those that getrusage counts and no event tells of
}

// Totals are of pages and bytes, over the whole trace. What a tier cannot see is null.
type Totals struct {
	Touched           int64  `json:"touched_pages"`
	Installed         int64  `json:"installed_pages"` // translations, by faults and around them
	AddedPages        *int64 `json:"added_pages"`     // to the page cache
	DeviceReadBytes   *int64 `json:"device_read_bytes"`
	DeviceWriteBytes  *int64 `json:"device_write_bytes"`
	SwappedOut        int64  `json:"swapped_out_pages"`
	SwappedIn         int64  `json:"swapped_in_pages"`
	DirtiedPages      *int64 `json:"dirtied_pages"`
	ReadAmplification *Ratio `json:"read_amplification"`
	// ReadCallBytes are those that read(2) and its like returned to a program, from
	// files, pipes and all else.
	ReadCallBytes *int64 `json:"read_call_bytes,omitempty"`
}

// Ratio is how many bytes were moved for each byte of a page that was touched.
type Ratio float64

// FileFaults are the faults of a command on one file.
type FileFaults struct {
	File            int     `json:"file"`
	Path            string  `json:"path"`
	Raw             []byte  `json:"path_base64,omitempty"`
	Minor           int64   `json:"minor"`
	Major           int64   `json:"major"`
	Slept           int64   `json:"slept"`
	TimeNS          int64   `json:"time_ns"`
	SlowestNS       int64   `json:"slowest_ns"`
	SlowestOffset   int64   `json:"slowest_offset"`
	DistinctPages   int64   `json:"distinct_pages"`
	DistinctAtLeast bool    `json:"distinct_pages_at_least,omitempty"` // there are more: they were too many to tell apart
	Pattern         string  `json:"pattern"`                           // "in order", "backward", "scattered" …
	ReadBytes       *int64  `json:"read_bytes"`                        // into the page cache, by faults, read(2) and readahead
	ReadCallPages   *int64  `json:"read_call_pages,omitempty"`         // that read(2) looked up in the page cache, each time
	Amplification   *Ratio  `json:"read_amplification"`
	SequentialShare float64 `json:"sequential_share"` // of the faults, at a higher page than the thread's one before
}

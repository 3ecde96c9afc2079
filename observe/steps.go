//go:build linux

package observe

// job is what the child is told to do; the events are made from its answer. Both
// travel as JSON.
type job struct {
	Files         []jobFile
	Steps         []step
	SnapshotPages int64    // of each file, at most
	Exec          [][]byte `json:",omitempty"` // instead of steps: a program to become
	ExecPath      []byte   `json:",omitempty"`
	Proc          string
	Frames        bool `json:",omitempty"` // the kernel's tables of frames are looked at
}

type jobFile struct {
	Path  []byte // its bytes, which need not be UTF-8
	Write bool
}

// Operations of steps.
const (
	opMap    = "map"
	opAdvise = "advise"
	opTouch  = "touch"
	opSync   = "sync"
	opUnmap  = "unmap"
)

// step is one thing that the child does to the one region that it has.
type step struct {
	Op      string
	Phase   string
	File    int
	Private bool    `json:",omitempty"`
	Write   bool    `json:",omitempty"` // of a map: stores are allowed; of a touch: it is a store
	Advice  string  `json:",omitempty"`
	Offsets []int64 `json:",omitempty"`
}

// ready is the child's first answer.
type ready struct {
	Thread  int
	Problem string `json:",omitempty"`
}

// answer is its second.
type answer struct {
	Results []stepResult
	Problem string `json:",omitempty"`
	At      int64  `json:",omitempty"` // offset of the problem
	Shrunk  bool   `json:",omitempty"`
	Frames  frameFiles
}

// stepResult tells when a step began and ended (CLOCK_MONOTONIC) and what was seen.
type stepResult struct {
	Start, End   int64
	Base         uint64 `json:",omitempty"`
	Length       int64  `json:",omitempty"`
	Minor, Major int64
	Touches      []touch `json:",omitempty"`
	Pages        []Run   `json:",omitempty"`
	Cut          bool    `json:",omitempty"`
	Counts       *Counts `json:",omitempty"`
	SnapshotAt   int64   `json:",omitempty"`
}

// took is how long a step took without what the recorder did between its touches.
func (r *stepResult) took() int64 {
	if len(r.Touches) == 0 {
		return r.End - r.Start
	}
	var sum int64
	for i := range r.Touches {
		sum += r.Touches[i].E - r.Touches[i].S
	}
	return sum
}

// touch is one load or store.
type touch struct {
	S, E      int64
	Before, A uint64  // pagemap's entry before and after
	Minor     int64   `json:",omitempty"` // by getrusage, where nothing else tells
	Major     int64   `json:",omitempty"`
	Slept     int64   `json:",omitempty"`
	Installed []pages `json:",omitempty"`
}

// pages is a range of pages, half-open.
type pages struct{ First, Beyond int64 }

package compare

// Schema names the JSON form of a [Report]; it changes when a field's meaning does.
const Schema = "filemap/compare/v1"

// Report is what one run of compare found. Every output, terminal, JSON, HTML,
// SVG and benchmark text, is drawn from it. Numbers carry their unit in the
// field's name; what the system would not tell is null, with a reason in
// Unknown.
type Report struct {
	Schema      string     `json:"schema"`
	Machine     Machine    `json:"machine"`
	File        File       `json:"file"`
	Settings    Settings   `json:"settings"`
	Comparisons []Size     `json:"sizes"`    // one a size; several with --sweep
	Results     []Result   `json:"results"`  // those of the first size: the whole answer without --sweep
	Article     Article    `json:"article"`  // what the article measured
	Measured    Measured   `json:"measured"` // the same ratio here
	Verdict     Verdict    `json:"verdict"`
	Warnings    []string   `json:"warnings"` // what makes the figures worth less, and what to do
	Unknown     []Withheld `json:"unknown"`
	Crossover   *Crossover `json:"crossover"` // with --sweep

	inMemory bool // the file is on a file system without a device
}

// Withheld is a value that this system would not tell, and why.
type Withheld struct {
	Field  string `json:"field"`
	Reason string `json:"reason"`
}

// Machine is where it ran.
type Machine struct {
	OS          string `json:"os"`
	Arch        string `json:"arch"`
	Kernel      string `json:"kernel"`
	Go          string `json:"go"`
	CPUs        int    `json:"cpus"`
	PageBytes   int    `json:"page_bytes"`
	FileSystem  string `json:"file_system"`   // of the file compared
	ReadAheadKB *int64 `json:"read_ahead_kb"` // of its device
}

// File is what was read and written.
type File struct {
	Path string `json:"path"`
	Dir  string `json:"dir"`          // where it was made, "" for the user's own
	Made bool   `json:"made"`         // by compare itself, and removed again
	Copy bool   `json:"copy"`         // a copy of the user's file, which stays as it was
	Of   string `json:"of,omitempty"` // the user's file, when Copy

	// LikeOriginal tells of a Copy whether it lies in memory, when the runs begin, as
	// the user's file did: in folios of the same sizes, on which the number of faults
	// depends. Null: not known. LikeReason is how that is known, or why not.
	LikeOriginal *bool  `json:"like_original"`
	LikeReason   string `json:"like_reason,omitempty"`

	// TrailingBytes are those behind the last whole integer, which nobody reads.
	TrailingBytes int64 `json:"trailing_bytes"`
}

// Settings are what the command line asked for.
type Settings struct {
	Pattern    string `json:"pattern"` // increment, sum, random-read, random-update
	BlockBytes int64  `json:"block_bytes"`
	Goroutines int    `json:"goroutines"`
	Operations int64  `json:"operations_per_run"` // blocks that a run of a random pattern touches; else 0
	Cold       bool   `json:"cold"`
	Warm       bool   `json:"warm"` // asked for: runs that found not all of the file in memory are invalid
	Durable    bool   `json:"durable"`
	RunsMin    int    `json:"runs_min"`
	TimeNs     int64  `json:"time_ns"` // budget for measuring, of each size
	Seed       uint64 `json:"seed"`    // of the order of runs and of random blocks
}

// Size is the comparison at one file size.
type Size struct {
	SizeBytes int64    `json:"size_bytes"`
	Integers  int64    `json:"integers"` // how many int32 that is
	Results   []Result `json:"results"`
}

// Result is one contender's. Counts are per run, medians over the samples.
//
// Faults and sleeps are those of the measuring thread, or, with several
// goroutines, of the process (getrusage). System calls and copied bytes are
// counted by the contender itself: each open, read, write, sync and close that
// it makes; for a mapping those that the library makes, without what it takes to
// move a large mapping to a better address and to give addresses back. Bytes read
// by the device are what the kernel accounts to the thread, or the process;
// bytes written are the device's own count, other programs' included.
type Result struct {
	Contender   string `json:"contender"`   // short: "read/write", "map kept"
	Description string `json:"description"` // one sentence
	Family      string `json:"family"`      // "read/write", "mapping" or "pager"

	MedianNs  float64   `json:"median_ns"`
	LowNs     float64   `json:"low_ns"` // 95 % interval of the median
	HighNs    float64   `json:"high_ns"`
	SamplesNs []float64 `json:"samples_ns"` // one a sample, per run, in the order they were taken
	Runs      int       `json:"runs"`       // samples

	// RunsPerSample is how many runs were timed together, since one is short
	// against the clock's resolution.
	RunsPerSample int `json:"runs_per_sample"`

	// RatioToReadWrite is the article's read/write divided by this: above 1 is
	// faster than read/write.
	RatioToReadWrite float64 `json:"ratio_to_readwrite"`
	Significant      bool    `json:"significant"` // false is "~"
	PValue           float64 `json:"p_value"`

	// P50Ns and P99Ns are of one operation of a random pattern. Every 32nd
	// operation is timed (every one with --cold), and what looking at the clock
	// costs is taken off.
	P50Ns *float64 `json:"p50_ns"`
	P99Ns *float64 `json:"p99_ns"`

	Verified    bool   `json:"verified"`
	ColdChecked *bool  `json:"cold_checked"` // with --cold: the file was seen to be out of memory before each counted run
	InvalidRuns int    `json:"invalid_runs"` // not counted: "cold" runs that were not
	Outcome     string `json:"outcome"`      // "ok", or the error
	failure     bool   // Outcome is one: the command fails

	SetupNs float64 `json:"setup_ns"` // per run, not in MedianNs
	EvictNs float64 `json:"evict_ns"`

	FaultsMinor       *float64 `json:"faults_minor"`
	FaultsMajor       *float64 `json:"faults_major"`
	Sleeps            *float64 `json:"sleeps"` // voluntary context switches: faults and reads that waited
	SystemCalls       *float64 `json:"system_calls"`
	CopiedBytes       *float64 `json:"copied_bytes"` // through system calls, both ways
	DeviceReadBytes   *float64 `json:"device_read_bytes"`
	DeviceWriteBytes  *float64 `json:"device_write_bytes"`
	ReadAmplification *float64 `json:"read_amplification"` // device bytes read per byte asked for
}

// Article is the origin's result. Its two times are given as it printed them, since
// their unit is not what it says: see Note. The ratio has no unit.
type Article struct {
	ReadWritePrinted string  `json:"readwrite_printed"`
	MappingPrinted   string  `json:"mapping_printed"`
	Ratio            float64 `json:"ratio"`
	Note             string  `json:"note"` // what to know of the two
}

// TheArticle printed "154 ms" for read/write and "68 ms" for mapping.
var TheArticle = Article{
	ReadWritePrinted: "154 ms", MappingPrinted: "68 ms", Ratio: 2.26,
	Note: "The article's program prints microseconds and calls them ms: its 154 and 68 are very probably µs. The ratio is the same in either.",
}

// Measured is the article's ratio on this machine: its read/write over the best
// mapping contender, over the article's own way (map, use, unmap), and best over best.
type Measured struct {
	Ratio           float64 `json:"ratio"`              // read/write ÷ mapping kept
	RatioOneShot    float64 `json:"ratio_one_shot"`     // read/write ÷ mapped, used, unmapped each time
	RatioBestToBest float64 `json:"ratio_best_to_best"` // best read/write ÷ best mapping

	// Whether the three ratios are by more than chance other than 1.
	Significant           bool `json:"significant"`
	SignificantOneShot    bool `json:"significant_one_shot"`
	SignificantBestToBest bool `json:"significant_best_to_best"`

	BestMapping   string `json:"best_mapping"`
	BestReadWrite string `json:"best_readwrite"`
}

// Verdict is the answer in words.
type Verdict struct {
	Winner   string `json:"winner"` // "mapping", "read/write", "neither"
	Sentence string `json:"sentence"`
	Cause    string `json:"cause"`
	Remedy   string `json:"remedy,omitempty"`
}

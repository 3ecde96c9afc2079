package compare

import "github.com/filemap-go/filemap"

// contender is one way to do the work.
type contender struct {
	name, description, family string

	// advice is what a mapping is opened with; a system may not know it.
	advice []filemap.Option

	// setup does once what the contender keeps: nothing of it is in the time.
	setup func(*job) (task, error)
}

// task is a contender that is set up.
type task interface {
	run(*job) error // all of the work once, timed
	close() error
}

// The families and the contenders that the verdict, and the outputs, know by name.
const (
	FamilyReadWrite = "read/write"
	FamilyMapping   = "mapping"
	FamilyPager     = "pager" // mapped and paged in user space

	NameReadWrite  = "read/write" // the article's, and the baseline of every ratio
	NameRWKept     = "read/write kept"
	NameRWPieces   = "read/write 64 KiB"
	NameOneShot    = "map each time" // the article's other half
	NameKept       = "map kept"
	NamePopulate   = "map populate"
	NameRandom     = "map random"
	NameKeptRandom = "map kept random"
	NamePager      = "pager"
)

const pieceBytes = 64 << 10

// contenders are those that make sense for the pattern, the article's read/write
// first. All that open the file do so inside the time, and close it; all that
// "keep" did so before.
func contenders(p Pattern) []contender {
	if p.random() {
		return append(append(randomReadWrite(p), randomMapping()...), userPaged(p))
	}
	return append(append(orderedReadWrite(p), orderedMapping()...), userPaged(p))
}

func orderedReadWrite(p Pattern) []contender {
	whole, pieces := "read into one buffer", "read in pieces of 64 KiB"
	if p.writes() {
		whole, pieces = whole+", +1, written back", pieces+", +1, written back"
	}
	return []contender{
		{NameReadWrite, "open, " + whole + ", close, each time (the buffer is kept)", FamilyReadWrite, nil, readWriteIn(false, bufferMax)},
		{NameRWKept, whole + "; descriptor and buffer are kept", FamilyReadWrite, nil, readWriteIn(true, bufferMax)},
		{NameRWPieces, pieces + "; descriptor and buffer are kept", FamilyReadWrite, nil, readWriteIn(true, pieceBytes)},
	}
}

func randomReadWrite(p Pattern) []contender {
	block := "a pread for each block"
	if p.writes() {
		block = "a pread and a pwrite for each block"
	}
	return []contender{
		{NameReadWrite, "open, " + block + ", close, each time (the buffer is kept)", FamilyReadWrite, nil, readWriteIn(false, bufferMax)},
		{NameRWKept, block + "; descriptor and buffer are kept", FamilyReadWrite, nil, readWriteIn(true, bufferMax)},
	}
}

func orderedMapping() []contender {
	return append(commonMapping(),
		eachTime("map sequential", "advised Sequential: ", filemap.Sequential))
}

func randomMapping() []contender {
	return append(commonMapping(),
		eachTime(NameRandom, "advised Random, no readahead: ", filemap.Random),
		once(NameKeptRandom, "mapped once, advised Random, and kept", filemap.Random))
}

const oneShot = "open, map, use, unmap, close, each time"

func commonMapping() []contender {
	populated := eachTime(NamePopulate, "all pages populated by one call: ")
	populated.setup = func(j *job) (task, error) { return setupMapped(j, false, true) }
	return []contender{
		eachTime(NameOneShot, ""),
		once(NameKept, "mapped once and kept"),
		populated,
		eachTime("map will-need", "advised WillNeed: ", filemap.WillNeed),
		eachTime("map huge page", "advised HugePage: ", filemap.HugePage),
	}
}

func readWriteIn(keepOpen bool, maxBytes int64) func(*job) (task, error) {
	return func(j *job) (task, error) { return setupReadWrite(j, keepOpen, maxBytes) }
}

// eachTime puts the difference first, where a description that is cut still has it.
func eachTime(name, difference string, advice ...filemap.Option) contender {
	return contender{name, difference + oneShot, FamilyMapping, advice, func(j *job) (task, error) {
		return setupMapped(j, false, false, advice...)
	}}
}

func once(name, description string, advice ...filemap.Option) contender {
	return contender{name, description, FamilyMapping, advice, func(j *job) (task, error) {
		return setupMapped(j, true, false, advice...)
	}}
}

package compare

import "github.com/filemap-go/filemap"

// contender is one way to do the work.
type contender struct {
	name, description, family string

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

	NameReadWrite  = "read/write" // the article's, and the baseline of every ratio
	NameRWKept     = "read/write kept"
	NameRWPieces   = "read/write 64 KiB"
	NameOneShot    = "map each time" // the article's other half
	NameKept       = "map kept"
	NamePopulate   = "map populate"
	NameRandom     = "map random"
	NameKeptRandom = "map kept random"
)

const pieceBytes = 64 << 10

// contenders are those that make sense for the pattern, the article's read/write
// first. All that open the file do so inside the time, and close it; all that
// "keep" did so before.
func contenders(p Pattern) []contender {
	if p.random() {
		return append(randomReadWrite(p), randomMapping()...)
	}
	return append(orderedReadWrite(p), orderedMapping()...)
}

func orderedReadWrite(p Pattern) []contender {
	whole, pieces := "read into one buffer", "read in pieces of 64 KiB"
	if p.writes() {
		whole, pieces = whole+", +1, written back", pieces+", +1, written back"
	}
	return []contender{
		{NameReadWrite, "open, " + whole + ", close, each time (the buffer is kept)", FamilyReadWrite, readWriteIn(false, bufferMax)},
		{NameRWKept, whole + "; descriptor and buffer are kept", FamilyReadWrite, readWriteIn(true, bufferMax)},
		{NameRWPieces, pieces + "; descriptor and buffer are kept", FamilyReadWrite, readWriteIn(true, pieceBytes)},
	}
}

func randomReadWrite(p Pattern) []contender {
	block := "a pread for each block"
	if p.writes() {
		block = "a pread and a pwrite for each block"
	}
	return []contender{
		{NameReadWrite, "open, " + block + ", close, each time (the buffer is kept)", FamilyReadWrite, readWriteIn(false, bufferMax)},
		{NameRWKept, block + "; descriptor and buffer are kept", FamilyReadWrite, readWriteIn(true, bufferMax)},
	}
}

func orderedMapping() []contender {
	return append(commonMapping(),
		contender{"map sequential", oneShot + ", advised Sequential", FamilyMapping, mappedEachTime(filemap.Sequential)})
}

func randomMapping() []contender {
	return append(commonMapping(),
		contender{NameRandom, oneShot + ", advised Random: no readahead", FamilyMapping, mappedEachTime(filemap.Random)},
		contender{NameKeptRandom, "mapped once, advised Random, and kept", FamilyMapping, mappedOnce(filemap.Random)})
}

const oneShot = "open, map, use, unmap, close, each time"

func commonMapping() []contender {
	return []contender{
		{NameOneShot, oneShot, FamilyMapping, mappedEachTime()},
		{NameKept, "mapped once and kept", FamilyMapping, mappedOnce()},
		{NamePopulate, oneShot + ", all pages populated by one call", FamilyMapping, populatedEachTime()},
		{"map will-need", oneShot + ", advised WillNeed", FamilyMapping, mappedEachTime(filemap.WillNeed)},
		{"map huge page", oneShot + ", advised HugePage", FamilyMapping, mappedEachTime(filemap.HugePage)},
	}
}

func readWriteIn(keepOpen bool, maxBytes int64) func(*job) (task, error) {
	return func(j *job) (task, error) { return setupReadWrite(j, keepOpen, maxBytes) }
}

func mappedEachTime(advice ...filemap.Option) func(*job) (task, error) {
	return func(j *job) (task, error) { return setupMapped(j, false, false, advice...) }
}

func mappedOnce(advice ...filemap.Option) func(*job) (task, error) {
	return func(j *job) (task, error) { return setupMapped(j, true, false, advice...) }
}

func populatedEachTime() func(*job) (task, error) {
	return func(j *job) (task, error) { return setupMapped(j, false, true) }
}

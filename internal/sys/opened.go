package sys

import "io/fs"

// Opened is how a descriptor was opened, as far as that decides what it serves for.
type Opened struct {
	Read, Write bool
	Append      bool // every write goes to the end of the file, whatever its offset says (O_APPEND)
	Direct      bool // reads and writes must be aligned (O_DIRECT)
	Name        bool // it names a file and opens none (O_PATH)
}

// Change is what [File.Fixed] is asked about.
type Change uint8

// The changes that something about a file can forbid.
const (
	Stores Change = 1 << iota // to bytes that the file has
	Growth
	Shrinking
)

// Fixed says what about a file forbids a change, whoever asks for it.
type Fixed struct{ Why string }

func (e *Fixed) Error() string { return e.Why }

// Is makes the error match [fs.ErrPermission].
func (e *Fixed) Is(target error) bool { return target == fs.ErrPermission }

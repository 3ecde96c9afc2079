// Package sys is filemap's only door to the operating system: no other package
// of the module makes a system call of its own or imports x/sys or syscall.
//
// It has two nouns. A [File] is an open descriptor (a handle on Windows). A
// [Region] is a contiguous range of addresses, whole pages of it, which either
// maps a range of a file, or anonymous memory, or is retired: reserved without
// access, so that nothing else can be mapped there.
//
// Errors are what the system said (an errno, which matches the errors of
// package io/fs through [errors.Is]) or an [Unsupported] where this system has
// no such call. The caller adds the operation, path and range.
//
// Files are named by what they hold and where it holds: *_linux, *_darwin,
// *_bsd, *_unix (all of these), *_windows, and *_other for systems without
// mappings (js/wasm, wasip1, plan9, and every other), where a region is an
// ordinary copy in memory.
package sys

import (
	"errors"
	"io/fs"
	"os"
	"runtime"
)

// Kind says what a path names.
type Kind uint8

// The kinds of file that [File.Stat] tells apart.
const (
	Regular Kind = iota
	Directory
	Pipe
	Socket
	Device
	Irregular
)

// String names the kind as it is used in an error: "a directory".
func (k Kind) String() string {
	switch k {
	case Regular:
		return "a regular file"
	case Directory:
		return "a directory"
	case Pipe:
		return "a named pipe"
	case Socket:
		return "a socket"
	case Device:
		return "a device"
	}
	return "not a regular file"
}

// Unopenable tells what path names where err is that there is nothing to open behind
// it, as of a socket, or of a device that there is not.
func Unopenable(path string, err error) (Kind, bool) {
	if !isNoDevice(err) {
		return 0, false
	}
	st, statErr := os.Stat(path)
	switch {
	case statErr != nil:
	case st.Mode()&fs.ModeSocket != 0:
		return Socket, true
	case st.Mode()&fs.ModeDevice != 0:
		return Device, true
	}
	return 0, false
}

// Stat is what the library needs to know of an open file.
type Stat struct {
	Size  int64 // in bytes
	Kind  Kind
	Block int64 // in which the file is best read and written, in bytes; 0: not known

	// OnDevice: the file system has a block device of its own. It is none of those in
	// memory, over other file systems or on a network, which have the oddities.
	OnDevice bool
}

// OpenFlag says how [OpenFile] opens a file.
type OpenFlag uint8

// Flags for [OpenFile]. Without Write the file is opened for reading only.
const (
	Write    OpenFlag = 1 << iota
	Create            // make the file if it is missing
	Excl              // with Create: the file must be missing
	Truncate          // with Write: empty the file
)

// Prot is what an access to a region may do.
type Prot uint8

// Protections. ProtRead alone is a read-only region.
const (
	ProtRead Prot = 1 << iota
	ProtWrite
	ProtExec
)

// Sharing says who sees a store to a region.
type Sharing uint8

// Shared stores go to the file; private ones stay in this process (copy-on-write).
// Staged is private too, and sets no swap space aside for stores that may never
// come (MAP_NORESERVE, where there is such a promise).
const (
	Shared Sharing = iota
	Private
	Staged
)

// Advice is a hint for a range of a region, named as in madvise(2).
type Advice uint8

// Every advice that some system knows. [Region.Advise] returns [Unsupported]
// where this one does not.
const (
	Normal Advice = iota
	Random
	Sequential
	WillNeed
	Cold
	PageOut
	PopulateRead
	PopulateWrite
	HugePage
	NoHugePage
	Collapse
	DontFork
	DoFork
	DontDump
	DoDump
	Mergeable
	Unmergeable
	DontNeed
	Free
	Remove
	WipeOnFork
	KeepOnFork
)

// Unsupported says that this system has no call for What. It matches
// [errors.ErrUnsupported].
type Unsupported struct{ What string }

func (e *Unsupported) Error() string {
	return e.What + " is not available on " + runtime.GOOS
}

// Is makes the error match [errors.ErrUnsupported].
func (e *Unsupported) Is(target error) bool { return target == errors.ErrUnsupported }

func unsupported(what string) error { return &Unsupported{what} }

// PageStatus is what is known of one page of a region.
type PageStatus uint8

// The states that [Region.Resident] reports.
const (
	Absent PageStatus = iota
	Resident
)

// What [Region.Probe] tells apart.
var (
	ErrBus       = errors.New("the page cannot be provided") // SIGBUS
	ErrProtected = errors.New("the page does not allow it")  // SIGSEGV
)

// What [File.ReadNoWait] tells apart.
var (
	ErrWouldWait  = errors.New("not in memory")
	ErrCannotTell = errors.New("not known whether it is in memory")
)

// NoSpace tells whether err says that the device or the user's quota is full.
func NoSpace(err error) bool { return isNoSpace(err) }

// NoMemory tells whether err says that addresses, mappings or memory ran out.
func NoMemory(err error) bool { return isNoMemory(err) }

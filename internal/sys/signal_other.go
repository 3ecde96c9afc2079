//go:build !(linux || darwin || freebsd || openbsd || netbsd || dragonfly)

package sys

import "os"

// EndSignals are those by which a user or the system asks a process to end.
var EndSignals = []os.Signal{os.Interrupt, Terminate}

// FromKey is false: there are no signals of keys for all processes of a terminal.
func FromKey(os.Signal) bool { return false }

// KeepPipeErrors does nothing: a write to a pipe that nobody reads is an error.
func KeepPipeErrors() {}

// BrokenPipe is false: such an error is one like others.
func BrokenPipe(error) bool { return false }

// PipeStatus is the exit status where a pipe that nobody reads is no reason of its own.
const PipeStatus = 1

// SignalStatus is 1: statuses do not tell of signals.
func SignalStatus(os.Signal) int { return 1 }

// EndBy returns: a process cannot end by a signal.
func EndBy(os.Signal) {}

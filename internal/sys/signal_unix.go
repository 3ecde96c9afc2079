//go:build linux || darwin || freebsd || openbsd || netbsd || dragonfly

package sys

import (
	"errors"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

// EndSignals are those by which a user, a terminal that is closed, or the system
// asks a process to end.
var EndSignals = []os.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT}

// FromKey tells whether a terminal sends the signal, when a key is pressed, to all
// processes in its foreground.
func FromKey(s os.Signal) bool { return s == syscall.SIGINT || s == syscall.SIGQUIT }

// KeepPipeErrors makes a write to a pipe that nobody reads an error, also on standard
// output, where it would end the process at once (SIGPIPE).
func KeepPipeErrors() {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}

// BrokenPipe tells whether a write failed since nobody reads any more (EPIPE).
func BrokenPipe(err error) bool { return errors.Is(err, unix.EPIPE) }

// PipeStatus is the exit status of a program that SIGPIPE ends, as a shell tells it.
const PipeStatus = shellStatus + int(syscall.SIGPIPE)

const shellStatus = 128

// SignalStatus is the exit status of a program that a signal ends, as a shell tells
// it.
func SignalStatus(s os.Signal) int {
	if number, known := s.(syscall.Signal); known {
		return shellStatus + int(number)
	}
	return 1
}

// EndBy ends this process by a signal, so that its parent learns of it: a shell
// then ends the script too. It returns where the signal does not end the process.
func EndBy(s os.Signal) {
	number, known := s.(syscall.Signal)
	if !known || number == syscall.SIGQUIT { // Go's runtime would print every goroutine
		return
	}
	signal.Reset(s)
	_ = unix.Kill(unix.Getpid(), number)
}

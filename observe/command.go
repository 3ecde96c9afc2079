package observe

import (
	"io"
	"time"
)

// CommandOptions say which program [Command] runs, or which process it attaches to.
type CommandOptions struct {
	Argv []string // the program's name, looked up as the shell does, and its arguments
	PID  int      // instead of Argv: a process that is running
	Tier string   // TierRoot, TierUser or TierCounters to use no better one; "" for the best

	// Duration ends the trace after so long, 0 never. A program of Argv is then asked
	// to end, by SIGTERM; a process of PID goes on.
	Duration time.Duration

	// Where the program's input comes from and its output goes; nil for nowhere.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	Proc, Sys string // where /proc and /sys are; "" for there
}

// What ended the trace of a program, in [Summary.EndedBy].
const (
	EndedByProgram  = "program"  // it ended by itself
	EndedBySignal   = "signal"   // to the tracer, which passed it on
	EndedByDuration = "duration" // its time was over
)

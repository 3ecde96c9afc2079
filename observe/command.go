package observe

import "io"

// CommandOptions say which program [Command] runs.
type CommandOptions struct {
	Argv []string // its name, looked up as the shell does, and its arguments
	Tier string   // TierRoot, TierUser or TierCounters to use no better one; "" for the best

	// Where its input comes from and its output goes; nil for nowhere.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	Proc, Sys string // where /proc and /sys are; "" for there
}

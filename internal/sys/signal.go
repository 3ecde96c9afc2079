package sys

import (
	"os"
	"syscall"
)

// Terminate is the signal by which a system asks a process to end. Where there
// are no signals it is never sent.
var Terminate os.Signal = syscall.SIGTERM

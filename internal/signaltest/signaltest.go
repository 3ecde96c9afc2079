// Package signaltest is for tests of what signals do to programs.
package signaltest

import (
	"os"
	"os/signal"

	"github.com/filemap-go/filemap/internal/sys"
)

// Heed has the programs that a test starts notice every signal that asks for the end.
// What started the tests may ignore some (nohup, a shell's &), and children inherit
// that; a signal that is caught is at its default in what exec(2) starts.
func Heed() {
	for _, s := range sys.EndSignals {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

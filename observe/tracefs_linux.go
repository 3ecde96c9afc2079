package observe

import (
	"os"

	"github.com/filemap-go/filemap/internal/sys"
)

const nonBlocking = sys.NonBlocking

// readOnce reads what there is; nothing is not an error.
func readOnce(f *os.File, into []byte) (int, error) { return sys.ReadAvailable(f, into) }

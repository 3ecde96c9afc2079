package filemap_test

import (
	"errors"
	"io/fs"
	"math"
	"strings"
	"testing"

	"github.com/filemap-go/filemap"
)

// TestMessagesSayWhatToDo reads errors as somebody does that meets the library for the
// first time.
func TestMessagesSayWhatToDo(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	readOnly := open(t, path, filemap.Reserve(0))
	says := func(err, target error, says, not string) {
		t.Helper()
		wantError(t, err, target)
		if err != nil && (!strings.Contains(err.Error(), says) || not != "" && strings.Contains(err.Error(), not)) {
			t.Errorf("%q does not say %q, or says %q", err, says, not)
		}
	}
	_, err := filemap.Create(path, 100, filemap.Private)
	says(err, fs.ErrExist, "filemap.Overwrite", "")
	_, err = readOnly.Append([]byte("x"))
	says(err, filemap.ErrReadOnly, "filemap.ReadWrite", "Private")
	says(readOnly.Resize(5), filemap.ErrReadOnly, "filemap.ReadWrite", "Private")
	_, err = readOnly.WriteAt([]byte("x"), 0)
	says(err, filemap.ErrReadOnly, "filemap.ReadWrite", "load")
	says(filemap.Store(readOnly, 0, uint16(1)), filemap.ErrReadOnly, "filemap.ReadWrite", "load")
	_, err = filemap.Open(path, filemap.ReadWrite, filemap.Atomic, filemap.Reserve(1<<20))
	says(err, filemap.ErrOption, "Atomic does not go with Reserve", "OrRead")
	_, err = filemap.Open(path, filemap.ReadWrite, filemap.Staged, filemap.OrRead)
	says(err, filemap.ErrOption, "Staged does not go with OrRead", "Reserve")
	_, err = filemap.Open(path, filemap.Atomic)
	says(err, filemap.ErrOption, "Atomic goes with ReadWrite, not with read-only", "Staged")
	_, err = filemap.Open(path, filemap.Sparse)
	says(err, filemap.ErrOption, "to this call: Sparse", "")
	_, err = readOnly.Slice(math.MaxInt64, 10)
	says(err, filemap.ErrBounds, "[9223372036854775807, +10)", "-922")
	_, err = readOnly.Slice(5, -7)
	says(err, filemap.ErrBounds, "[5, +-7)", "")
	_, err = readOnly.Move(-1)
	says(err, filemap.ErrBounds, "negative", "")
}

func TestSecondAtomicMapIsTold(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	first := open(t, path, filemap.ReadWrite, filemap.Atomic)
	_, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
	wantError(t, err, filemap.ErrLocked)
	if err == nil || !strings.Contains(err.Error(), "another Atomic Map") {
		t.Errorf("%v", err)
	}
	closeQuietly(t, first)
}

// TestStoreUnderGuardIsRefusedFirst: of a fault in a ReadOnly Map nobody knows for
// certain that it was a store, but that is what it mostly is.
func TestStoreUnderGuardIsRefusedFirst(t *testing.T) {
	m := open(t, writeFile(t, pattern(100)))
	if m.Backing() != filemap.Mapped {
		t.Skip("memory is not mapped on this system: a store to a copy does not fail")
	}
	err := m.Guard(func() error { m.Bytes()[0] = 1; return nil })
	wantError(t, err, filemap.ErrReadOnly)
	if err != nil && !strings.Contains(err.Error(), "a store failed") {
		t.Error(err)
	}
	if errors.Is(err, fs.ErrPermission) {
		t.Error("no permission is missing")
	}
}

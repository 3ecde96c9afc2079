package sys

import (
	"path/filepath"
	"testing"
)

// What the file system has no room for is refused before it is full.
func TestZerosThatDoNotFit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f, err := OpenFile(path, Write|Create, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, known := f.freeBytes(); !known {
		t.Skip("needs a file system that tells how much room it has")
	}
	if err := f.writeZeros(0, 1<<60); !NoSpace(err) {
		t.Errorf("%v", err)
	}
	if st, err := f.Stat(); err != nil || st.Size != 0 {
		t.Errorf("%d bytes were written, %v", st.Size, err)
	}
}

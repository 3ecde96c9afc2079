package sys

import (
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"testing"
)

// Whatever is opened, duplicated and mapped, and fails to be, leaves no handle
// or descriptor behind.
func TestNoHandleIsLeaked(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, pattern(Granularity+1), 0o644))
	directory := t.TempDir()
	round := func() {
		f, err := OpenFile(path, Write, 0)
		must(t, err)
		for _, mode := range modes {
			for _, prot := range []Prot{mode.prot, mode.prot | ProtExec} {
				r, err := MapFile(f, 0, PageSize+1, prot, mode.sharing)
				if err != nil {
					continue
				}
				must(t, ignore(r.Sync(f, 0, PageSize), errors.ErrUnsupported))
				must(t, r.Retire())
				must(t, r.Release())
			}
		}
		if _, err := MapFile(f, int64(16*Granularity), 1<<20, ProtRead|ProtWrite, Private); err == nil {
			t.Log("beyond the end can be mapped here")
		}
		must(t, f.Close())
		if _, err := OpenFile(filepath.Join(directory, "missing"), 0, 0); err == nil {
			t.Error("a missing file was opened")
		}
		file, err := os.Open(path)
		must(t, err)
		dup, err := DupFile(file)
		must(t, err)
		must(t, errors.Join(dup.Close(), file.Close()))
		dir, _, err := OpenDirOf(path)
		must(t, err)
		must(t, errors.Join(dir.Sync(), dir.Close()))
	}
	round()
	debug.FreeOSMemory() // what the garbage collector wants to open
	before := openHandles()
	if before == 0 {
		t.Skip("this system does not tell how many handles are open")
	}
	for range 50 {
		round()
	}
	// The runtime opens a few of its own as threads come.
	if after := openHandles(); after > before+20 {
		t.Errorf("%d handles before, %d after", before, after)
	}
}

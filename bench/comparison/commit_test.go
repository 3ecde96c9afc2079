package comparison

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/filemap-go/filemap/bench/harness"
)

// Every engine commits what it should, and the check finds it when one did not.
func TestCommitEngines(t *testing.T) {
	for _, e := range engines() {
		t.Run(e.name, func(t *testing.T) {
			var last store
			watched := e
			watched.open = func(dir string, pages uint64) (store, error) {
				var err error
				last, err = e.open(dir, pages)
				return last, err
			}
			task, err := committing{pages: 3}.newTask(watched, nil, t.TempDir(), 100)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := task.Measure(5); err != nil {
				t.Error(err)
			}
			if err := task.Check(5); err != nil {
				t.Error(err)
			}
			all := make([]uint64, 100)
			for i := range all {
				all[i] = uint64(i)
			}
			if err := last.commit(all, func(_ uint64, b []byte) { clear(b) }); err != nil {
				t.Fatal(err)
			}
			if err := task.Check(5); !errors.Is(err, harness.ErrWrong) {
				t.Errorf("other pages: %v", err)
			}
			if err := task.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Everybody who is compared stores what is looked for.
func TestSparseStorers(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	if err := makeFile(path, amplifiedStores*amplifiedStride, func([]byte, int64) {}); err != nil {
		t.Fatal(err)
	}
	for i, s := range sparseStorers() {
		value := byte(i + 1)
		if err := checkStored(path, value); !errors.Is(err, harness.ErrWrong) {
			t.Errorf("%s: before it stored: %v", s.name, err)
		}
		if err := errors.Join(s.store(path, value), checkStored(path, value)); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}

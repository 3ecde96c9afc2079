package filemap_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/filemap-go/filemap"
)

// Locked pages are let go like others: a Commit that is durable says so, and
// Discard discards. Locking makes nothing look changed.
func TestLockedPagesAreWrittenAndDropped(t *testing.T) {
	page := int64(filemap.PageBytes())
	for _, mode := range stagedModes {
		for _, bare := range []bool{false, true} {
			for _, how := range []string{"page", "all", "option"} {
				want := pattern(int(20*page) + 100)
				options := []filemap.Option{filemap.ReadWrite, mode}
				if how == "option" {
					options = append(options, filemap.Locked)
				}
				path := writeFile(t, want)
				m := open(t, path, options...)
				switch how {
				case "page":
					must(t, m.Lock(0, 1))
				case "all":
					must(t, m.Lock(0, filemap.ToEnd))
				}
				if bare {
					m.Bytes()
				}
				wantSynced(t, m, want)
				if t.Failed() {
					t.Fatalf("%v, %s, slices %v", mode, how, bare)
				}
			}
		}
	}
}

// wantSynced stores to a Map of a file that holds want, and checks what Sync and
// Discard make of it.
func wantSynced(t *testing.T, m *filemap.Map, want []byte) {
	t.Helper()
	page := int64(filemap.PageBytes())
	wantDirty(t, m, nil)
	for round := range 3 {
		for _, at := range []int64{0, 2 * page, 7*page - 1} {
			store(t, m, at, fmt.Sprint("round ", round))
			copy(want[at:], fmt.Sprint("round ", round))
		}
		wantDirty(t, m, []filemap.Extent{{Offset: 0, Length: page}, {Offset: 2 * page, Length: page}, {Offset: 6 * page, Length: 2 * page}})
		if err := m.Sync(); err != nil {
			t.Error(err)
		}
		wantDirty(t, m, nil)
		store(t, m, 0, "thrown away")
		store(t, m, 5*page, "thrown away")
		if err := m.Discard(); err != nil {
			t.Error(err)
		}
		wantDirty(t, m, nil)
		got := make([]byte, len(want))
		if _, err := m.ReadAt(got, 0); err != nil || !bytes.Equal(got, want) || !bytes.Equal(content(t, m.Path()), want) {
			t.Errorf("the bytes are not those stored (%v)", err)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestLockedProcess: the same in a process that has locked all of its memory, before
// and after it opened its files.
func TestLockedProcess(t *testing.T) {
	if when := os.Getenv("FILEMAP_TEST_MLOCKALL"); when != "" {
		lockedProcess(t, when)
		return
	}
	for _, when := range []string{"before", "after"} {
		child := exec.Command(os.Args[0], "-test.run", "^TestLockedProcess$", "-test.v")
		child.Env = append(os.Environ(), "FILEMAP_TEST_MLOCKALL="+when)
		out, err := child.CombinedOutput()
		if reason, _, found := strings.Cut(string(out), "needs root"); found {
			t.Skipf("needs root, to lock all memory: %s", strings.TrimSpace(reason[strings.LastIndex(reason, "\n")+1:]))
		}
		if err != nil {
			t.Errorf("locked %s: %v\n%s", when, err, out)
		}
	}
}

func lockedProcess(t *testing.T, when string) {
	page := filemap.PageBytes()
	lock := func() {
		if err := syscall.Mlockall(syscall.MCL_CURRENT | syscall.MCL_FUTURE); err != nil {
			t.Skipf("needs root: mlockall: %v", err)
		}
	}
	if when == "before" {
		lock()
	}
	for i, mode := range stagedModes {
		want := pattern(20*page + 100)
		path := filepath.Join(t.TempDir(), fmt.Sprint("file", i))
		must(t, os.WriteFile(path, want, 0o600))
		m := open(t, path, filemap.ReadWrite, mode)
		if when == "after" {
			lock()
		}
		wantSynced(t, m, want)
		if when == "before" {
			m.Bytes() // the pages that a Sync made read-only for its time are not copied
			wantSynced(t, m, want)
		}
		must(t, m.Close())
	}
	if err := syscall.Munlockall(); err != nil {
		t.Error(err)
	}
}

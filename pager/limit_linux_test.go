package pager

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/filemap-go/filemap/internal/sys"
)

// controlGroup makes a memory control group, version 1 or 2, for the test.
func controlGroup(t *testing.T, limit int64) (dir string) {
	t.Helper()
	dir, file := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat(filepath.Join(dir, file)); err != nil {
		dir, file = "/sys/fs/cgroup", "memory.max"
	}
	dir = filepath.Join(dir, fmt.Sprintf("filemap-pager-test-%d", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Skip("needs root and memory control groups: ", err)
	}
	t.Cleanup(func() {
		err := os.Remove(dir)
		for i := 0; err != nil && i < 1000; i++ { // until the kernel has seen the child's end
			time.Sleep(10 * time.Millisecond)
			err = os.Remove(dir)
		}
		if err != nil {
			t.Error(err)
		}
	})
	if err := os.WriteFile(filepath.Join(dir, file), strconv.AppendInt(nil, limit, 10), 0); err != nil {
		t.Skip("needs root and the memory controller of control groups: ", err)
	}
	return dir
}

const limitedBudget = 16 << 20

// limitedPager is a pager that maps 1 TiB, of which nothing was ever written.
func limitedPager() (*Pager, *Mapping, error) {
	p, err := New(Config{Budget: limitedBudget})
	if err != nil {
		return nil, nil, err
	}
	m, err := p.Map(zeros{1 << 40}, Options{Mode: Shared})
	return p, m, err
}

// A process that reads all over a mapping of 1 TiB, one page of each 16 MiB (or, with
// FILEMAP_SOAK_SECONDS, of each 2 MiB) lives in a control group of the budget,
// Overhead, and 32 MiB for the rest of it: the kernel's page tables count there, and
// so do ours.
func TestBudgetInControlGroup(t *testing.T) {
	if dir := os.Getenv("FILEMAP_PAGER_LIMIT"); dir != "" {
		fmt.Println(readAllOver(dir))
		os.Exit(0)
	}
	needsAddresses(t)
	if invariants {
		t.Skip("needs memory that is given back, not filled with junk")
	}
	p, m, err := limitedPager()
	if err != nil {
		t.Fatal(err)
	}
	limit := p.Budget() + p.Overhead() + 32<<20
	if err := errors.Join(m.Close(), p.Close()); err != nil {
		t.Fatal(err)
	}
	dir := controlGroup(t, limit)
	child := exec.Command(os.Args[0], "-test.run=^TestBudgetInControlGroup$")
	child.Env = append(os.Environ(), "FILEMAP_PAGER_LIMIT="+dir)
	out, err := child.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "read everywhere") {
		t.Errorf("in %d bytes: %v\n%s", limit, err, out)
	}
	t.Logf("limit %d MiB: %s", limit>>20, out)
}

// readAllOver joins the control group and reads.
func readAllOver(dir string) string {
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), strconv.AppendInt(nil, int64(os.Getpid()), 10), 0); err != nil {
		return err.Error()
	}
	p, m, err := limitedPager()
	if err != nil {
		return err.Error()
	}
	const goroutines = 4
	var errs [goroutines]error
	var all sync.WaitGroup
	step := int64(16 << 20)
	if seconds("FILEMAP_SOAK_SECONDS") > 0 {
		step = int64(sys.TableSpan) // which takes a while
	}
	for i := range int64(goroutines) {
		all.Go(func() {
			for at := i * step; at < m.Len() && errs[i] == nil; at += goroutines * step {
				_, errs[i] = m.Uint64(ctx, at)
			}
		})
	}
	all.Wait()
	if err := errors.Join(errs[:]...); err != nil {
		return err.Error()
	}
	status, _ := os.ReadFile("/proc/self/status")
	_, tables, _ := strings.Cut(string(status), "VmPTE:")
	tables, _, _ = strings.Cut(tables, "\n")
	maps, _ := os.ReadFile("/proc/self/maps")
	return fmt.Sprintf("read everywhere, %d blocks given back, page tables %s, %d maps", p.idle.given.Load(), strings.TrimSpace(tables), strings.Count(string(maps), "\n"))
}

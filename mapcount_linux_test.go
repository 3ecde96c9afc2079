package filemap_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/filemap-go/filemap"
)

// TestMapCountExhausted: a process that has all the mappings it may have
// (vm.max_map_count) is told so, and with OrRead goes on by reading.
func TestMapCountExhausted(t *testing.T) {
	if path := os.Getenv("FILEMAP_TEST_EXHAUST"); path != "" {
		if err := exhaustMappings(path); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("exhausted")
		os.Exit(0)
	}
	limit, err := os.ReadFile("/proc/sys/vm/max_map_count")
	if err != nil || len(bytes.TrimSpace(limit)) > len("65530") {
		t.Skipf("needs a limit that can be reached: %s %v", limit, err)
	}
	child := exec.Command(os.Args[0], "-test.run", "^TestMapCountExhausted$")
	child.Env = append(os.Environ(), "FILEMAP_TEST_EXHAUST="+writeFile(t, pattern(4096)))
	out, err := child.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "exhausted") {
		t.Errorf("%v\n%s", err, out)
	}
}

func exhaustMappings(path string) error {
	debug.SetGCPercent(-1) // the runtime needs mappings as well: see that it wants none
	maps := make([]*filemap.Map, 0, 1<<17)
	var refused error
	for len(maps) < cap(maps) {
		m, err := filemap.Open(path, filemap.NoDescriptor)
		if err != nil {
			refused = err
			break
		}
		maps = append(maps, m)
	}
	if refused == nil {
		return fmt.Errorf("%d mappings and no end", len(maps))
	}
	if !strings.Contains(refused.Error(), "max_map_count") {
		return fmt.Errorf("the refusal does not name the limit: %w", refused)
	}
	m, err := filemap.Open(path, filemap.OrRead)
	if err != nil {
		return fmt.Errorf("with OrRead: %w", err)
	}
	if m.Backing() != filemap.Read {
		return fmt.Errorf("with OrRead the backing is %v", m.Backing())
	}
	b := make([]byte, 4096)
	if _, err := m.ReadAt(b, 0); err != nil || !bytes.Equal(b, pattern(4096)) {
		return fmt.Errorf("wrong bytes, %w", err)
	}
	return m.Close()
}

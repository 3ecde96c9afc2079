package filemap_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/filemap-go/filemap"
)

// TestMapCountExhausted: a process that has all the mappings it may have
// (vm.max_map_count) is told so, and with OrRead goes on by reading.
func TestMapCountExhausted(t *testing.T) {
	if path := os.Getenv("FILEMAP_TEST_EXHAUST"); path != "" {
		exhaust := exhaustMappings
		if os.Getenv("FILEMAP_TEST_OTHERS") != "" {
			exhaust = othersExhaustMappings
		}
		if err := exhaust(path); err != nil {
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
	path := writeFile(t, pattern(4096))
	for name, more := range map[string]string{"by Maps": "", "by others": "yes"} {
		if more != "" && os.Getenv("FILEMAP_EMULATOR") != "" {
			continue // an emulated machine takes a minute for each
		}
		child := exec.Command(os.Args[0], "-test.run", "^TestMapCountExhausted$")
		child.Env = append(os.Environ(), "FILEMAP_TEST_EXHAUST="+path, "FILEMAP_TEST_OTHERS="+more)
		out, err := child.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "exhausted") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// othersExhaustMappings has many Maps closed in a process that has no mappings left
// but the few that Go's runtime needs at any time, and not enough for a collection.
func othersExhaustMappings(path string) error {
	var maps []*filemap.Map
	for range 20_000 {
		m, err := filemap.Open(path, filemap.NoDescriptor)
		if err != nil {
			return err
		}
		maps = append(maps, m)
	}
	var others [][]byte
	for prot := unix.PROT_READ; ; prot ^= unix.PROT_WRITE {
		b, err := unix.Mmap(-1, 0, 4096, prot, unix.MAP_ANON|unix.MAP_PRIVATE)
		if err != nil {
			break
		}
		others = append(others, b)
	}
	for range 20 {
		if err := unix.Munmap(others[len(others)-1]); err != nil {
			return err
		}
		others = others[:len(others)-1]
	}
	for i, m := range maps {
		if err := m.Close(); err != nil {
			return fmt.Errorf("close %d of %d: %w", i, len(maps), err)
		}
	}
	runtime.KeepAlive(others)
	return nil
}

// exhaustMappings opens until it is refused, and closes everything again: neither may
// need what the process has no more.
func exhaustMappings(path string) error {
	maps, err := openUntilRefused(path)
	if err != nil {
		return err
	}
	if err := readInstead(path); err != nil {
		return err
	}
	for i, m := range maps {
		if err := m.Close(); err != nil {
			return fmt.Errorf("close %d of %d: %w", i, len(maps), err)
		}
	}
	runtime.GC()
	clear(maps)
	runtime.GC()
	m, err := filemap.Open(path)
	if err != nil {
		return fmt.Errorf("when all are closed: %w", err)
	}
	return m.Close()
}

// openUntilRefused alternates modes, so that the kernel makes one mapping of no two.
func openUntilRefused(path string) ([]*filemap.Map, error) {
	maps := make([]*filemap.Map, 0, 1<<17)
	modes := []filemap.Mode{filemap.ReadOnly, filemap.ReadWrite}
	for len(maps) < cap(maps) {
		m, err := filemap.Open(path, filemap.NoDescriptor, modes[len(maps)%2])
		switch {
		case err == nil:
			maps = append(maps, m)
		case !errors.Is(err, filemap.ErrMapLimit) || !strings.Contains(err.Error(), "max_map_count"):
			return nil, fmt.Errorf("the refusal does not name the limit: %w", err)
		default:
			return maps, nil
		}
	}
	return nil, fmt.Errorf("%d mappings and no end", len(maps))
}

func readInstead(path string) error {
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

package pagecache

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// walked is what a walk visits, names below root; what failed has a mark.
func walked(t *testing.T, s Selection, root string, paths ...string) (all []string) {
	t.Helper()
	for i, p := range paths {
		paths[i] = filepath.Join(root, p)
	}
	if err := s.Walk(context.Background(), paths, func(path string, err error) error {
		name, _ := filepath.Rel(root, path)
		if err != nil {
			name += "!"
		}
		all = append(all, name)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

// Names that look like patterns, and lead nowhere, are names.
func TestWalkOfNamesThatArePatterns(t *testing.T) {
	dir := t.TempDir()
	for name, to := range map[string]string{"x*": "/none", "y*": "y*", "z?": "file", "[": "/none", "w*": "."} {
		if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for pattern, want := range map[string][]string{
		"x*": {"x*"}, "y*": {"y*"}, "z?": {"z?"}, "[": {"["}, "w*": {"w*/file"},
		"?[*]": {"w*/file", "x*", "y*"}, "*": {"[", "file", "w*/file", "x*", "y*", "z?"}, "q*": {"q*!"}, "[a": {"[a!"},
	} {
		if got := walked(t, Selection{}, dir, pattern); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
	_, err := Look(context.Background(), filepath.Join(dir, "x*"), Query{})
	if !errors.Is(err, fs.ErrNotExist) || strings.Count(err.Error(), "no such file") != 1 {
		t.Errorf("got %v", err)
	}
}

func TestWalkLeavesOut(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.log", "a.db", "cache/one", "cache/b.db", "deep/cache/two", "deep/c.log"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, nil, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for patterns, want := range map[string]string{
		"":                 "a.db a.log cache/b.db cache/one deep/c.log deep/cache/two",
		"*.log":            "a.db cache/b.db cache/one deep/cache/two",
		"cache":            "a.db a.log deep/c.log",
		"cache *.log":      "a.db",
		dir + "/cache":     "a.db a.log deep/c.log deep/cache/two",
		dir + "/*/cache":   "a.db a.log cache/b.db cache/one deep/c.log",
		dir + "/cache/*":   "a.db a.log deep/c.log deep/cache/two",
		"[a-c].*":          "cache/one deep/cache/two",
		filepath.Base(dir): "",
	} {
		if got := strings.Join(walked(t, Selection{Exclude: strings.Fields(patterns)}, dir, ""), " "); got != want {
			t.Errorf("%q: %q, want %q", patterns, got, want)
		}
	}
	for _, bad := range []string{"[", ""} {
		if err := (Selection{Exclude: []string{bad}}).Walk(context.Background(), []string{dir}, func(string, error) error { return nil }); err == nil {
			t.Errorf("%q is a pattern", bad)
		}
	}
}

// Other file systems are left out where that is asked for, the kernel's own always.
func TestWalkOfMounts(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount")
	}
	dir := t.TempDir()
	for _, name := range []string{"memory", "proc"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	mountAt(t, filepath.Join(dir, "memory"), "-t", "tmpfs", "tmpfs")
	mountAt(t, filepath.Join(dir, "proc"), "-t", "proc", "proc")
	for _, name := range []string{"memory/in", "out"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got := walked(t, Selection{}, dir, ""); !slices.Equal(got, []string{"memory/in", "out"}) {
		t.Errorf("%q", got)
	}
	if got := walked(t, Selection{OneFileSystem: true}, dir, ""); !slices.Equal(got, []string{"out"}) {
		t.Errorf("%q", got)
	}
	if got := walked(t, Selection{OneFileSystem: true}, dir, "memory", "out"); !slices.Equal(got, []string{"memory/in", "out"}) {
		t.Errorf("%q", got)
	}
	// Named by itself, it is what was asked for.
	if got := walked(t, Selection{}, dir, "proc/sys/vm"); !slices.Contains(got, "proc/sys/vm/swappiness") {
		t.Errorf("%q", got)
	}
	f := look(t, filepath.Join(dir, "proc/version"), Query{})
	if f.FileSystem != "procfs" {
		t.Errorf("it is on %q", f.FileSystem)
	}
}

package sys

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func dirOf(t *testing.T, path string) (Dir, string) {
	t.Helper()
	d, name, err := OpenDirOf(path)
	must(t, err)
	t.Cleanup(func() { _ = d.Close() })
	return d, name
}

func TestSplitPath(t *testing.T) {
	for path, want := range map[string][2]string{
		"file":           {".", "file"},
		"/file":          {"/", "file"},
		"a/file":         {"a/", "file"},
		"link/../file":   {"link/../", "file"},
		"/proc/1/root/x": {"/proc/1/root/", "x"},
	} {
		if dir, name := splitPath(path); [2]string{dir, name} != want {
			t.Errorf("%q is %q and %q", path, dir, name)
		}
	}
}

// A directory stays the one that it was, wherever the process goes.
func TestDirStaysWhereItIs(t *testing.T) {
	top := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(top, "here", "data"), 0o700))
	must(t, os.MkdirAll(filepath.Join(top, "there", "data"), 0o700))
	t.Chdir(filepath.Join(top, "here"))
	d, name := dirOf(t, filepath.Join("data", "file"))
	t.Chdir(filepath.Join(top, "there"))
	f, err := d.OpenFile(name, Write|Create|Excl, 0o600)
	must(t, err)
	defer func() { _ = f.Close() }()
	if _, err := os.Stat(filepath.Join(top, "here", "data", "file")); err != nil {
		t.Error(err)
	}
	has := func(want bool) {
		t.Helper()
		if has, err := d.Has(name, f); err != nil && !errors.Is(err, errors.ErrUnsupported) || err == nil && has != want {
			t.Errorf("has it: %v, %v", has, err)
		}
	}
	has(true)
	must(t, d.Sync())
	must(t, d.Rename(name, "other"))
	has(false)
	g, err := d.OpenFile(name, Write|Create|Excl, 0o600)
	must(t, err)
	must(t, g.Close())
	has(false)
	if err := d.Rename("other", name); !errors.Is(err, fs.ErrExist) {
		t.Errorf("renamed onto another: %v", err)
	}
	must(t, d.Remove(name))
	if err := d.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
	must(t, d.Rename("other", name))
	has(true)
}

// ".." behind a symbolic link is another directory than the text says.
func TestDirBehindALink(t *testing.T) {
	top := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(top, "far", "below"), 0o700))
	if err := os.Symlink(filepath.Join(top, "far", "below"), filepath.Join(top, "link")); err != nil {
		t.Skipf("needs symbolic links: %v", err)
	}
	path := filepath.Join(top, "link") + string(filepath.Separator) + ".." + string(filepath.Separator) + "file"
	f, err := OpenFile(path, Write|Create, 0o600)
	must(t, err)
	defer func() { _ = f.Close() }()
	d, name := dirOf(t, path)
	has, err := d.Has(name, f)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skipf("unsupported here: %v", err)
	}
	if !has || err != nil {
		t.Errorf("the file is not in its directory: %v", err)
	}
}

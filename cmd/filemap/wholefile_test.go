//go:build !js && !plan9 && !wasip1

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// putFile writes a file as a verb does.
func putFile(path, text string) error {
	w, err := newWholeFile("to", path)
	if err != nil {
		return err
	}
	defer w.discard()
	return w.finish(func(to io.Writer) error {
		_, err := io.WriteString(to, text)
		return err
	})
}

func namesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// What stands in the place of an old file has its mode; a link is followed, to what
// is not there yet too; what fails leaves all as it was, and nothing beside it.
func TestWholeFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	if err := os.WriteFile(path, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	w, err := newWholeFile("to", path)
	if err != nil {
		t.Fatal(err)
	}
	failed := errors.New("it failed")
	if err := w.finish(func(to io.Writer) error { _, _ = io.WriteString(to, "half"); return failed }); !errors.Is(err, failed) {
		t.Errorf("got %v", err)
	}
	w.discard()
	w.discard()
	if text, err := os.ReadFile(path); string(text) != "old" {
		t.Errorf("after a failure: %q, %v", text, err)
	}
	if err := putFile(path, "new"); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(path)
	if text, readErr := os.ReadFile(path); err != nil || string(text) != "new" || runtime.GOOS != "windows" && st.Mode().Perm() != 0o640 {
		t.Errorf("%q, %v, %v %v", text, readErr, st.Mode(), err)
	}
	if got := namesIn(t, dir); len(got) != 1 {
		t.Errorf("left: %q", got)
	}
	if err := putFile(dir, "x"); err == nil {
		t.Error("a directory was replaced")
	}
	if err := putFile(filepath.Join(dir, "missing/file"), "x"); err == nil {
		t.Error("a file was written where there is no directory")
	}
}

func TestWholeFileFollowsLinks(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a/b"), 0o755); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"first": "second", "second": "a/b/third", "a/b/third": "../file", "loop": "loop", "nowhere": "missing/x"} {
		if err := os.Symlink(filepath.FromSlash(to), filepath.Join(dir, link)); err != nil {
			t.Skipf("needs symbolic links: %v", err)
		}
	}
	for range 2 { // new, and there
		if err := putFile(filepath.Join(dir, "first"), "text"); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "a/file")); string(text) != "text" {
			t.Errorf("%q, %v", text, err)
		}
		if to, err := os.Readlink(filepath.Join(dir, "first")); to != "second" {
			t.Errorf("the link is %q, %v", to, err)
		}
	}
	for _, bad := range []string{"loop", "nowhere"} {
		if err := putFile(filepath.Join(dir, bad), "x"); err == nil {
			t.Errorf("%s was written", bad)
		}
	}
	if got := namesIn(t, filepath.Join(dir, "a")); len(got) != 2 {
		t.Errorf("left: %q", got)
	}
}

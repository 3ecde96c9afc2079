package sys

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// tree writes files, named by path, into a fresh directory, as /proc or /sys.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for path, text := range files {
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const taskIOText = `rchar: 100
wchar: 200
syscr: 3
syscw: 4
read_bytes: 4096
write_bytes: 8192
cancelled_write_bytes: 1
`

func TestTaskIO(t *testing.T) {
	root := tree(t, map[string]string{"self/io": taskIOText, "thread-self/io": taskIOText + "a_newer_counter: 9\n"})
	for _, thread := range []bool{false, true} {
		m, err := OpenTaskIO(root, thread)
		if err != nil {
			t.Fatal(err)
		}
		got, err := m.Read()
		if err != nil {
			t.Fatal(err)
		}
		if got.ReadChars != 100 || got.WrittenChars != 200 || got.ReadCalls != 3 || got.WriteCalls != 4 ||
			got.DeviceReadBytes != 4096 || got.DirtiedBytes != 8192 || got.CancelledDirtyBytes != 1 {
			t.Errorf("%+v", got)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestTaskIOThatIsOtherwise(t *testing.T) {
	for name, text := range map[string]string{
		"empty":     "",
		"short":     "rchar: 1\n",
		"no number": "rchar: many\nwchar: 2\n",
	} {
		m, err := OpenTaskIO(tree(t, map[string]string{"self/io": text}), false)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := m.Read(); err == nil {
			t.Errorf("%s: %+v and no error", name, got)
		}
		_ = m.Close()
	}
	if _, err := OpenTaskIO(t.TempDir(), true); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the file: %v", err)
	}
}

func TestReadUsage(t *testing.T) {
	before, err := ReadUsage(true)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if d := before.Sub(before); d != (Usage{}) {
		t.Errorf("%+v", d)
	}
	if before.MinorFaults <= 0 {
		t.Errorf("%+v: a process without faults", before)
	}
}

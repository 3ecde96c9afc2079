package sys

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func TestOpenFile(t *testing.T) {
	const old = "old content"
	tests := []struct {
		name   string
		exists bool
		flag   OpenFlag
		err    error
		size   int64
	}{
		{"read missing", false, 0, fs.ErrNotExist, 0},
		{"read", true, 0, nil, int64(len(old))},
		{"write missing", false, Write, fs.ErrNotExist, 0},
		{"write", true, Write, nil, int64(len(old))},
		{"create missing", false, Write | Create, nil, 0},
		{"create", true, Write | Create, nil, int64(len(old))},
		{"exclusive missing", false, Write | Create | Excl, nil, 0},
		{"exclusive", true, Write | Create | Excl, fs.ErrExist, 0},
		{"truncate missing", false, Write | Truncate, fs.ErrNotExist, 0},
		{"truncate", true, Write | Truncate, nil, 0},
		{"create and truncate", true, Write | Create | Truncate, nil, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if test.exists {
				must(t, os.WriteFile(path, []byte(old), 0o644))
			}
			f, err := OpenFile(path, test.flag, 0o644)
			if !errors.Is(err, test.err) {
				t.Fatalf("%v, want %v", err, test.err)
			}
			if err != nil {
				return
			}
			st, err := f.Stat()
			must(t, errors.Join(err, f.Close()))
			if st.Size != test.size || st.Kind != Regular {
				t.Errorf("%+v", st)
			}
		})
	}
}

func TestZeroFileIsNone(t *testing.T) {
	if (File{}).Valid() {
		t.Error("valid")
	}
}

func TestDirectory(t *testing.T) {
	f, err := OpenFile(t.TempDir(), 0, 0)
	must(t, err)
	st, err := f.Stat()
	must(t, errors.Join(err, f.Close()))
	if st.Kind != Directory {
		t.Errorf("a directory is %v", st.Kind)
	}
}

func TestDevice(t *testing.T) {
	f, err := OpenFile(os.DevNull, 0, 0)
	must(t, err)
	st, err := f.Stat()
	must(t, errors.Join(err, f.Close()))
	if st.Kind != Device {
		t.Errorf("%s is %v", os.DevNull, st.Kind)
	}
}

func TestReadAtWriteAt(t *testing.T) {
	f := scratch(t, []byte("0123456789"))
	buffer := make([]byte, 4)
	n, err := f.ReadAt(buffer, 3)
	if n != 4 || err != nil || string(buffer) != "3456" {
		t.Errorf("%d, %v, %q", n, err, buffer)
	}
	if n, err = f.ReadAt(buffer, 8); n != 2 || !errors.Is(err, io.EOF) {
		t.Errorf("across the end: %d, %v", n, err)
	}
	if n, err = f.ReadAt(buffer, 10); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d, %v", n, err)
	}
	if n, err = f.WriteAt([]byte("ab"), 9); n != 2 || err != nil {
		t.Errorf("write: %d, %v", n, err)
	}
	all := make([]byte, 11)
	if _, err = f.ReadAt(all, 0); err != nil || string(all) != "012345678ab" {
		t.Errorf("%v, %q", err, all)
	}
}

// 5 GiB lie in the upper half of a 64-bit offset.
func TestLargeOffsets(t *testing.T) {
	const far = 5 << 30
	f := scratch(t, nil)
	if err := f.Truncate(far); err != nil {
		t.Skip(err)
	}
	_, err := f.WriteAt([]byte("far"), far-3)
	must(t, err)
	offset := int64(far-3) &^ int64(Granularity-1)
	r := mapped(t, f, offset, int(far-offset), ProtRead, Shared)
	if got := string(r.Bytes()[far-3-offset:][:3]); got != "far" {
		t.Errorf("%q", got)
	}
}

func TestTruncate(t *testing.T) {
	f := scratch(t, pattern(100))
	for _, size := range []int64{40, 3000, 0, 7} {
		must(t, f.Truncate(size))
		if st, err := f.Stat(); err != nil || st.Size != size {
			t.Errorf("%d bytes, %v, want %d", st.Size, err, size)
		}
	}
	grown := make([]byte, 7)
	if _, err := f.ReadAt(grown, 0); err != nil || len(bytes.Trim(grown, "\x00")) != 0 {
		t.Errorf("%v, %v", grown, err)
	}
}

func TestAllocate(t *testing.T) {
	for _, size := range []int64{1, 4096, 1<<20 + 1} {
		f := scratch(t, nil)
		must(t, f.Allocate(0, size))
		st, err := f.Stat()
		must(t, err)
		if st.Size != size {
			t.Errorf("%d bytes, want %d", st.Size, size)
		}
		content := make([]byte, size)
		if _, err := f.ReadAt(content, 0); err != nil || len(bytes.Trim(content, "\x00")) != 0 {
			t.Errorf("not zeros: %v", err)
		}
	}
}

func TestAllocateGrows(t *testing.T) {
	f := scratch(t, pattern(1000))
	must(t, f.Allocate(1000, 5000))
	content := make([]byte, 6000)
	_, err := f.ReadAt(content, 0)
	must(t, err)
	if !bytes.Equal(content, append(pattern(1000), make([]byte, 5000)...)) {
		t.Error("the bytes before are not what they were, or those after not zero")
	}
}

func TestDupFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, []byte("0123456789"), 0o644))
	file, err := os.Open(path)
	must(t, err)
	defer func() { _ = file.Close() }()
	_, err = file.Seek(4, io.SeekStart)
	must(t, err)
	dup, err := DupFile(file)
	must(t, err)
	buffer := make([]byte, 3)
	_, err = dup.ReadAt(buffer, 7)
	must(t, err)
	if position, err := file.Seek(0, io.SeekCurrent); position != 4 || err != nil {
		t.Errorf("a read through the duplicate moved the original to %d (%v)", position, err)
	}
	must(t, dup.Close())
	if _, err := file.Read(buffer); err != nil || string(buffer) != "456" {
		t.Errorf("closing the duplicate: %v, %q", err, buffer)
	}
}

func TestDupFileOfClosedFile(t *testing.T) {
	file, err := os.Open(os.DevNull)
	must(t, err)
	must(t, file.Close())
	if dup, err := DupFile(file); !errors.Is(err, os.ErrClosed) {
		t.Errorf("%v, %v", dup, err)
	}
}

// Others may delete and rename a file that is open here, mapped or not.
func TestOpenFileIsShared(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(path, pattern(10), 0o644))
	f, err := OpenFile(path, Write, 0)
	must(t, err)
	must(t, os.Rename(path, path+"2"))
	must(t, os.Remove(path+"2"))
	must(t, f.Close())
}

func TestErrorsAreTold(t *testing.T) {
	if NoSpace(nil) || NoMemory(nil) || IsBadAddress(nil) || IsLockLimit(nil) {
		t.Error("no error is one")
	}
	err := unsupported("this")
	if !errors.Is(err, errors.ErrUnsupported) || NoSpace(err) || NoMemory(err) {
		t.Error(err)
	}
}

//go:build linux && !386 && !arm && !mips && !mipsle

package faultfs_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/internal/faultfs"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"read data[1MB,2MB) delay 500ms", "read data[1MB,2MB) delay 500ms\n"},
		{"read data[4096,8192) error EIO times 2", "read data[4KB,8KB) error EIO times 2\n"},
		{"write data error ENOSPC after 3", "write data error ENOSPC after 3\n"},
		{"truncate data 10000 after 5 reads", "truncate data 10000 after 5 reads\n"},
		{"truncate d/data 2GB", "truncate d/data 2GB\n"},
		{"truncate data 0", "truncate data 0\n"},
		{"read data short 100", "read data short 100\n"},
		{"read * hold # until released", "read * hold\n"},
		{"read data[10,end) hold", "read data[10,end) hold\n"},
		{"read data[0,end) hold", "read data hold\n"},
		{"sync data error EIO times 2 after 1", "sync data error EIO after 1 times 2\n"},
		{"open data direct", "open data direct\n"},
		{"sync data ignore after 1", "sync data ignore after 1\n"},
		{"cut", "cut\n"},
		{"cut after 7 steps", "cut after 7 steps\n"},
		{"cut after 2 writes", "cut after 2 writes\n"},
		{"\n# nothing\n\n  allocate\t*  error ENOSPC  \n", "allocate * error ENOSPC\n"},
	} {
		script, err := faultfs.Parse(c.text)
		if err != nil || script.String() != c.want {
			t.Errorf("%q is %q, want %q (%v)", c.text, script, c.want, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"raed data hold", `faultfs: line 1, "raed data hold": "raed" is no operation: open, read, write, allocate, sync, truncate or cut`},
		{"read", "it ends where a file should be"},
		{"read data", "it ends where an effect (delay, hold, error, short, direct, ignore) should be"},
		{"read data explode", `"explode" is no effect`},
		{"read /data hold", `"/data" is no file: its path below the mount`},
		{"read ../data hold", `"../data" is no file`},
		{"read [1,2) hold", `"" is no file`},
		{"read data[1MB, 2MB) hold", `range "[1MB," is not [FROM,TO), half-open and without spaces`},
		{"read data[1,2] hold", `range "[1,2]" is not [FROM,TO)`},
		{"read data[2,2) hold", `range "[2,2)" is empty`},
		{"read data[-1,2) hold", `"-1" is no size`},
		{"read data[1,2TB) hold", `"2TB" is no size: a number of bytes, or of KB, MB, GB`},
		{"read data[0,9999999999GB) hold", `"9999999999GB" is no size`},
		{"sync data[1,2) error EIO", "sync has no range"},
		{"read data error EOI", `"EOI" is no errno known here: EACCES, `},
		{"read data error", "it ends where an errno should be"},
		{"read data delay soon", `"soon" is no duration, such as 500ms or 2s`},
		{"read data delay -1s", "delay -1s is not from 0 to 10s"},
		{"read data delay 1h", "delay 1h0m0s is not from 0 to 10s"},
		{"sync data short 1", "sync cannot be short: read and write can"},
		{"read data direct", "read cannot be direct: open can"},
		{"read data hold now", `"now" is not expected here`},
		{"read data hold after", `it ends where the number of "after" should be`},
		{"read data hold times 0", `"0" is not a number from 1 to 2147483647`},
		{"read data hold after 1 after 2", `"after" is there twice`},
		{"truncate * 1", "truncate takes one file"},
		{"truncate data", "it ends where a size should be"},
		{"truncate data 1 before", `"before" is not expected here`},
		{"truncate data 1 after 5", "it ends where what to count"},
		{"truncate data 1 after 5 read", `"read" is nothing to count`},
		{"truncate data 1 after 5 reads now", `"now" is not expected here`},
		{"truncate data 1 after 5 steps", `"steps" is nothing to count`},
		{"write data ignore", "write cannot be ignored: sync can"},
		{"cut data", `"data" is not expected here: only "after N`},
		{"cut after 5", "it ends where what to count: opens, reads, writes, allocates, syncs, steps"},
		{"cut after 5 cuts", `"cuts" is nothing to count`},
		{"step * hold", `"step" is no operation`},
		{"read data hold\n\nread data hode", `line 3, "read data hode"`},
	} {
		_, err := faultfs.Parse(c.text)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: got %v, want %q", c.text, err, c.want)
		}
	}
	_, err := faultfs.Parse("a\nread data hold\nb")
	if err == nil || strings.Count(err.Error(), "faultfs: line") != 2 {
		t.Errorf("want both lines that are wrong, got %v", err)
	}
}

// FuzzParse: nothing panics, and what is read is written as it would be read again.
func FuzzParse(f *testing.F) {
	f.Add("read data[1MB,2MB) delay 500ms\nread data[4096,8192) error EIO times 2")
	f.Add("write data error ENOSPC after 3\ntruncate data 10000 after 5 reads")
	f.Add("read data short 100 # so\nopen * direct\nsync d/f hold after 1 times 2")
	f.Add("sync * ignore\ncut after 3 steps\ncut")
	f.Fuzz(func(t *testing.T, text string) {
		script, err := faultfs.Parse(text)
		if err != nil {
			return
		}
		again, err := faultfs.Parse(script.String())
		if err != nil || !reflect.DeepEqual(script, again) {
			t.Errorf("%q became %q, and that %q (%v)", text, script, again, err)
		}
	})
}

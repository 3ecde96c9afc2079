package simulate_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/filemap-go/filemap/pager/simulate"
)

// oracleGeneral writes records as libCacheSim's traceConv does.
func oracleGeneral(objects ...[2]uint64) []byte {
	var b []byte
	for i, o := range objects {
		b = binary.LittleEndian.AppendUint32(b, uint32(1000+i))
		b = binary.LittleEndian.AppendUint64(b, o[0])
		b = binary.LittleEndian.AppendUint32(b, uint32(o[1]))
		b = binary.LittleEndian.AppendUint64(b, ^uint64(0))
	}
	return b
}

func TestReadOracleGeneral(t *testing.T) {
	in := simulate.Input{Format: simulate.FormatOracleGeneral}
	whole := oracleGeneral([2]uint64{42932745, 512}, [2]uint64{1 << 63, 1}, [2]uint64{7, 0}, [2]uint64{42932745, 4096})
	trace, err := in.Read(bytes.NewReader(whole))
	must(t, err)
	if got := pagesOf(trace); !slices.Equal(got, []uint64{42932745, 1 << 63, 42932745}) {
		t.Error(got)
	}
	if _, err := in.Read(bytes.NewReader(whole[:len(whole)-1])); err == nil || !strings.Contains(err.Error(), "byte 72 of the trace: it ends after 23 bytes of a record of 24") {
		t.Error(err)
	}
	if _, err := in.Read(failingReader{}); !errors.Is(err, errRead) {
		t.Error(err)
	}
}

func TestReadCSV(t *testing.T) {
	for _, c := range []struct {
		name, text, column string
		want               []uint64
		says               string
	}{
		{"libCacheSim's example, by name", "version,time,op,size,lbn\n1,5633898,2a,512,42932745\n1,5633898,2a,512,010\n", "", []uint64{42932745, 10}, ""},
		{"by number, with a heading", "a,b\n1,2\n3,4\n", "2", []uint64{2, 4}, ""},
		{"by number, without", "1,2\n3,4", "1", []uint64{1, 3}, ""},
		{"by its own name", "time|what\n1|0x10\n", "What", []uint64{16}, ""},
		{"one column", "5\n6\n5\n", "", []uint64{5, 6, 5}, ""},
		{"quoted", "id;x\n\"5\";\"a;b\"\n6;c\n", "", []uint64{5, 6}, ""},
		{"text is hashed", "time,key\n1,foobar\n", "", []uint64{0x85944171f73967e8}, ""},
		{"empty", "", "", []uint64{}, ""},
		{"a comment for a heading", "# time (ms), op [Put:0], object id, size\n0,1,8,8371\n103,1,9,31\n", "", []uint64{8, 9}, ""},
		{"spaces", "1219008 REST.PUT.OBJECT 8d4fcda3 1056\n1219009 REST.GET.OBJECT 42 1056\n", "4", []uint64{1056, 1056}, ""},
		{"a byte order mark", "\ufeffid,x\r\n7,2\r\n", "", []uint64{7}, ""},
		{"which?", "1,2\n", "", nil, `line 1 of the trace: which column names the page? give --column a name or a number, from 1: the first line is "1, 2"`},
		{"no such name", "a,b\n1,2\n", "c", nil, `line 1 of the trace: no column is called "c": the first line is "a, b"`},
		{"no such number", "a,b\n1,2\n", "3", nil, "line 1 of the trace: there is no column 3: the first line has 2"},
		{"a short line", "1,2\n3\n", "2", nil, "line 2 of the trace: it has 1 columns, and column 2 names the page"},
		{"zstd", "\x28\xb5\x2f\xfd\x00", "", nil, "it is compressed: write zstd -dc FILE"},
	} {
		t.Run(c.name, func(t *testing.T) {
			trace, err := simulate.Input{Format: simulate.FormatCSV, Column: c.column}.Read(strings.NewReader(c.text))
			switch {
			case c.says != "":
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v, expected %s", err, c.says)
				}
			case err != nil:
				t.Error(err)
			case !slices.Equal(pagesOf(trace), c.want):
				t.Errorf("%v, expected %v", pagesOf(trace), c.want)
			}
		})
	}
}

func TestFormatOf(t *testing.T) {
	for name, want := range map[string]string{
		"a/x.oracleGeneral.bin": "oracleGeneral", "x.oracleGeneral": "oracleGeneral", "x.CSV": "csv", "x.trace": "pages", "a.csv/x": "pages",
	} {
		if got := simulate.FormatOf(name); got != want {
			t.Errorf("%s: %s, expected %s", name, got, want)
		}
	}
	if _, err := (simulate.Input{Format: "lcs"}).Read(strings.NewReader("1")); err == nil || !strings.Contains(err.Error(), "oracleGeneral") {
		t.Error(err)
	}
}

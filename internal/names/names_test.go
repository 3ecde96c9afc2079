package names

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// What goes through JSON is what was put in, whatever the bytes; two names differ.
func TestPathThroughJSON(t *testing.T) {
	type document struct {
		FileName
		Size int `json:"size"`
	}
	seen := map[string]bool{}
	for _, name := range []string{"", "a", "ä", "x\xff", "x\xfe", "x\ufffd", "\x00", "\xed\xa0\x80", "<&>"} {
		text, err := json.Marshal(document{FileOf(name), 1})
		if err != nil {
			t.Fatal(err)
		}
		var d document
		if err := json.Unmarshal(text, &d); err != nil || d.Name() != name || d.Size != 1 {
			t.Errorf("%q became %q: %s, %v", name, d.Name(), text, err)
		}
		if seen[string(text)] {
			t.Errorf("two names are %s", text)
		}
		seen[string(text)] = true
		if lossy := bytes.Contains(text, []byte("path_base64")); lossy != (Lossless(name) != nil) {
			t.Errorf("%s", text)
		}
	}
}

func TestWords(t *testing.T) {
	if got := (Words{"a", "ä"}).Lossless(); got != nil {
		t.Errorf("%q", got)
	}
	if got := (Words{"a", "\xff"}).Lossless(); !reflect.DeepEqual(got, [][]byte{[]byte("a"), {0xff}}) {
		t.Errorf("%q", got)
	}
}

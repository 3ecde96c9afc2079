package filemap_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/filemap-go/filemap"
)

// TestPrintedMap: a Map in a log line is its name, its mode and its range, and not its
// bytes, some of which may be reserved and not there.
func TestPrintedMap(t *testing.T) {
	path := writeFile(t, pattern(10_000))
	for _, options := range [][]filemap.Option{{}, {filemap.Range(100, 200)}, {filemap.Reserve(1 << 20)}} {
		m, err := filemap.Open(path, options...)
		skipUnsupported(t, err)
		if err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("read-only %q [%d, %d)", path, m.Offset(), m.Offset()+m.Len())
		inside := struct{ M *filemap.Map }{m}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x"} {
			if got := fmt.Sprintf(verb, m); got != want {
				t.Errorf("%s: %s, want %s", verb, got, want)
			}
			if got := fmt.Sprintf(verb, inside); !strings.Contains(got, want) {
				t.Errorf("%s: %s, want %s in it", verb, got, want)
			}
		}
		closeQuietly(t, m)
		if got := m.String(); got != want {
			t.Errorf("closed: %s, want %s", got, want)
		}
	}
	if got := fmt.Sprintf("%+v", (*filemap.Map)(nil)); got != "<nil>" {
		t.Errorf("none: %s", got)
	}
}

//go:build unix && !linux

package filemap_test

import (
	"os"
	"testing"
)

func asNobody(t *testing.T, f func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("needs a user other than root")
	}
	f()
}

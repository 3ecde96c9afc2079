package pager

import (
	"os"
	"testing"

	"github.com/filemap-go/filemap/internal/leaktest"
)

func TestMain(m *testing.M) {
	os.Exit(leaktest.Run(m))
}

func (t *tasks) isClosing() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.phase == isClosing
}

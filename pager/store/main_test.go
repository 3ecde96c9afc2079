package store_test

import (
	"os"
	"testing"

	"github.com/filemap-go/filemap/internal/leaktest"
)

func TestMain(m *testing.M) {
	os.Exit(leaktest.Run(m))
}

package observe

import (
	"os"
	"testing"

	"github.com/filemap-go/filemap/internal/leaktest"
)

// roles are what this program is when a test starts it with an environment
// variable set: by the variable, what it does with its value.
var roles = map[string]func(string) int{}

func TestMain(m *testing.M) {
	if IsChild() {
		os.Exit(ChildMain())
	}
	for env, role := range roles {
		if argument := os.Getenv(env); argument != "" {
			os.Exit(role(argument))
		}
	}
	os.Exit(leaktest.Run(m))
}

//go:build !linux

package sys

import "os"

// CreateUnnamed is unsupported: only Linux has files without a name.
func CreateUnnamed(string, uint32) (*os.File, error) {
	return nil, unsupported("a file without a name")
}

// NameUnnamed is unsupported.
func NameUnnamed(*os.File, string) error { return unsupported("a file without a name") }

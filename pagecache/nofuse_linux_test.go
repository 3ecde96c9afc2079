//go:build 386 || arm

package pagecache

import "testing"

func onFUSE(t *testing.T, _, _ string, _ bool) string {
	t.Helper()
	t.Skip("needs FUSE: go-fuse does not build here")
	return ""
}

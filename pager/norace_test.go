//go:build !race

package pager

// runtimeBytes is how much the runtime's own memory may grow in a test.
const runtimeBytes = 16 << 20

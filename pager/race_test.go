//go:build race

package pager

// runtimeBytes is how much the runtime's own memory may grow in a test: the race
// detector's shadows are several times what they shadow.
const runtimeBytes = 128 << 20

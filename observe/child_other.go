//go:build !linux

package observe

// IsChild tells whether this process was started to make an access: never, where
// nothing can be traced.
func IsChild() bool { return false }

// ChildMain is not called where IsChild is false.
func ChildMain() int { return 1 }

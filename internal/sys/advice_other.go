//go:build !linux

package sys

// KnowsAdvice tells whether this kernel knows an advice that it has just refused: it
// is not asked.
func KnowsAdvice(Advice) bool { return false }

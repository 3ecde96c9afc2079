//go:build !linux

package sys

// Ability is something of the kernel that [Able] can try.
type Ability uint8

// The abilities, all of Linux.
const (
	AbleCachestat Ability = iota
	AblePopulate
	AbleProcessAdvice
	AbleUserfault
	AblePagemapScan
	AbleUring
	AblePerf
	AbleFrames
	AbleTracefs
)

// Able is unsupported: these are calls of Linux.
func Able(Ability) error { return unsupported("this call") }

//go:build !linux

package sys

// MapCount is for systems that bound the number of mappings.
func MapCount() (used, limit int64, known bool) { return 0, 0, false }

// WhyNoMemory says what a mapping ran into that was refused for want of memory.
func WhyNoMemory(int, Prot, Sharing) string {
	return "the address space, or what this process may have of it, is used up: close mappings"
}

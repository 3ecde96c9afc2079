package sys

import "testing"

// TestTaskIOLeavesItselfOut: reading the counters is counted by the kernel, and
// must not show in a difference.
func TestTaskIOLeavesItselfOut(t *testing.T) {
	m, err := OpenTaskIO("/proc", false)
	if err != nil {
		t.Skip("needs /proc/self/io: ", err)
	}
	defer m.Close()
	before, err := m.Read()
	if err != nil {
		t.Skip("needs I/O accounting in the kernel: ", err)
	}
	after, err := m.Read()
	if err != nil {
		t.Fatal(err)
	}
	if d := after.Sub(before); d.ReadChars != 0 || d.ReadCalls != 0 {
		t.Errorf("%d bytes in %d calls between two readings", d.ReadChars, d.ReadCalls)
	}
}

//go:build freebsd || openbsd || netbsd || dragonfly

package sys

// SyncNeedsFile tells whether [Region.Sync] needs the file: msync(2) writes the
// pages of its range and not always what is needed to find them again.
const SyncNeedsFile = true

const openLargeFile = 0 // off_t always has 64 bits

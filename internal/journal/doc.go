// Package journal makes a set of writes to a file happen all or not at all,
// across the death of the process and a power cut, with two syncs of the device.
//
// Beside the file, the target, lies a journal, one file. A commit
//
//  1. writes what is to be written, with checksums, to the journal,
//  2. syncs the journal,
//  3. writes the target,
//  4. syncs the target.
//
// A cut before 2 has ended leaves a journal whose checksums fail, or the whole of
// it, and a target that nobody touched. A cut after it leaves a whole journal,
// which [Open] writes to the target once more, whatever of it was there already:
// writing the same bytes twice is the same as once. So the target holds what the
// last commit left, or what the one under way would have, and nothing between.
// The next commit writes over the journal only when the target is synced, so
// that a torn journal never meets a half-written target. [Journal.Close] marks
// the journal empty, durably, so that it is not applied to a target that somebody
// has changed in other ways since.
//
// One process at a time has a journal, by a lock that ends with it. Others can
// read a consistent state at any moment and without a lock: [Read].
//
// The format is in format.go, and docs/design/0003-journal.md tells why it is so.
// The package knows nothing of mappings: the target is an interface.
//
// Lock order: Journal.mu alone.
package journal

// Package journal makes a set of writes to a file happen all or not at all,
// across the death of the process and a power cut, with one sync of the device, or
// now and then two.
//
// Beside the file, the target, lies a journal, one file: a log of commits, in rows.
// A commit
//
//  1. writes what is to be written, with checksums, behind the commit before it
//     in the journal,
//  2. syncs the journal,
//  3. writes the target, which is not synced.
//
// A cut before 2 has ended leaves a record whose checksums fail, or the whole of
// it, and a target that has nothing of it. After a cut later the target may have
// any part of the commits in the journal, and [Open] writes all of these to it, in
// their order, whatever of them was there already. So the target holds what the
// last commit left, or what the one under way would have, and nothing between.
//
// The row is full when it has some MiB. The commit that finds it so
//
//  1. syncs the target, which has all commits then and needs the row no more,
//  2. writes its record at another place of the journal, and then a superblock
//     which says that a new row begins there,
//  3. syncs the journal,
//  4. writes the target.
//
// That a superblock is whole says that the target had, durably, all that was
// committed before. Until it is on the device, the row before it counts: its
// superblock is in the other of two blocks, and no byte of the new row lies where it
// does. Applying it to a target that has all of it and is synced changes nothing. When the
// new superblock is there, with a record or without one, nobody looks at the old
// row again, which is what a row has to be whole for: one of which the end is
// destroyed and the beginning not would turn the target back.
//
// [Journal.Close] syncs the target and begins a row without a record that says that
// the journal was closed, so that nothing is applied to a target that somebody has
// changed in other ways since. Open takes that mark away before it returns.
//
// A row whose end is torn is as a power cut leaves it. One that had more commits
// once is damaged, and is refused: what tells the two apart is in format.go and
// damage.go.
//
// One process at a time has a journal, by a lock that ends with it; the caller locks
// the target. Others can read a consistent state at any moment and without a lock:
// [Read].
//
// The format is in format.go, and docs/design/0003, 0005 and 0008 tell why it is so.
// The package knows nothing of mappings: the target is an interface.
//
// Lock order: Journal.mu alone.
package journal

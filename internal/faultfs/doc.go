// Package faultfs is a file system for tests: a real one, mounted through FUSE
// over a directory, that does what disks do on bad days. It exists on Linux where
// a pointer has 64 bits, since go-fuse does not compile for 32.
//
//	test process                            child: the same program again
//	┌──────────────────────┐                ┌──────────────────────────────┐
//	│ FS: Script, Counts … │── stdin/out ──▶│ control                      │
//	│                      │                │    │ faults: who meets what  │
//	│ open, mmap, load     │                │    ▼                         │
//	│    │                 │   /dev/fuse    │ nodes and handles            │
//	│    ▼                 │                │    │                         │
//	│ kernel, page cache ◀─┼────────────────┼──▶ ▼                         │
//	│                      │                │ recorder: power and history  │
//	│ History: Cuts        │                │    ▼                         │
//	└──────────────────────┘                │ store: a directory           │
//	                                        └──────────────────────────────┘
//
// A program that answers for pages which it maps itself hangs once each of the
// Go scheduler's processors waits in a fault, so a child process serves. It
// mounts in a mount namespace of its own, and the test reaches the files through
// /proc/PID/root: whatever ends the child ends the mount, and nobody else ever
// sees it. The child ends with its parent, however that ends, and by itself when
// it has lived for [Lifetime]; a read that is held goes on by itself after
// [HoldLimit]. So no test can hang on it for longer.
//
// # Scripts
//
// Faults are written down, one a line; what follows a # is a comment:
//
//	read data[1MB,2MB) delay 500ms          # a slow disk
//	read data[4096,8192) error EIO times 2  # two reads fail, then it works again
//	read data hold                          # until Release, or another Script
//	read data short 100                     # at most 100 bytes an answer
//	write data error ENOSPC after 3         # three writes work
//	allocate * error ENOSPC
//	sync data error EIO
//	open data direct                        # without page cache: cannot be mapped shared
//	sync data ignore times 1                # it says that it has, and has not
//	truncate data 10000                     # now, by nobody on this machine
//	truncate data 10000 after 5 reads
//	cut                                     # the power, now
//	cut after 7 steps                       # seven changes and syncs are done, no more
//	cut after 2 syncs
//
// That is
//
//	line   = op file [range] effect { "after" N | "times" N }
//	       | "truncate" file size [ "after" N ops ]
//	       | "cut" [ "after" N ( ops | "steps" ) ]
//	op     = "open" | "read" | "write" | "allocate" | "sync"
//	ops    = "opens" | "reads" | "writes" | "allocates" | "syncs"
//	file   = its path below the mount, or "*" for all
//	range  = "[" size "," ( size | "end" ) ")"
//	effect = "delay" duration | "hold" | "error" errno | "short" size | "direct" | "ignore"
//	size   = a number of bytes, or one of "KB" (1024 bytes), "MB", "GB"
//
// A line is about the requests of its op whose bytes overlap its range; without
// a range, about all. Of these it lets the first N after "after" pass, and is then
// in force for N "times", or for good. All lines in force apply: delays add up,
// and the first error wins.
//
// # Power cuts
//
// From [FS.Record] on there is a history of steps: all that changes the disk, and
// each sync. [History.Cuts] has the power go before and after every step of it, and
// goes over the disks that there can be then: a process cannot tell whether its
// power will go, so that one run is enough for all cuts of it. For those few that
// are to see the device die there is "cut", after which everything fails with EIO,
// until Reset or another Script. It loses nothing by itself, as the death of a
// process does not.
//
// What a cut may lose is what was not synced since, each part by itself, whatever
// came after it:
//
//	write       in sectors, half a page unless [Losses] say otherwise, so that a page
//	            can be torn; and the new size by itself, if it is one: a size without
//	            the bytes, which are zeros then
//	truncate    and allocate: the size, and zeros as a write of them
//	create      the entry of the directory, not the file; as mkdir and remove
//	rename      as a whole; as two entries from one directory to another
//
// A sync of a file makes its bytes and its size durable, and not its name: that is
// its directory's, and wants a sync of that. POSIX promises no more, and file
// systems that give more (ext4 syncs the entry of a new file with the file) let
// a forgotten sync pass. Steps that are kept happen in their order. [FS.Restore]
// makes the mount hold what a cut has left, [Disk.WriteTo] a directory.
//
// # Requests are the kernel's
//
// What meets a fault is a request of the kernel, not a call of the test. There is
// no readahead, so that a read request is for one page, but:
//
//   - The kernel asks twice for a page that it does not get, be it for read(2),
//     for a fault or for MADV_POPULATE_READ; for mlock(2), again and again for
//     good. An error of one time is therefore seen by nobody.
//     The second request of a fault, or of MADV_POPULATE_READ, is made with the
//     lock of the address space held: mmap(2) waits for as long as it is held.
//   - Stores and write(2) differ: a store through a mapping reaches the file
//     system when its page is written back, so that its error is msync's; write(2)
//     is passed on at once. A full file system can therefore not fail a store, as
//     tmpfs or a sparse file of ext4 can.
//   - A short answer to a read means the end of the file to the kernel, which takes
//     the file to be that short until it asks for the size again; the rest of the
//     page reads as zeros. Of a file opened direct it is a short read(2) and no more.
//   - After truncate the kernel is told: its pages beyond the new end are gone, and
//     mappings of them fault. Of "after 5 reads" the fifth still finds its bytes,
//     but the kernel may know of the new size before it has handed them out.
package faultfs

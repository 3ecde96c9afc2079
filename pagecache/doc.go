// Package pagecache shows and changes what the kernel holds of a file in memory.
// The file need not be mapped, by the caller or by anybody.
//
//	file.go      a file that is open, and what is not one
//	query.go     Look: how many pages are cached, dirty, written back, evicted
//	layout.go    LayoutOf: which parts are cached, folio by folio
//	ranges.go    which pages those are, by bisection
//	walk.go      trees of files, one at a time
//	processes.go who maps it: /proc/PID/maps, pagemap, smaps, fd
//	frames.go    the frames of memory, for root: folio sizes, cgroups
//	warm.go      load what is missing
//	evict.go     drop what is there
//	hold.go      keep it there
//	room.go      whether there is room to
//	warmset.go   record what is there, and bring it back
//
// Two system calls answer. cachestat(2), since Linux 6.5, counts a range of any
// length in one call, which makes an answer about a sparse file of 1 TiB quick.
// Where it is missing, refused by a sandbox, or asks the wrong inode (overlayfs, FUSE
// passthrough), mincore(2) looks at each page of a mapping, and knows of no dirty,
// written back or evicted ones. Both tell the truth only to who owns the file or may
// write it: cachestat refuses others with EPERM, and mincore tells them that
// everything is in memory, behind the end of the file too, by which it is found out.
// What is not known is nil here, with its reason in [File.Unknown], and never a guess.
//
// Every answer is true for the moment of the call only: the kernel reads and
// evicts as it likes, and so do other programs.
//
// Everything takes a context, and returns with its error soon after it is
// cancelled; what was done until then stays done. Nothing here changes a file's
// contents. On Darwin, FreeBSD, NetBSD and DragonFly only cached pages are known
// and [Warm] works; elsewhere calls return errors that match
// [errors.ErrUnsupported].
package pagecache

package observe

// Frames is what the frames of memory tell that hold the mapped pages of a region:
// /proc/kpageflags, /proc/kpagecount and /proc/kpagecgroup, which are root's alone
// (the kernel's admin-guide/mm/pagemap.rst). All but the folios are counts of pages
// of the region. The kernel keeps dirty, referenced and active for a folio as a
// whole, so each of its pages counts.
type Frames struct {
	Pages        int64 `json:"pages"`  // whose frames were looked at: those that are mapped
	Folios       int64 `json:"folios"` // that hold them
	LargestFolio int64 `json:"largest_folio_pages"`
	Dirty        int64 `json:"dirty_pages"`
	Writeback    int64 `json:"writeback_pages"`
	Referenced   int64 `json:"referenced_pages"`  // used since reclaim last looked
	Active       int64 `json:"active_pages"`      // on the list of those that go last
	Unevictable  int64 `json:"unevictable_pages"` // locked in memory

	// MappedByOthers are in another process's page table as well. Some kernels tell
	// a large folio's average only. Null without /proc/kpagecount.
	MappedByOthers *int64 `json:"mapped_by_others_pages"`

	// ChargedTo are the memory control groups that the frames are charged to, null
	// without /proc/kpagecgroup.
	ChargedTo []Charge `json:"charged_to"`
}

// Charge is how many pages are charged to a control group.
type Charge struct {
	GroupInode uint64 `json:"cgroup_inode"` // of its directory
	Pages      int64  `json:"pages"`
}

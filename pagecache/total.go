package pagecache

// Total is the sum of files.
type Total struct {
	Files        int64 `json:"files"`
	Links        int64 `json:"hard_links"`    // further names of these files, not counted again: [ErrLink]
	UnknownFiles int64 `json:"unknown_files"` // of which the kernel tells this user nothing
	SizeBytes    int64 `json:"size_bytes"`
	Pages        int64 `json:"pages"`
	KnownPages   int64 `json:"known_pages"` // of the files that are not unknown

	// Each is the sum of the files in which it is known, null if it is in none.
	CachedPages          *int64 `json:"cached_pages"`
	DirtyPages           *int64 `json:"dirty_pages"`
	WritebackPages       *int64 `json:"writeback_pages"`
	EvictedPages         *int64 `json:"evicted_pages"`
	RecentlyEvictedPages *int64 `json:"recently_evicted_pages"`

	// MappedPages is null where it is of one file, with the reason in MappedUnknown;
	// MappedPagesAtLeast is what could be seen.
	MappedPages        *int64 `json:"mapped_pages"`
	MappedPagesAtLeast int64  `json:"mapped_pages_at_least"`
	MappedUnknown      string `json:"mapped_unknown,omitempty"`
}

// Add counts a file in.
func (t *Total) Add(f *File) {
	t.Files++
	t.SizeBytes += f.SizeBytes
	t.Pages += f.Pages
	if f.CachedPages == nil {
		t.UnknownFiles++
	} else {
		t.KnownPages += f.Pages
	}
	t.addMapped(f)
	for _, s := range []struct {
		sum  **int64
		more *int64
	}{
		{&t.CachedPages, f.CachedPages},
		{&t.DirtyPages, f.DirtyPages},
		{&t.WritebackPages, f.WritebackPages},
		{&t.EvictedPages, f.EvictedPages},
		{&t.RecentlyEvictedPages, f.RecentlyEvictedPages},
	} {
		switch {
		case s.more == nil:
		case *s.sum == nil:
			n := *s.more
			*s.sum = &n
		default:
			**s.sum += *s.more
		}
	}
}

// addMapped adds what processes map of a file: not known of one is not known of all.
func (t *Total) addMapped(f *File) {
	t.MappedPagesAtLeast += f.MappedPagesAtLeast
	if f.MappedPages == nil && t.MappedUnknown == "" {
		t.MappedUnknown = f.Unknown["mapped_pages"]
	}
	if t.MappedPages = nil; t.MappedUnknown == "" {
		n := t.MappedPagesAtLeast
		t.MappedPages = &n
	}
}

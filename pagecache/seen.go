package pagecache

// Seen is who read a file while it was watched: see [WatchReaders].
type Seen struct {
	Readers    []Holder `json:"readers"`
	LostEvents int64    `json:"lost_events"` // that the kernel had no room for
}

package sys

// Range is a part of a region: n bytes from off, whole pages.
type Range struct {
	Region Region
	Off, N int
}

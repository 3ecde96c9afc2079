//go:build invariants

package pager

// invariants makes every transition of a page be checked, and evicted pages be
// filled with junk instead of being given back, so that who uses a slice after
// Unpin sees it.
const invariants = true

package policy

import "math/bits"

// hash makes all bits of a page number count (the finalizer of MurmurHash3, by
// Austin Appleby). It is one to one.
func hash(p Page) uint64 {
	h := uint64(p)
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// scale maps a hash to 0 … n-1, whatever n is: the product's high half.
func scale(h uint64, n int) int {
	at, _ := bits.Mul64(h, uint64(n))
	return int(at)
}

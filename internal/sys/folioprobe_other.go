//go:build !linux

package sys

// LargeFolios finds out whether the file system of dir keeps files in folios larger
// than a page.
func LargeFolios(string) (large bool, device DeviceInode, err error) {
	return false, device, unsupported("finding the size of folios")
}

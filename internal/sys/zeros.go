package sys

// writeZeros is the slow way to give a range of a file its blocks. What there is no
// room for is refused before the file system is full, where it tells.
func (f File) writeZeros(off, n int64) error {
	if free, known := f.freeBytes(); known && n > free {
		return errNoRoom
	}
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		done, err := f.WriteAt(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off += int64(done)
		n -= int64(done)
	}
	return nil
}

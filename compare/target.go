package compare

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/filemap-go/filemap/internal/sys"
	"github.com/filemap-go/filemap/internal/undo"
	"github.com/filemap-go/filemap/pagecache"
)

// target is the file that the contenders work on, and what it held at first.
type target struct {
	path     string
	integers int64
	trailing int64 // bytes behind the last whole integer
	made     bool
	copyOf   string
	like     likeness // of a copy
	base     func(first int64, into []int32) error
	original sys.File // the user's file; else none
	reading  *buffer  // all of it, or what base reads of it
	seen     os.FileInfo
	scratch  string // the directory to remove
	acts     undo.Journal
}

// fileName is what the article calls its file.
const fileName = "mmap_test"

// newTarget makes a file of size bytes, or opens the user's, or makes a copy of
// it for a pattern that writes.
func newTarget(ctx context.Context, o *Options, size int64) (*target, error) {
	if o.File == "" {
		return makeTarget(ctx, o.Dir, size)
	}
	var lies *pagecache.Layout
	var lieError error
	if o.Pattern.writes() && o.State != Cold {
		lies, lieError = pagecache.LayoutOf(ctx, o.File) // before anybody reads it
	}
	t, err := openTarget(o.File)
	if err != nil {
		return nil, err
	}
	if o.Pattern.random() && t.integers*integerBytes < o.BlockBytes {
		return nil, errors.Join(
			fmt.Errorf("%s has %d bytes and no block of %d: make --block smaller", o.File, t.seen.Size(), o.BlockBytes), t.close())
	}
	if o.Pattern.writes() {
		if err := t.copyTo(ctx, o, lies, lieError); err != nil {
			return nil, errors.Join(err, t.close())
		}
	}
	return t, nil
}

// makeTarget writes the integers 0, 1, 2 … to a file of its own in a directory
// of its own, so that no file of the user's can be in the way.
func makeTarget(ctx context.Context, dir string, size int64) (*target, error) {
	t := &target{integers: size / integerBytes, made: true, base: countUp}
	if err := t.make(ctx, dir, t.integers); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func countUp(first int64, into []int32) error {
	for i := range into {
		into[i] = int32(first + int64(i))
	}
	return nil
}

// openTarget looks at the user's file before anything else does: it must be a
// regular file with at least one integer. It is opened for reading only.
func openTarget(path string) (*target, error) {
	f, err := sys.OpenFile(path, 0, 0)
	if err != nil {
		return nil, explain(path, err)
	}
	st, err := f.Stat()
	seen, statErr := os.Stat(path)
	switch {
	case err != nil:
	case st.Kind != sys.Regular:
		err = fmt.Errorf("%s is %v: compare reads and maps regular files only", path, st.Kind)
	case st.Size == 0:
		err = fmt.Errorf("%s is empty: there is nothing to compare", path)
	case st.Size < integerBytes:
		err = fmt.Errorf("%s has %d bytes, and an integer has %d: there is nothing to compare", path, st.Size, integerBytes)
	default:
		err = statErr
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	t := &target{path: path, integers: st.Size / integerBytes, trailing: st.Size % integerBytes, original: f, seen: seen}
	if err := t.remember(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s cannot be read: %w", path, err), t.close())
	}
	return t, nil
}

// explain says in words why a file cannot be opened.
func explain(path string, err error) error {
	if st, statErr := os.Stat(path); statErr == nil && st.IsDir() {
		return fmt.Errorf("%s is a directory: compare reads and maps regular files only", path)
	}
	if kind, is := sys.Unopenable(path, err); is {
		return fmt.Errorf("%s is %v: compare reads and maps regular files only", path, kind)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s does not exist: name a file, or none to have one made (%w)", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s may not be read by this user (%w)", path, err)
	}
	return fmt.Errorf("%s cannot be opened: %w", path, err)
}

// rememberMax is the size of a user's file up to which its contents are kept in
// memory to compare with, rather than read anew each time.
const rememberMax = 64 << 20

// remember makes base what the user's file holds now.
func (t *target) remember() (err error) {
	if t.integers*integerBytes > rememberMax {
		t.base = t.read
		t.reading, err = newBuffer(verifyIntegers)
		return err
	}
	if t.reading, err = newBuffer(t.integers); err != nil {
		return err
	}
	t.base = func(first int64, into []int32) error {
		copy(into, t.reading.integers[first:])
		return nil
	}
	_, err = t.original.ReadAt(t.reading.bytes, 0)
	return shortened(err)
}

// read fills into with integers of the user's file, no more than verifyIntegers.
func (t *target) read(first int64, into []int32) error {
	bytes, integers := t.reading.part(int64(len(into)))
	if _, err := t.original.ReadAt(bytes, first*integerBytes); err != nil {
		return shortened(err)
	}
	copy(into, integers)
	return nil
}

// make writes the file in a fresh directory inside dir.
func (t *target) make(ctx context.Context, dir string, integers int64) error {
	if err := t.scratchIn(dir, ""); err != nil {
		return err
	}
	return t.filled(t.fill(ctx, integers, nil))
}

// scratchIn makes the directory for the file inside dir or, when dir is no place to
// write, inside otherwise if that is not "".
func (t *target) scratchIn(dir, otherwise string) error {
	scratch, err := makeScratch(&t.acts, dir, otherwise)
	if err != nil {
		return err
	}
	t.scratch, t.path = scratch, filepath.Join(scratch, fileName)
	return nil
}

var errNoRoom = errors.New("less is free")

// filled explains why writing the file has failed.
func (t *target) filled(err error) error {
	if err == nil {
		return nil
	}
	if sys.NoSpace(err) || errors.Is(err, errNoRoom) {
		err = fmt.Errorf("%s has no room for a file of %s: free space, ask for less, or choose another place with --dir (%w)",
			filepath.Dir(t.scratch), humanBytes(float64(t.integers*integerBytes)), err)
	}
	return err
}

// makeScratch makes a directory that nobody else has. Without dir the working
// directory is tried, then the one for temporary files.
func makeScratch(acts *undo.Journal, dir, otherwise string) (string, error) {
	if dir == "" {
		dir, otherwise = ".", os.TempDir()
	}
	scratch, err := makeScratchIn(acts, dir)
	if err != nil && otherwise != "" {
		scratch, err = makeScratchIn(acts, otherwise)
		dir = otherwise
	}
	switch {
	case err == nil:
		return scratch, nil
	case sys.NoSpace(err):
		return "", fmt.Errorf("%s is full: free space or choose another place with --dir (%w)", dir, err)
	}
	return "", fmt.Errorf("no file can be made in %s: choose another place with --dir (%w)", dir, err)
}

func makeScratchIn(acts *undo.Journal, dir string) (string, error) {
	scratch := undo.Name(dir, "filemap-compare-")
	return scratch, acts.Make(undo.Tree, scratch, func() error { return os.Mkdir(scratch, 0o700) })
}

// fill writes the file in pieces: those given, and large ones everywhere else, as
// most programs' files are. How a file was written decides how large the page
// cache's folios are, and with that how many faults a mapping takes. It is made
// durable so that nothing of it is still being written while contenders run.
func (t *target) fill(ctx context.Context, integers int64, pieces []pagecache.Extent) (err error) {
	if err := os.Remove(t.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if free, known := sys.FreeBytes(filepath.Dir(t.path)); known && free < integers*integerBytes {
		return errNoRoom // before all of it is taken from others
	}
	f, err := sys.OpenFile(t.path, sys.Write|sys.Create|sys.Excl, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	longest := int64(verifyIntegers * integerBytes)
	for _, p := range pieces {
		longest = max(longest, p.Length)
	}
	b, err := newBuffer(longest / integerBytes)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	end := integers * integerBytes
	at := int64(0)
	for at < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		for len(pieces) > 0 && pieces[0].Offset < at {
			pieces = pieces[1:]
		}
		n := min(verifyIntegers*integerBytes, end-at)
		if len(pieces) > 0 {
			n = min(n, pieces[0].Offset-at)
			if n == 0 {
				n = min(pieces[0].Length, end-at)
			}
		}
		if err := t.writePiece(f, b, at, n); err != nil {
			return err
		}
		at += n
	}
	return f.Sync()
}

// writePiece writes n bytes in one call.
func (t *target) writePiece(f sys.File, b *buffer, at, n int64) error {
	bytes, integers := b.part(n / integerBytes)
	for done := int64(0); done < int64(len(integers)); done += verifyIntegers {
		part := integers[done:min(done+verifyIntegers, int64(len(integers)))]
		if err := t.base(at/integerBytes+done, part); err != nil {
			return err
		}
	}
	_, err := f.WriteAt(bytes, at)
	return err
}

// unchanged tells, when a result was wrong, whether the user's file has changed
// under us.
func (t *target) unchanged() error {
	if t.seen == nil {
		return nil
	}
	path := t.path
	if t.copyOf != "" {
		path = t.copyOf
	}
	now, err := os.Stat(path)
	if err != nil {
		return err
	}
	if now.Size() != t.seen.Size() || !now.ModTime().Equal(t.seen.ModTime()) {
		return fmt.Errorf("%s was changed by somebody else while it was compared: compare a file that nobody changes, or a copy", path)
	}
	return nil
}

// close removes what was made.
func (t *target) close() error {
	var err error
	if t.original.Valid() {
		err = t.original.Close()
	}
	if t.reading != nil {
		err = errors.Join(err, t.reading.close())
	}
	if failed := t.acts.Close(); failed != nil {
		err = errors.Join(err, fmt.Errorf("%s could not be removed: %w", t.scratch, failed))
	}
	return err
}

// file is what the report says about it.
func (t *target) file() File {
	f := File{Path: t.path, Made: t.made, Copy: t.copyOf != "", Of: t.copyOf, TrailingBytes: t.trailing, LikeOriginal: t.like.same, LikeReason: t.like.how}
	if t.scratch != "" {
		// Its own directory, with a name of chance, is gone when this is read.
		f.Path, f.Dir = fileName, filepath.Dir(t.scratch)
	}
	return f
}

package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/filemap-go/filemap/internal/sys"
)

// Place is where a journal lies: a name in an open directory, which is looked up
// there and nowhere else.
type Place struct {
	Dir  sys.Dir
	Name string
	Path string // for errors
}

// PlaceOf opens the directory of path.
func PlaceOf(path string) (Place, error) {
	dir, name, err := sys.OpenDirOf(path)
	return Place{dir, name, path}, err
}

// Close closes the directory.
func (p Place) Close() error { return p.Dir.Close() }

// has is [ErrVanished] where f is not at the place any more.
func (p Place) has(f sys.File) error {
	same, err := p.Dir.Has(p.Name, f)
	if err == nil && !same {
		err = ErrVanished
	}
	return err
}

// open opens the journal and locks it; a missing one is made first, with its first
// row. One that was removed, or made by another, meanwhile is opened again.
func (p Place) open(o Options) (f sys.File, l sys.Lock, made bool, err error) {
	for range 10 {
		f, err = p.Dir.OpenFile(p.Name, sys.Write, 0)
		switch {
		case err == nil:
			l, err = p.take(f, o)
		case !errors.Is(err, fs.ErrNotExist):
			err = p.explain(err)
		default:
			if err = p.make(o); err == nil {
				made, err = true, ErrVanished // not yet found
			}
		}
		if !errors.Is(err, ErrVanished) && !errors.Is(err, fs.ErrExist) {
			return f, l, made, err
		}
	}
	return sys.File{}, sys.Lock{}, false, p.explain(err)
}

// explain says what is at the place instead of a journal, where opening it has failed
// for that.
func (p Place) explain(err error) error {
	kind := "a symbolic link that leads nowhere"
	if st, statErr := os.Stat(p.Path); statErr == nil {
		switch mode := st.Mode(); {
		case mode.IsRegular():
			return err
		case mode.IsDir():
			kind = sys.Directory.String()
		case mode&fs.ModeNamedPipe != 0:
			kind = sys.Pipe.String()
		case mode&fs.ModeSocket != 0:
			kind = sys.Socket.String()
		default:
			kind = sys.Device.String()
		}
	} else if st, linkErr := os.Lstat(p.Path); linkErr != nil || st.Mode()&fs.ModeSymlink == 0 || !errors.Is(statErr, fs.ErrNotExist) {
		return err
	}
	return fmt.Errorf("%w: it is %s (%w)", ErrNotJournal, kind, err)
}

// take locks a file that lies at the place, or closes it.
func (p Place) take(f sys.File, o Options) (l sys.Lock, err error) {
	st, err := f.Stat()
	if err == nil && st.Kind != sys.Regular {
		err = fmt.Errorf("%w: it is %v", ErrNotJournal, st.Kind)
	}
	if err == nil && o.File.Valid() {
		var same bool
		if same, err = f.SameFile(o.File); same {
			err = fmt.Errorf("%w: it is the very file that it would be the journal of (choose another path)", ErrNotJournal)
		}
	}
	if err == nil {
		l, err = tryLock(f)
	}
	if err == nil {
		err = p.has(f)
	}
	if err != nil {
		return sys.Lock{}, errors.Join(err, l.Release(), f.Close())
	}
	if o.File.Valid() {
		_ = f.MatchAccess(o.File) // as far as it may
	}
	return l, nil
}

func tryLock(f sys.File) (sys.Lock, error) {
	l, err := f.TryLock()
	if errors.Is(err, sys.ErrLocked) {
		err = ErrLocked
	}
	return l, err
}

// newSuffix ends the name under which a journal is made.
const newSuffix = ".new"

// make makes a journal under another name, and renames it when it is whole: what
// has a journal's name and is none of ours is never taken for one that was begun.
func (p Place) make(o Options) error {
	if o.Missing != nil {
		return o.Missing
	}
	as := Place{p.Dir, p.Name + newSuffix, p.Path + newSuffix}
	f, err := as.Dir.OpenFile(as.Name, sys.Write|sys.Create|sys.Excl, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if err = as.clear(); err == nil {
			err = ErrVanished // once more
		}
	}
	if err != nil {
		return err
	}
	l, err := tryLock(f)
	if err == nil {
		err = as.has(f)
	}
	if err == nil {
		if err = p.fill(f, as, o); err != nil {
			err = errors.Join(err, as.Dir.Remove(as.Name))
		}
	}
	return errors.Join(err, l.Release(), f.Close())
}

// fill writes the first row and gives the file its name, both durably.
func (p Place) fill(f sys.File, as Place, o Options) error {
	if o.File.Valid() {
		_ = f.MatchAccess(o.File) // as far as it may
	}
	_, err := f.WriteAt(Blank(o.Identity), 0)
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		err = p.Dir.Rename(as.Name, p.Name)
	}
	if err != nil {
		return err
	}
	if err := p.Dir.Sync(); err != nil {
		return errors.Join(err, p.Dir.Rename(p.Name, as.Name))
	}
	return nil
}

// clear removes what was left of the making of a journal that a crash has ended.
// Anything else it refuses, and what another is just making.
func (p Place) clear() error {
	f, err := p.Dir.OpenFile(p.Name, sys.Write, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if err := p.explain(err); errors.Is(err, ErrNotJournal) { // a link that leads nowhere
			return &Error{Op: "open", Path: p.Path, Err: err}
		}
		return nil
	}
	if err != nil {
		return &Error{Op: "open", Path: p.Path, Err: p.explain(err)}
	}
	l, err := p.take(f, Options{})
	if err != nil {
		return &Error{Op: "open", Path: p.Path, Err: err}
	}
	st, err := f.Stat()
	var b []byte
	if err == nil {
		b, err = readSome(f, 0, superblocks)
	}
	if err == nil && (st.Size > superblocks || !begun(b)) {
		err = ErrNotJournal
	}
	if err == nil {
		err = p.Dir.Remove(p.Name)
	}
	if err = errors.Join(err, l.Release(), f.Close()); err != nil {
		return &Error{Op: "open", Path: p.Path, Err: err}
	}
	return nil
}

// begun tells whether this is what a cut can have left of [Blank].
func begun(b []byte) bool {
	for len(b) > 0 {
		part := b[:min(block, len(b))]
		if !isZero(part) && !bytes.HasPrefix(part, []byte(magic)) {
			return false
		}
		b = b[len(part):]
	}
	return true
}

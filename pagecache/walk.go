package pagecache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/filemap-go/filemap/internal/sys"
)

// Walk calls visit for each file that paths name, one at a time and in order: a
// path that is no directory as it is, whatever it is; a directory with all regular
// files below it, symbolic links not followed; a pattern such as *.db, where nothing
// has that name, with what it matches. Of a directory or pattern that cannot be read
// visit gets the error, and [ErrLink] of a further hard link to a file that was
// visited: its pages are the same.
//
// The kernel's own file systems (/proc, /sys and the like), whose files have no pages,
// are left out where they lie below a directory; named by themselves they are not.
//
// It holds the names of one directory of a path in memory at a time, and the
// numbers of the files that have several hard links, so that the size of a tree does
// not matter. It ends with the first error that visit returns, or ctx's.
func Walk(ctx context.Context, paths []string, visit func(path string, err error) error) error {
	return Selection{}.Walk(ctx, paths, visit)
}

// Selection says which files a walk leaves out.
type Selection struct {
	// OneFileSystem stays, below each directory, on the file system of that.
	OneFileSystem bool

	// Exclude are patterns of [filepath.Match]. One without a slash is about names
	// (*.log), one with a slash about paths as they are walked (/var/cache/*). What
	// matches is not visited, nor anything below it.
	Exclude []string
}

// Check finds patterns that are none.
func (s Selection) Check() error {
	for _, pattern := range s.Exclude {
		if _, err := filepath.Match(pattern, "x"); err != nil || pattern == "" {
			return fmt.Errorf("%q is no pattern: *.log, say, or /var/cache/*", pattern)
		}
	}
	return nil
}

// Walk is [Walk] of what is selected.
func (s Selection) Walk(ctx context.Context, paths []string, visit func(path string, err error) error) error {
	if err := s.Check(); err != nil {
		return err
	}
	w := &walk{Selection: s, ctx: ctx, visitor: visit, linked: map[sys.FileNumber]struct{}{}}
	return w.paths(paths)
}

// walk is one call of Walk.
type walk struct {
	Selection
	ctx     context.Context
	visitor func(path string, err error) error
	linked  map[sys.FileNumber]struct{} // files visited that have other names
}

func (w *walk) paths(paths []string) error {
	for _, path := range paths {
		// A dangling link has a name, and is no pattern.
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) && strings.ContainsAny(path, "*?[") {
			if err := w.pattern(path, err); err != nil {
				return err
			}
			continue
		}
		if err := w.path(path); err != nil {
			return err
		}
	}
	return nil
}

// path visits what has a name.
func (w *walk) path(path string) error {
	if err := w.ctx.Err(); err != nil {
		return err
	}
	if w.excluded(path) {
		return nil
	}
	st, err := os.Stat(path)
	if err == nil && st.IsDir() {
		return w.tree(path, st)
	}
	return w.visit(path, st)
}

// excluded tells whether a pattern matches.
func (w *walk) excluded(path string) bool {
	for _, pattern := range w.Exclude {
		about := filepath.Clean(path)
		if !strings.ContainsRune(pattern, filepath.Separator) {
			about = filepath.Base(path)
		}
		if is, _ := filepath.Match(pattern, about); is {
			return true
		}
	}
	return false
}

// visit is of one file; st is nil where it is not known.
func (w *walk) visit(path string, st fs.FileInfo) error {
	if st == nil {
		return w.visitor(path, nil)
	}
	if number, several := sys.SeveralNames(st); several {
		if _, before := w.linked[number]; before {
			return w.visitor(path, &Error{Op: "look", Path: path, Err: ErrLink})
		}
		w.linked[number] = struct{}{}
	}
	return w.visitor(path, nil)
}

// pattern is for quoted patterns, and for shells that expand none. What it matches are
// names, and not patterns once more.
func (w *walk) pattern(pattern string, missing error) error {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return w.visitor(pattern, &Error{Op: "look", Path: pattern, Err: err})
	}
	if len(found) == 0 {
		return w.visitor(pattern, &Error{Op: "look", Path: pattern, Err: &reworded{"nothing matches, and there is no such file", missing}})
	}
	for _, path := range found {
		if err := w.path(path); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) tree(root string, rootInfo fs.FileInfo) error {
	device, _ := sys.DeviceOfFile(rootInfo)
	// The slash makes a root that is a symbolic link be followed.
	return filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		path = filepath.Clean(path)
		isRoot := path == filepath.Clean(root)
		switch {
		case err != nil && !isRoot && errors.Is(err, fs.ErrNotExist):
			return fs.SkipDir // it went meanwhile
		case err != nil:
			if err := w.visitor(path, &Error{Op: "look", Path: path, Err: why(err)}); err != nil {
				return err
			}
			return fs.SkipDir
		case !isRoot && w.excluded(path):
			return skip(d)
		case d.IsDir():
			if !isRoot && w.elsewhere(path, d, device) {
				return fs.SkipDir
			}
			return nil
		case !d.Type().IsRegular():
			return nil
		}
		st, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it went meanwhile
		}
		if err != nil {
			st = nil // who visits it finds out
		}
		return w.visit(path, st)
	})
}

func skip(d fs.DirEntry) error {
	if d.IsDir() {
		return fs.SkipDir
	}
	return nil
}

// elsewhere tells whether a directory is a mount that is left out.
func (w *walk) elsewhere(path string, d fs.DirEntry, device uint64) bool {
	st, err := d.Info()
	if err != nil {
		return false
	}
	its, known := sys.DeviceOfFile(st)
	if !known || its == device {
		return false
	}
	return w.OneFileSystem || sys.OfKernel(path)
}

package pagecache

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/filemap-go/filemap/internal/sys"
)

// Walk calls visit for each file that paths name, one at a time and in order: a
// path that is no directory as it is, whatever it is; a directory with all regular
// files below it, symbolic links not followed; a pattern such as *.db, where no
// file has that name, with what it matches. Of a directory or pattern that cannot
// be read visit gets the error, and [ErrLink] of a further hard link to a file that
// was visited: its pages are the same.
//
// It holds the names of one directory of a path in memory at a time, and the
// numbers of the files that have several hard links, so that the size of a tree does
// not matter. It ends with the first error that visit returns, or ctx's.
func Walk(ctx context.Context, paths []string, visit func(path string, err error) error) error {
	w := &walk{ctx: ctx, visitor: visit, linked: map[sys.FileNumber]struct{}{}}
	return w.paths(paths)
}

// walk is one call of Walk.
type walk struct {
	ctx     context.Context
	visitor func(path string, err error) error
	linked  map[sys.FileNumber]struct{} // files visited that have other names
}

func (w *walk) paths(paths []string) error {
	for _, path := range paths {
		st, err := os.Stat(path)
		switch {
		case err == nil && st.IsDir():
			err = w.tree(path)
		case err != nil && strings.ContainsAny(path, "*?["):
			err = w.pattern(path, err)
		case w.ctx.Err() != nil:
			err = w.ctx.Err()
		default:
			err = w.visit(path, st)
		}
		if err != nil {
			return err
		}
	}
	return nil
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

// pattern is for who quotes a pattern, and for shells that expand none.
func (w *walk) pattern(pattern string, missing error) error {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return w.visitor(pattern, &Error{Op: "look", Path: pattern, Err: err})
	}
	if len(found) == 0 {
		return w.visitor(pattern, &Error{Op: "look", Path: pattern, Err: fmt.Errorf("nothing matches: %w", missing)})
	}
	return w.paths(found)
}

func (w *walk) tree(root string) error {
	// The slash makes a root that is a symbolic link be followed.
	return filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		path = filepath.Clean(path)
		if err != nil {
			if err := w.visitor(path, &Error{Op: "look", Path: path, Err: why(err)}); err != nil {
				return err
			}
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			st = nil // it is gone: who visits it finds out
		}
		return w.visit(path, st)
	})
}

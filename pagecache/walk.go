package pagecache

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Walk calls visit for each file that paths name, one at a time and in order: a
// path that is no directory as it is, whatever it is; a directory with all regular
// files below it, symbolic links not followed; a pattern such as *.db, where no
// file has that name, with what it matches. Of a directory or pattern that cannot
// be read visit gets the error.
//
// It holds the names of one directory of a path in memory at a time, so that the
// size of a tree does not matter. It ends with the first error that visit returns,
// or ctx's.
func Walk(ctx context.Context, paths []string, visit func(path string, err error) error) error {
	for _, path := range paths {
		st, err := os.Stat(path)
		switch {
		case err == nil && st.IsDir():
			err = walkTree(ctx, path, visit)
		case err != nil && strings.ContainsAny(path, "*?["):
			err = walkPattern(ctx, path, err, visit)
		case ctx.Err() != nil:
			err = ctx.Err()
		default:
			err = visit(path, nil)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// walkPattern is for who quotes a pattern, and for shells that expand none.
func walkPattern(ctx context.Context, pattern string, missing error, visit func(string, error) error) error {
	found, err := filepath.Glob(pattern)
	if err != nil {
		return visit(pattern, &Error{Op: "look", Path: pattern, Err: err})
	}
	if len(found) == 0 {
		return visit(pattern, &Error{Op: "look", Path: pattern, Err: fmt.Errorf("nothing matches: %w", missing)})
	}
	return Walk(ctx, found, visit)
}

func walkTree(ctx context.Context, root string, visit func(string, error) error) error {
	// The slash makes a root that is a symbolic link be followed.
	return filepath.WalkDir(root+string(filepath.Separator), func(path string, d fs.DirEntry, err error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		path = filepath.Clean(path)
		if err != nil {
			if err := visit(path, &Error{Op: "look", Path: path, Err: why(err)}); err != nil {
				return err
			}
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		return visit(path, nil)
	})
}

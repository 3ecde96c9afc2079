package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/filemap-go/filemap/pagecache"
)

// naming is how files are named, to every verb that works on many: as arguments, in a
// list, and without what is left out.
type naming struct {
	paths     []string
	list      string // the file of names, "-" for standard input
	null      bool
	selection pagecache.Selection
}

func (n *naming) define(c *cobra.Command) {
	flags := c.Flags()
	flags.StringVar(&n.list, "files-from", "", "names of files too, one a line, in `LIST`; - for standard input")
	flags.BoolVarP(&n.null, "null", "0", false, "with --files-from: names end with a NUL byte, as find -print0 writes them")
	flags.StringArrayVar(&n.selection.Exclude, "exclude", nil, "leave out what matches `PATTERN`: names (*.log), or paths (/var/cache/*)")
	flags.BoolVarP(&n.selection.OneFileSystem, "one-file-system", "x", false, "stay, below each directory, on its file system")
}

// args is what cobra asks about arguments: a name, or a list of names.
func (n *naming) args(c *cobra.Command, args []string) error {
	if len(args) == 0 && n.list == "" {
		return argsError(c, args)
	}
	return nil
}

// read makes the paths.
func (n *naming) read(c *cobra.Command, args []string) error {
	if slices.Contains(args, "") {
		return errors.New(`a file is named "": name one`)
	}
	if n.null && n.list == "" {
		return errors.New("--null goes with --files-from")
	}
	if err := n.selection.Check(); err != nil {
		return fmt.Errorf("--exclude %w", err)
	}
	n.paths = args
	if n.list == "" {
		return nil
	}
	text, err := n.readList(c.InOrStdin())
	if err != nil {
		return failure{fmt.Errorf("--files-from %s cannot be read: %w", visible(n.list), err)}
	}
	end := []byte{'\n'}
	if n.null {
		end[0] = 0
	}
	for name := range bytes.SplitSeq(text, end) {
		if len(name) > 0 {
			n.paths = append(n.paths, string(name))
		}
	}
	return nil
}

func (n *naming) readList(stdin io.Reader) ([]byte, error) {
	if n.list == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(n.list)
}

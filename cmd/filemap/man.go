package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newMan is hidden: it is for who packages the command.
func newMan() *cobra.Command {
	return &cobra.Command{
		Use:    "man DIR",
		Short:  "Write the man pages to DIR",
		Hidden: true,
		Args:   cobra.ExactArgs(1),
		RunE: verb(func(c *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("the man pages need a directory: %w", err)
			}
			c.Root().DisableAutoGenTag = true
			// No date of its own, so that a build can be repeated byte for byte.
			date := time.Unix(0, 0).UTC()
			return doc.GenManTree(c.Root(), &doc.GenManHeader{Title: "FILEMAP", Section: "1", Source: "filemap", Date: &date}, args[0])
		}),
	}
}

package main

import (
	"encoding/json"
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is what "filemap version" tells.
type version struct {
	Schema   string `json:"schema"`
	Version  string `json:"version"`  // of the module; "(devel)" when built from a work tree
	Revision string `json:"revision"` // of the work tree, "" if the build did not note it
	Modified bool   `json:"modified"` // the work tree was changed since
	Go       string `json:"go"`
	OS       string `json:"os"`
	Arch     string `json:"arch"`
}

func newVersion() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: verb(func(c *cobra.Command, _ []string) error {
			v := thisVersion()
			if asJSON {
				e := json.NewEncoder(c.OutOrStdout())
				e.SetIndent("", "  ")
				return e.Encode(v)
			}
			_, err := fmt.Fprintln(c.OutOrStdout(), v)
			return err
		}),
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print one JSON document")
	return c
}

func thisVersion() version {
	v := version{Schema: "filemap/version/v1", Version: "(devel)", Go: runtime.Version(), OS: runtime.GOOS, Arch: runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

// String is one line: "filemap v1.2.3 (0123abcd, modified) go1.26 linux/amd64".
func (v version) String() string {
	revision := ""
	if v.Revision != "" {
		revision = v.Revision[:min(len(v.Revision), 12)]
		if v.Modified {
			revision += ", modified"
		}
		revision = " (" + revision + ")"
	}
	return fmt.Sprintf("filemap %s%s %s %s/%s", v.Version, revision, v.Go, v.OS, v.Arch)
}

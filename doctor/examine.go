package doctor

import (
	"cmp"
	"context"
	"os"
	"runtime"

	"github.com/filemap-go/filemap/internal/sys"
)

// Schema names the report's form.
const Schema = "filemap/doctor/v1"

// Options say what [Examine] looks at.
type Options struct {
	Files []string // to examine too, with their file systems
	Proc  string   // where procfs is; "" for /proc
	Sys   string   // where sysfs is; "" for /sys
}

// Report is what was found.
type Report struct {
	Schema    string    `json:"schema"`
	OS        string    `json:"os"`
	Arch      string    `json:"arch"`
	Kernel    string    `json:"kernel"` // its release; "" if it does not tell
	Root      bool      `json:"root"`
	PageBytes int64     `json:"page_bytes"`
	Abilities []Ability `json:"abilities"`
	Settings  []Setting `json:"settings"`
	Files     []File    `json:"files"`
	Findings  []Finding `json:"findings"` // worst first
}

// Examine looks at the machine and the files. A file that cannot be looked at has
// its reason in [File.Error].
func Examine(ctx context.Context, o Options) (*Report, error) {
	o.Proc, o.Sys = cmp.Or(o.Proc, "/proc"), cmp.Or(o.Sys, "/sys")
	r := &Report{
		Schema: Schema, OS: runtime.GOOS, Arch: runtime.GOARCH, Kernel: sys.KernelRelease(), Root: os.Geteuid() == 0,
		PageBytes: int64(sys.PageSize), Files: []File{},
	}
	r.Abilities = abilities(o)
	r.Settings = settings(o)
	for _, path := range o.Files {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.Files = append(r.Files, examineFile(path, o))
	}
	r.Findings = findings(r)
	return r, ctx.Err()
}

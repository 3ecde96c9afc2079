package observe

import "github.com/filemap-go/filemap/internal/names"

// keepBytes adds, to names that are not UTF-8, the field that has all their bytes.
func (d *Document) keepBytes() {
	d.CommandRaw = names.Words(d.Command).Lossless()
	for i := range d.Files {
		d.Files[i].Raw = names.Lossless(d.Files[i].Path)
	}
	for i := range d.Summary.Files {
		d.Summary.Files[i].Raw = names.Lossless(d.Summary.Files[i].Path)
	}
}

// because is a cause that is one of the errors above too, which the text of the cause
// says in more words.
func because(what, cause error) error { return &reason{what, cause} }

type reason struct{ what, cause error }

func (r *reason) Error() string   { return r.cause.Error() }
func (r *reason) Unwrap() []error { return []error{r.what, r.cause} }

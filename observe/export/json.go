package export

import (
	"encoding/json"
	"io"

	"github.com/filemap-go/filemap/observe"
)

// JSON writes the document on one line.
func JSON(w io.Writer, d *observe.Document) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

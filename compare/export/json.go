package export

import (
	"encoding/json"
	"io"
	"reflect"

	"github.com/filemap-go/filemap/compare"
)

// JSON writes the report as one indented document. Lists are never null, so
// that a reader can walk them without asking.
func JSON(w io.Writer, r *compare.Report) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(listed(reflect.ValueOf(*r)).Interface())
}

// listed copies a value with an empty slice for each nil one. It walks by
// reflection, so that a list added to the report is covered as well.
func listed(v reflect.Value) reflect.Value {
	switch v.Kind() {
	case reflect.Struct:
		filled := reflect.New(v.Type()).Elem()
		filled.Set(v)
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				filled.Field(i).Set(listed(v.Field(i)))
			}
		}
		return filled
	case reflect.Slice:
		filled := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		for i := range v.Len() {
			filled.Index(i).Set(listed(v.Index(i)))
		}
		return filled
	case reflect.Pointer:
		if v.IsNil() || v.Elem().Kind() != reflect.Struct {
			return v
		}
		filled := reflect.New(v.Type().Elem())
		filled.Elem().Set(listed(v.Elem()))
		return filled
	}
	return v
}

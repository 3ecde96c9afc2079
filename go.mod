module github.com/filemap-go/filemap

go 1.26.0

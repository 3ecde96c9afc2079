package contender

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"go.etcd.io/bbolt"

	"github.com/filemap-go/filemap/bench/harness"
)

// BboltValueBytes is the longest value that fills a database page of 4 KiB and
// not a second one: the page's header is 16 bytes, an element's 16, a key 8.
const BboltValueBytes = 4096 - 16 - 16 - 8

const bboltPage = 4096

// Bbolt is go.etcd.io/bbolt, a B+ tree in a mapped file: page i of what is read is
// the value of key i, which is the page but for its last 40 bytes. The file is the
// database if it is one, else the database is made of it beside it.
var Bbolt = Library{
	Name: "bbolt",
	Role: harness.Alternative,
	Read: func(path string) (*Mapping, error) {
		db, err := openBbolt(path)
		if err != nil {
			return nil, err
		}
		return &Mapping{ReadAt: func(p []byte, off int64) (int, error) { return bboltGet(db, p, off) }, Close: db.Close}, nil
	},
}

func bboltGet(db *bbolt.DB, p []byte, off int64) (n int, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		var key [8]byte
		binary.BigEndian.PutUint64(key[:], uint64(off/bboltPage))
		n = copy(p, tx.Bucket(bboltPages).Get(key[:]))
		return nil
	})
	if err == nil && n < BboltValueBytes {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

var bboltPages = []byte("pages")

func openBbolt(path string) (*bbolt.DB, error) {
	name := path + ".bbolt"
	if _, err := os.Stat(name); err != nil {
		if err := makeBbolt(path, name); err != nil {
			return nil, fmt.Errorf("making a database: %w", err)
		}
	}
	return bbolt.Open(name, 0o644, &bbolt.Options{ReadOnly: true, PageSize: bboltPage})
}

// makeBbolt puts the file's pages into a database, in order and densely.
func makeBbolt(path, name string) (err error) {
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	db, err := bbolt.Open(name, 0o644, &bbolt.Options{PageSize: bboltPage, NoSync: true, NoFreelistSync: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Sync(), db.Close()) }()
	const batch = 4096
	p := make([]byte, bboltPage)
	for page, more := int64(0), true; more; {
		err := db.Update(func(tx *bbolt.Tx) error {
			b, err := tx.CreateBucketIfNotExists(bboltPages)
			if err != nil {
				return err
			}
			b.FillPercent = 1
			for range batch {
				if _, err := in.ReadAt(p, page*bboltPage); err != nil {
					more = false
					if errors.Is(err, io.EOF) {
						return nil
					}
					return err
				}
				var key [8]byte
				binary.BigEndian.PutUint64(key[:], uint64(page))
				if err := b.Put(key[:], append([]byte(nil), p[:BboltValueBytes]...)); err != nil {
					return err
				}
				page++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

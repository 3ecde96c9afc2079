package comparison

import (
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"go.etcd.io/bbolt"
	_ "modernc.org/sqlite" // the driver

	"github.com/filemap-go/filemap"
)

// filemapStore is a plain file, opened Atomic.
type filemapStore struct {
	m     *filemap.Map
	pages uint64
}

func openFilemapStore(dir string, pages uint64) (store, error) {
	path := filepath.Join(dir, "pages")
	err := makeFile(path, int64(pages)*committedBytes, func([]byte, int64) {})
	if err != nil {
		return nil, err
	}
	m, err := filemap.Open(path, filemap.ReadWrite, filemap.Atomic)
	if err != nil {
		return nil, err
	}
	return filemapStore{m, pages}, nil
}

func (s filemapStore) fill(put func(page uint64, b []byte)) error {
	return fillBy(s.pages, func(pages []uint64) error { return s.commit(pages, put) })
}

// fillBy makes all pages, 4096 in a transaction.
func fillBy(pages uint64, commit func(pages []uint64) error) error {
	const together = 4096
	for begin := uint64(0); begin < pages; begin += together {
		some := make([]uint64, min(together, pages-begin))
		for i := range some {
			some[i] = begin + uint64(i)
		}
		if err := commit(some); err != nil {
			return err
		}
	}
	return nil
}

func (s filemapStore) commit(pages []uint64, put func(page uint64, b []byte)) error {
	for _, page := range pages {
		err := s.m.Update(int64(page*committedBytes), committedBytes, func(b []byte) error { put(page, b); return nil })
		if err != nil {
			return err
		}
	}
	return s.m.Commit()
}

func (s filemapStore) read(page uint64, b []byte) error {
	_, err := s.m.ReadAt(b, int64(page*committedBytes))
	return err
}

func (s filemapStore) close() error { return s.m.Close() }

// bboltStore has a bucket of pages.
type bboltStore struct {
	db    *bbolt.DB
	pages uint64
}

var bucketName = []byte("pages")

func openBbolt(dir string, pages uint64) (store, error) {
	db, err := bbolt.Open(filepath.Join(dir, "bbolt"), 0o600, nil)
	if err != nil {
		return nil, err
	}
	return bboltStore{db, pages}, nil
}

func pageKey(page uint64) []byte { return binary.BigEndian.AppendUint64(nil, page) }

func (s bboltStore) fill(put func(page uint64, b []byte)) error {
	return fillBy(s.pages, func(pages []uint64) error { return s.commit(pages, put) })
}

func (s bboltStore) commit(pages []uint64, put func(page uint64, b []byte)) error {
	return s.db.Update(func(tx *bbolt.Tx) error {
		bucket, err := tx.CreateBucketIfNotExists(bucketName)
		if err != nil {
			return err
		}
		for _, page := range pages {
			b := make([]byte, committedBytes)
			put(page, b)
			if err := bucket.Put(pageKey(page), b); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s bboltStore) read(page uint64, b []byte) error {
	return s.db.View(func(tx *bbolt.Tx) error {
		if n := copy(b, tx.Bucket(bucketName).Get(pageKey(page))); n < len(b) {
			return fmt.Errorf("page %d has %d bytes", page, n)
		}
		return nil
	})
}

func (s bboltStore) close() error { return s.db.Close() }

// sqliteStore has a table of pages.
type sqliteStore struct {
	db    *sql.DB
	pages uint64
}

func openSQLite(dir string, pages uint64) (store, error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "sqlite")+"?_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("CREATE TABLE pages (id INTEGER PRIMARY KEY, v BLOB)"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return sqliteStore{db, pages}, nil
}

func (s sqliteStore) fill(put func(page uint64, b []byte)) error {
	return fillBy(s.pages, func(pages []uint64) error {
		return s.each("INSERT INTO pages (v, id) VALUES (?, ?)", pages, put)
	})
}

func (s sqliteStore) commit(pages []uint64, put func(page uint64, b []byte)) error {
	return s.each("UPDATE pages SET v = ? WHERE id = ?", pages, put)
}

func (s sqliteStore) each(statement string, pages []uint64, put func(page uint64, b []byte)) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	prepared, err := tx.Prepare(statement)
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	b := make([]byte, committedBytes)
	for _, page := range pages {
		put(page, b)
		if _, err := prepared.Exec(b, int64(page)); err != nil {
			return errors.Join(err, tx.Rollback())
		}
	}
	return errors.Join(prepared.Close(), tx.Commit())
}

func (s sqliteStore) read(page uint64, b []byte) error {
	var got []byte
	if err := s.db.QueryRow("SELECT v FROM pages WHERE id = ?", int64(page)).Scan(&got); err != nil {
		return err
	}
	if n := copy(b, got); n < len(b) {
		return fmt.Errorf("page %d has %d bytes", page, n)
	}
	return nil
}

func (s sqliteStore) close() error { return s.db.Close() }

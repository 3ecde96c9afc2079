//go:build linux || darwin || freebsd || netbsd || dragonfly || windows

package filemap_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log"
	"os"
	"path/filepath"

	"github.com/filemap-go/filemap"
)

// A log of records that tell their length and checksum. A process that is killed
// leaves all that it has appended; a power cut may leave anything behind the last
// Sync, so the log is cut behind the last record that is whole.
func ExampleMap_Append_afterPowerCut() {
	dir, _ := os.MkdirTemp("", "example")
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "log")

	m, err := filemap.Create(path, 0, filemap.Reserve(1<<20))
	if err != nil {
		log.Fatal(err)
	}
	for _, text := range []string{"one", "two", "three"} {
		record := binary.LittleEndian.AppendUint32(make([]byte, 4), uint32(len(text)))
		record = append(record, text...)
		binary.LittleEndian.PutUint32(record, crc32.ChecksumIEEE(record[4:]))
		if _, err := m.Append(record); err != nil {
			log.Fatal(err)
		}
	}
	m.Close()
	if err := os.Truncate(path, 5000); err != nil { // as a power cut may leave it
		log.Fatal(err)
	}

	if m, err = filemap.Open(path, filemap.ReadWrite, filemap.Reserve(1<<20)); err != nil {
		log.Fatal(err)
	}
	defer m.Close()
	rest := m.Bytes()
	for len(rest) >= 8 {
		n := uint64(binary.LittleEndian.Uint32(rest[4:]))
		if n > uint64(len(rest)-8) || binary.LittleEndian.Uint32(rest) != crc32.ChecksumIEEE(rest[4:8+n]) {
			break
		}
		fmt.Printf("%s\n", rest[8:8+n])
		rest = rest[8+n:]
	}
	if err := m.Resize(m.Len() - int64(len(rest))); err != nil {
		log.Fatal(err)
	}
	fmt.Println(m.Len(), "bytes")
	// Output:
	// one
	// two
	// three
	// 35 bytes
}

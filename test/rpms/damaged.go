package rpms

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
)

// Damage is a database that can't be read.
type Damage struct {
	Data []byte
	Says string // what is told about it, as a regular expression
}

// Damaged are databases that the library behind package host gives up at, each in its own way. The directory is for a
// file in between.
func Damaged(dir string) (map[string]Damage, error) {
	file := filepath.Join(dir, "whole.sqlite")
	if err := WriteSQLite(file, Some()); err != nil {
		return nil, err
	}
	sqlite, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the whole database: %w", err)
	}
	noSlot := NDB(Some())
	copy(noSlot[32+16*100:], "Slut")
	large := ndb(0)
	slot(large, 0, ndbFirst/16)
	large = append(large, blobHead(0, 0xffff_fff0)...)
	return map[string]Damage{
		"nothing of the kind":      {[]byte("no database at all\n"), "EOF"},
		"sqlite, cut short":        {sqlite[:len(sqlite)/2], "malformed"},
		"ndb, cut short":           {NDB(Some())[:2000], "slot pages"},
		"ndb, a broken slot":       {noSlot, "bad slot"},                        // printed, and a goroutine stays
		"ndb, a blob of 4 GiB":     {large, "out of memory|failed to allocate"}, // ends a process
		"bdb, an index far beyond": {bdb(0xffff, 0), "out of range"},            // panics in a goroutine
		"bdb, a page far beyond":   {bdb(100, 1<<22), "failed to read"},         // a goroutine stays
	}, nil
}

// Endless is a database that the library reads for ever.
func Endless() []byte { return bdb(100, 1) }

// bdb is a Berkeley DB of two pages: what it is, and a page whose only value, at the index, begins on another page.
// Page 1 is none that a value can be on.
func bdb(index uint16, page uint32) []byte {
	const size = 512
	b := make([]byte, 2*size)
	binary.LittleEndian.PutUint32(b[12:], 0x061561)
	binary.LittleEndian.PutUint32(b[20:], size)
	b[25] = 8 // a hash's metadata
	binary.LittleEndian.PutUint32(b[32:], 1)
	hash := b[size:]
	hash[20] = 2  // a key and a value
	hash[25] = 13 // a page of a hash
	binary.LittleEndian.PutUint16(hash[28:], index)
	if int(index) < size {
		hash[index] = 3 // it is elsewhere
		binary.LittleEndian.PutUint32(hash[index+4:], page)
	}
	return b
}

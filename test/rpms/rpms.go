// Package rpms makes databases of rpm for tests, whole and damaged: no rpm is needed, and no file of a distribution is
// kept.
package rpms

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"

	_ "modernc.org/sqlite" // the driver that WriteSQLite writes with
)

// Package is an installed package that owns at most one file.
type Package struct {
	Epoch                                uint32
	Name, Version, Release, Arch, Source string
	File                                 string
}

// Some are packages of a host.
func Some() []Package {
	return []Package{
		{Name: "bash", Version: "5.1.8", Release: "9.el9", Arch: "x86_64", Source: "bash-5.1.8-9.el9.src.rpm", File: "/usr/bin/bash"},
		{Epoch: 1, Name: "openssl-libs", Version: "3.0.7", Release: "27.el9", Arch: "x86_64", Source: "openssl-3.0.7-27.el9.src.rpm"},
		{Epoch: 4, Name: "podman", Version: "5.2.2", Release: "9.el9", Arch: "x86_64", Source: "podman-5.2.2-9.el9.src.rpm", File: "/usr/bin/podman"},
		{Name: "gpg-pubkey", Version: "fd431d51", Release: "4ae0493b", Arch: "(none)"},
	}
}

// header encodes a package as rpm stores it: the number of entries and of data bytes, the index, the data.
func (p Package) header() []byte {
	const typeInt32, typeString, typeStrings = 4, 6, 8
	var index, data []byte
	add := func(tag, kind uint32, value []byte) {
		for kind == typeInt32 && len(data)%4 != 0 {
			data = append(data, 0)
		}
		for _, v := range []uint32{tag, kind, uint32(len(data)), 1} {
			index = binary.BigEndian.AppendUint32(index, v)
		}
		data = append(data, value...)
	}
	text := func(s string) []byte { return append([]byte(s), 0) }
	number := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	add(1000, typeString, text(p.Name))
	add(1001, typeString, text(p.Version))
	add(1002, typeString, text(p.Release))
	if p.Epoch > 0 {
		add(1003, typeInt32, number(p.Epoch))
	}
	add(1022, typeString, text(p.Arch))
	add(1044, typeString, text(p.Source))
	if p.File != "" {
		add(1116, typeInt32, number(0))
		add(1117, typeStrings, text(filepath.Base(p.File)))
		add(1118, typeStrings, text(filepath.Dir(p.File)+"/"))
	}
	b := append(number(uint32(len(index)/16)), number(uint32(len(data)))...)
	return append(append(b, index...), data...)
}

// WriteSQLite writes a database as of Fedora 33 and RHEL 9.
func WriteSQLite(file string, list []Package) (err error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		return fmt.Errorf("make the directory of rpm's database: %w", err)
	}
	db, err := sql.Open("sqlite", file)
	if err != nil {
		return fmt.Errorf("make rpm's database: %w", err)
	}
	defer func() {
		if e := db.Close(); err == nil {
			err = e
		}
	}()
	ctx := context.Background()
	if _, err := db.ExecContext(ctx, "CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)"); err != nil {
		return fmt.Errorf("make rpm's table: %w", err)
	}
	for _, p := range list {
		if _, err := db.ExecContext(ctx, "INSERT INTO Packages (blob) VALUES (?)", p.header()); err != nil {
			return fmt.Errorf("insert %s: %w", p.Name, err)
		}
	}
	return nil
}

// ndbFirst is where the first blob of an NDB with one page of slots begins, behind its header and the slots.
const ndbFirst = 4096

// NDB is a database as of SUSE, of at most 254 packages.
func NDB(list []Package) []byte {
	b := ndb(0)
	for i, p := range list {
		h := p.header()
		slot(b, i, uint32(len(b)/16))
		b = append(append(b, blobHead(i, uint32(len(h)))...), h...)
		b = append(b, make([]byte, 16-len(b)%16)...)
	}
	return b
}

// ndb is the header and a page of slots, all of them free, followed by some bytes.
func ndb(more int) []byte {
	b := append(make([]byte, 0, ndbFirst), "RpmP"...)
	b = append(b, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0)
	b = append(b, make([]byte, 16)...)
	for len(b) < ndbFirst {
		b = append(b, "Slot\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"...)
	}
	return append(b, make([]byte, more)...)
}

// slot points a slot to a block of 16 bytes.
func slot(b []byte, i int, block uint32) {
	at := 32 + 16*i
	binary.LittleEndian.PutUint32(b[at+4:], uint32(i+1))
	binary.LittleEndian.PutUint32(b[at+8:], block)
}

func blobHead(i int, length uint32) []byte {
	b := binary.LittleEndian.AppendUint32([]byte("BlbS"), uint32(i+1))
	b = append(b, 0, 0, 0, 0)
	return binary.LittleEndian.AppendUint32(b, length)
}

package host

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"

	rpmdb "github.com/erikvarga/go-rpmdb/pkg"
)

// rpmHeader encodes a package as rpm stores it: the number of entries and of data bytes, the index, the data.
// With a file, the package owns it.
func rpmHeader(epoch int32, name, version, release, arch, source, file string) []byte {
	const typeInt32, typeString, typeStrings = 4, 6, 8
	var index, data bytes.Buffer
	n := int32(0)
	add := func(tag, kind int32, value []byte) {
		for kind == typeInt32 && data.Len()%4 != 0 {
			data.WriteByte(0)
		}
		binary.Write(&index, binary.BigEndian, []int32{tag, kind, int32(data.Len()), 1})
		data.Write(value)
		n++
	}
	text := func(s string) []byte { return append([]byte(s), 0) }
	add(1000, typeString, text(name))
	add(1001, typeString, text(version))
	add(1002, typeString, text(release))
	if epoch > 0 {
		add(1003, typeInt32, binary.BigEndian.AppendUint32(nil, uint32(epoch)))
	}
	add(1022, typeString, text(arch))
	add(1044, typeString, text(source))
	if file != "" {
		add(1116, typeInt32, binary.BigEndian.AppendUint32(nil, 0))
		add(1117, typeStrings, text(filepath.Base(file)))
		add(1118, typeStrings, text(filepath.Dir(file)+"/"))
	}
	var b bytes.Buffer
	binary.Write(&b, binary.BigEndian, []int32{n, int32(data.Len())})
	b.Write(index.Bytes())
	b.Write(data.Bytes())
	return b.Bytes()
}

// makeRPM writes a package database.
func makeRPM(t testing.TB, file string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(file), 0o755))
	db, err := sql.Open("sqlite", file)
	must(t, err)
	defer db.Close()
	_, err = db.Exec("CREATE TABLE Packages (hnum INTEGER PRIMARY KEY, blob BLOB NOT NULL)")
	must(t, err)
	for _, h := range [][]byte{
		rpmHeader(0, "bash", "5.1.8", "9.el9", "x86_64", "bash-5.1.8-9.el9.src.rpm", "/usr/bin/bash"),
		rpmHeader(1, "openssl-libs", "3.0.7", "27.el9", "x86_64", "openssl-3.0.7-27.el9.src.rpm", ""),
		rpmHeader(4, "podman", "5.2.2", "9.el9", "x86_64", "podman-5.2.2-9.el9.src.rpm", "/usr/bin/podman"),
		rpmHeader(0, "gpg-pubkey", "fd431d51", "4ae0493b", "(none)", "", ""),
	} {
		_, err = db.Exec("INSERT INTO Packages (blob) VALUES (?)", h)
		must(t, err)
	}
}

func TestRPMLeavesTheDatabaseAlone(t *testing.T) {
	h := plantFile(t, "rhel9.txtar")
	dir := filepath.Join(h.root, "var/lib/rpm")
	makeRPM(t, filepath.Join(dir, "rpmdb.sqlite"))
	before, err := os.ReadFile(filepath.Join(dir, "rpmdb.sqlite"))
	must(t, err)
	if _, gaps := h.Packages(context.Background()); len(gaps) > 0 {
		t.Fatal(gaps)
	}
	after, err := os.ReadFile(filepath.Join(dir, "rpmdb.sqlite"))
	must(t, err)
	entries, err := os.ReadDir(dir)
	must(t, err)
	if !bytes.Equal(before, after) || len(entries) != 1 {
		t.Errorf("reading changed the directory: %v", entries)
	}
}

func TestRPMDamaged(t *testing.T) {
	h := plant(t, []byte("-- var/lib/rpm/rpmdb.sqlite --\nno database at all\n"))
	_, gaps := h.Packages(context.Background())
	if len(gaps) != 1 || gaps[0].Reason != "malformed" {
		t.Errorf("gaps = %v", gaps)
	}
}

func FuzzRPM(f *testing.F) {
	seed := filepath.Join(f.TempDir(), "rpmdb.sqlite")
	makeRPM(f, seed)
	b, err := os.ReadFile(seed)
	must(f, err)
	f.Add(b)
	f.Add([]byte("RpmP"))
	f.Add([]byte("no database"))
	f.Fuzz(func(t *testing.T, b []byte) {
		file := filepath.Join(t.TempDir(), "db")
		must(t, os.WriteFile(file, b, 0o600))
		// Damage is an error, never a panic.
		_ = readRPM(context.Background(), file, func(p *rpmdb.PackageInfo) { evr(p.Epoch, p.Version, p.Release) })
	})
}

package store

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/sqlitedialect"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

// readers is how many connections may read at once. More than this waits, which bounds memory.
const readers = 8

// openSQLite opens one connection that writes and a few that read. In WAL mode these do not wait for each other.
func (s *Store) openSQLite(context.Context) error {
	s.kind = KindSQLite
	if s.options.Present {
		if _, err := os.Stat(filepath.Join(s.options.Dir, FileName)); err != nil {
			return unavailable("there is no database", "Name the server's data directory with server.data_dir.", err)
		}
	}
	if err := dataDir(s.options.Dir); err != nil {
		return unavailable("the data directory can't be used", "Name a directory that the server may write, with server.data_dir.", err)
	}
	path := filepath.Join(s.options.Dir, FileName)
	if err := createPrivate(path); err != nil {
		return unavailable("the database file can't be used", "Check the owner and mode of "+path+".", err)
	}
	write, err := s.openFile(path, 1, url.Values{"_txlock": {"immediate"}, "_pragma": pragmas()})
	if err != nil {
		return err
	}
	read, err := s.openFile(path, readers, url.Values{"_txlock": {"deferred"}, "_pragma": append(pragmas(), "query_only(1)")})
	if err != nil {
		return err
	}
	s.write, s.read = write, read
	return nil
}

// pragmas of every connection. synchronous=FULL syncs the log at each commit: what was acknowledged survives a power cut.
func pragmas() []string {
	return []string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)", "cell_size_check(1)",
		"trusted_schema(0)", "journal_size_limit(67108864)", "temp_store(MEMORY)",
	}
}

func (s *Store) openFile(path string, most int, v url.Values) (*bun.DB, error) {
	db, err := sql.Open("sqlite", "file:"+path+"?"+v.Encode())
	if err != nil {
		return nil, unavailable("the database can't be opened", "", fmt.Errorf("open %s: %w", path, err))
	}
	db.SetMaxOpenConns(most)
	db.SetMaxIdleConns(most)
	b := bun.NewDB(db, sqlitedialect.New(), bun.WithDiscardUnknownColumns())
	s.closers = append(s.closers, b.Close)
	return b, nil
}

// createPrivate makes the file with mode 0600 before SQLite does it with the umask; the files of its log inherit the mode.
func createPrivate(path string) error {
	f, err := openPrivate(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func openPrivate(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
}

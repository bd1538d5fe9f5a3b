package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/control/store"
)

// Database is the server's database, for whoever keeps it. *store.Store is one.
type Database interface {
	// Backup writes everything as it is at one moment, also while the server runs.
	Backup(ctx context.Context, w io.Writer) error
	// Restore fills an empty database.
	Restore(ctx context.Context, r io.Reader) error
	// Doctor looks whether it is sound.
	Doctor(ctx context.Context) []store.Finding
	Close() error
}

// OpenDatabase opens the database of a server with a data directory; present means as it is, without making or
// upgrading it.
type OpenDatabase func(ctx context.Context, c config.Server, dir string, present bool, log *slog.Logger) (Database, error)

// A backup of the server is a gzipped tar: bulkhead.json, then store.tar.gz, then the files of the data directory below
// data/, and master.key.
const (
	backupFormat  = "bulkhead.backup/v1"
	backupHead    = "bulkhead.json"
	backupStore   = "store.tar.gz"
	backupData    = "data/"
	backupKey     = "master.key"
	masterKeySize = 1 << 16 // at most
)

// head says what a backup has.
type head struct {
	Format    string `json:"format"`
	Version   string `json:"version"` // of Bulkhead
	Created   string `json:"created"`
	MasterKey bool   `json:"master_key"`
}

func (a *App) openDatabase(ctx context.Context, present bool) (Database, string, error) {
	dir := a.cfg.Server.Dir(a.Environ)
	db, err := a.Database(ctx, a.cfg.Server, dir, present, a.log)
	if err != nil {
		return nil, dir, remedied(err)
	}
	return db, dir, nil
}

// keeperFlags name the server whose data it is, as those of serve do.
func (a *App) keeperFlags(cmd *cobra.Command) *cobra.Command {
	f, s := cmd.Flags(), &a.cfg.Server
	f.StringVar(&s.DataDir, "data-dir", s.DataDir, "`directory` of database, keys and audit log (default: /var/lib/bulkhead for root)")
	f.StringVar(&s.Database, "database", s.Database, "postgres:// `URL` without password (default: SQLite in the data directory)")
	f.StringVar(&s.MasterKeyFile, "master-key-file", s.MasterKeyFile, "`file` of the key that seals secrets (default: master.key in the data directory)")
	return cmd
}

// keptFile says whether a file of the data directory belongs into a backup: all but the database, which is saved on its
// own, the keys, locks, sockets and what is half written.
func keptFile(name string) bool {
	base := filepath.Base(name)
	top, _, _ := strings.Cut(name, "/")
	return !strings.HasPrefix(top, store.FileName) && base != "lock" && !strings.HasSuffix(base, ".lock") && !strings.HasSuffix(base, ".key") &&
		!strings.HasSuffix(base, ".tmp") && !strings.HasPrefix(top, ".bulkhead-")
}

// kept are the regular files of the data directory, in the order in which they must be copied while a server appends:
// what was seen of the log, or waits for it, then what it signed, then its state; and then, to be looked for anew once
// these are copied, what it consists of. Each only grows, so each has all that those before it know of it.
func kept(dir string) (ahead, tiles []string, err error) {
	var rest, signed, state []string
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !d.Type().IsRegular() || !keptFile(name) {
			return nil
		}
		switch {
		case !strings.HasPrefix(name, "audit/"):
			rest = append(rest, name)
		case d.Name() == "checkpoint":
			signed = append(signed, name)
		case strings.Contains(name, "/.state/"):
			state = append(state, name)
		default:
			tiles = append(tiles, name)
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, fmt.Errorf("read the data directory: %w", err)
	}
	return slices.Concat(rest, signed, state), tiles, nil
}

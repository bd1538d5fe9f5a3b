package cli

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

func (a *App) backupCommand() *cobra.Command {
	var withoutKeys bool
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Save the server's database, audit log and master key, also while it runs",
		Long: `Saves what a server needs to come back: the database as it is at one moment, the files of the data directory (the
audit log among them), and the master key that opens the secrets in the database. It reads database and directory
itself, so it runs on the server's machine, as its user; the server may go on meanwhile.

FILE is written with mode 0600 and must not be there yet. Whoever has it, with the master key in it, has the server's
keys: keep it as safe as the server, or leave the key out with --without-keys and keep that on its own.`,
		Example: `  bulkhead backup /backup/bulkhead-2026-05-04.tar.gz
  bulkhead backup --without-keys /backup/bulkhead.tar.gz`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.backup(cmd.Context(), args[0], withoutKeys) },
	}
	cmd.Flags().BoolVar(&withoutKeys, "without-keys", false, "leave the master key out")
	return a.keeperFlags(cmd)
}

func (a *App) backup(ctx context.Context, path string, withoutKeys bool) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write %s: it is there already; name another file", path)
	}
	var key []byte
	if !withoutKeys {
		var err error
		if key, err = readSmall(a.cfg.Server.MasterKey(a.Environ)); err != nil {
			return fmt.Errorf("read the master key: %w; --without-keys makes a backup without it", err)
		}
	}
	db, dir, err := a.openDatabase(ctx, true)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // nothing was written
	if err := toFile(path, func(w io.Writer) error {
		return a.writeBackup(ctx, w, db, backed{dir: dir, spool: filepath.Dir(path), key: key})
	}); err != nil {
		return err
	}
	if key != nil {
		fmt.Fprintf(a.Err, "bulkhead: %s has the master key: keep it as safe as the server itself\n", path)
	} else {
		fmt.Fprintf(a.Err, "bulkhead: %s is of no use without the master key: keep %s, too\n", path, a.cfg.Server.MasterKey(a.Environ))
	}
	_, err = fmt.Fprintf(a.Out, "saved to %s\n", path)
	return err
}

func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, masterKeySize+1))
	if err == nil && len(b) > masterKeySize {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, masterKeySize)
	}
	return b, err
}

// backed is what is saved beside the database.
type backed struct {
	dir   string // of the data
	spool string // for a temporary file
	key   []byte // nil for none
}

func (a *App) writeBackup(ctx context.Context, w io.Writer, db Database, what backed) error {
	z := gzip.NewWriter(w)
	t := tar.NewWriter(z)
	now := time.Now().UTC()
	b, err := json.Marshal(head{Format: backupFormat, Version: a.Build.Version, Created: now.Format(time.RFC3339), MasterKey: what.key != nil})
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if err := addBytes(t, backupHead, b, now); err != nil {
		return err
	}
	// The database first: the log, which is ahead of it, then has all that the database knows of it.
	if err := addStore(ctx, t, db, what.spool); err != nil {
		return err
	}
	ahead, _, err := kept(what.dir)
	if err != nil {
		return err
	}
	if err := addFiles(ctx, t, what.dir, ahead); err != nil {
		return err
	}
	_, tiles, err := kept(what.dir)
	if err != nil {
		return err
	}
	if err := addFiles(ctx, t, what.dir, tiles); err != nil {
		return err
	}
	if what.key != nil {
		if err := addBytes(t, backupKey, what.key, now); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

// addStore goes over a temporary file, since tar needs the size first.
func addStore(ctx context.Context, t *tar.Writer, db Database, spool string) error {
	f, err := os.CreateTemp(spool, ".bulkhead-backup-*")
	if err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	defer f.Close()
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if err := db.Backup(ctx, f); err != nil {
		return remedied(err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	return addOpen(t, backupStore, f)
}

func addBytes(t *tar.Writer, name string, b []byte, now time.Time) error {
	return add(t, name, bytes.NewReader(b), int64(len(b)), now)
}

func addFiles(ctx context.Context, t *tar.Writer, dir string, names []string) error {
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := addFile(t, backupData+name, filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// addFile copies a file as it is when it is opened. One that went away meanwhile was replaced by another.
func addFile(t *tar.Writer, name, path string) error {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the data directory: %w", err)
	}
	defer f.Close()
	return addOpen(t, name, f)
}

func addOpen(t *tar.Writer, name string, f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read for the backup: %w", err)
	}
	return add(t, name, io.LimitReader(f, fi.Size()), fi.Size(), fi.ModTime())
}

func add(t *tar.Writer, name string, r io.Reader, size int64, when time.Time) error {
	h := &tar.Header{Name: name, Mode: 0o600, Size: size, ModTime: when, Format: tar.FormatPAX}
	if err := t.WriteHeader(h); err != nil {
		return fmt.Errorf("write the backup: %w", err)
	}
	if _, err := io.Copy(t, r); err != nil {
		return fmt.Errorf("write %s to the backup: %w", name, err)
	}
	return nil
}

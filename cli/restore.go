package cli

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/cli/front"
)

// Limits of a backup that is restored.
const (
	mostFiles = 10_000_000
	mostBytes = 4 << 40 // unpacked
	headSize  = 1 << 16
)

func (a *App) restoreCommand() *cobra.Command {
	return a.keeperFlags(&cobra.Command{
		Use:   "restore FILE",
		Short: "Bring a server back from a backup, into an empty database and directory",
		Long: `Fills an empty database, and a data directory without a server's files, from a backup. The database may be of the
other kind than the one that was saved: this is also the way from SQLite to PostgreSQL, with server.database set to the
new one. A backup of an earlier version is brought up to date. Without the master key in it, put that in its place first.

The server must not run. What was done since the backup is gone, and checkpoints of the audit log that others kept will
say so.`,
		Example: `  bulkhead restore /backup/bulkhead-2026-05-04.tar.gz
  bulkhead restore bulkhead.tar.gz --data-dir ./new --database postgres://bulkhead@db/bulkhead`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.restore(cmd.Context(), args[0]) },
	})
}

func (a *App) restore(ctx context.Context, file string) (err error) {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("open the backup: %w", err)
	}
	defer f.Close()
	dir := a.cfg.Server.Dir(a.Environ)
	if err := emptyDir(dir); err != nil {
		return err
	}
	keyFile := a.cfg.Server.MasterKey(a.Environ)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w", err)
	}
	staging, err := os.MkdirTemp(dir, ".bulkhead-restore-*")
	if err != nil {
		return fmt.Errorf("make a temporary directory: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(staging)) }()
	h, err := unpack(ctx, f, staging)
	if err != nil {
		return fmt.Errorf("%s can't be restored: %w", file, err)
	}
	if h.MasterKey {
		if _, err := os.Lstat(keyFile); err == nil {
			return fmt.Errorf("%s is there already: move it away, or restore a backup without keys", keyFile)
		}
	}
	if err := a.restoreDatabase(ctx, filepath.Join(staging, backupStore)); err != nil {
		return err
	}
	if err := moveIn(staging, dir, keyFile, h.MasterKey); err != nil {
		return fmt.Errorf("the database is restored, but not the files: %w", err)
	}
	if !h.MasterKey {
		fmt.Fprintf(a.Err, "bulkhead: the backup has no master key: the server needs it in %s\n", keyFile)
	}
	_, err = fmt.Fprintf(a.Out, "restored from %s, saved %s by Bulkhead %s\n", file, plain(h.Created), plain(h.Version))
	return err
}

func (a *App) restoreDatabase(ctx context.Context, file string) error {
	db, _, err := a.openDatabase(ctx, false)
	if err != nil {
		return err
	}
	f, err := os.Open(file)
	if err != nil {
		return errors.Join(fmt.Errorf("the backup has no database: %w", err), db.Close())
	}
	defer f.Close()
	return remedied(errors.Join(db.Restore(ctx, f), db.Close()))
}

// emptyDir refuses a data directory that has what a backup would bring.
func emptyDir(dir string) error {
	ahead, tiles, err := kept(dir)
	if err != nil {
		return err
	}
	if files := append(ahead, tiles...); len(files) > 0 {
		return fmt.Errorf("the data directory %s is not empty (%s): restore into another one", dir, files[0])
	}
	return nil
}

// unpack writes a backup's files below dir, by names that it checks.
func unpack(ctx context.Context, r io.Reader, dir string) (head, error) {
	var h head
	z, err := gzip.NewReader(r)
	if err != nil {
		return h, fmt.Errorf("it is no gzip file: %w", err)
	}
	defer func() { _ = z.Close() }() // what was read was checked
	root, err := os.OpenRoot(dir)
	if err != nil {
		return h, fmt.Errorf("open the temporary directory: %w", err)
	}
	defer root.Close()
	bounded := &io.LimitedReader{R: z, N: mostBytes}
	t := tar.NewReader(bounded)
	for n := 0; ; n++ {
		if err := ctx.Err(); err != nil {
			return h, err
		}
		f, err := t.Next()
		switch {
		case bounded.N <= 0 || n > mostFiles:
			return h, errors.New("it is too large")
		case errors.Is(err, io.EOF) && n > 0:
			if _, err := io.Copy(io.Discard, bounded); err != nil { // gzip's checksum comes last
				return h, fmt.Errorf("it is damaged: %w", err)
			}
			return h, nil
		case err != nil:
			return h, fmt.Errorf("it is no tar archive: %w", err)
		case f.Typeflag != tar.TypeReg || (n == 0) != (f.Name == backupHead):
			return h, fmt.Errorf("it is no backup of Bulkhead: %.60q", f.Name)
		case n == 0:
			if err := json.NewDecoder(io.LimitReader(t, headSize)).Decode(&h); err != nil || h.Format != backupFormat {
				return h, fmt.Errorf("it is no backup of Bulkhead, or of a newer one: its format is %.40q", h.Format)
			}
			continue
		}
		if err := unpackFile(root, f, t); err != nil {
			return h, err
		}
	}
}

func unpackFile(root *os.Root, h *tar.Header, r io.Reader) error {
	data, isData := strings.CutPrefix(h.Name, backupData)
	switch {
	case h.Name == backupStore:
	case h.Name == backupKey && h.Size <= masterKeySize:
	case isData && fs.ValidPath(data) && data != "." && keptFile(data):
	default:
		return fmt.Errorf("%.60q does not belong into a backup", h.Name)
	}
	if err := root.MkdirAll(path.Dir(h.Name), 0o700); err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	f, err := root.OpenFile(h.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	_, err = io.Copy(f, r)
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("unpack %s: %w", h.Name, err)
	}
	return nil
}

// moveIn puts the files into their places.
func moveIn(staging, dir, keyFile string, key bool) error {
	data := filepath.Join(staging, "data")
	entries, err := os.ReadDir(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		if err := os.Rename(filepath.Join(data, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if !key {
		return nil
	}
	b, err := readSmall(filepath.Join(staging, backupKey))
	if err != nil {
		return err
	}
	f, err := os.OpenFile(keyFile, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

// remedied adds what to do to an error that says so.
func remedied(err error) error { return front.Remedied(err) }

package guarded

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/whole"
)

// guardLogs begins the origin of the audit log of a guard without an agent.
const guardLogs = "bulkhead/guard/"

// JournalAge is how long records are beside the log at most, where calls must not wait for the whole of it to be written: those of changes on
// disk, in its journal, and those of reads in memory.
const JournalAge = 250 * time.Millisecond

// Recorder is an audit log as the guard's judge writes it.
type Recorder struct{ Log *audit.Log }

// Append implements judge.Recorder.
func (r Recorder) Append(ctx context.Context, record model.Record) error {
	_, err := r.Log.AppendSoon(ctx, record)
	return err
}

// Later implements judge.Recorder.
func (r Recorder) Later(ctx context.Context, record model.Record) error {
	return r.Log.Later(ctx, record)
}

// AppendEntry implements entries.
func (r Recorder) AppendEntry(ctx context.Context, entry []byte, later bool) error {
	return r.Log.AppendEntry(ctx, entry, later)
}

// Log is the audit log of the guard alone.
type Log struct {
	Recorder
	dir string
}

// OpenLog opens the log below dir; its key is made once, and its public half is beside it for `bulkhead audit verify`.
func OpenLog(ctx context.Context, dir, host string, log *slog.Logger) (*Log, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the guard's data directory (guard.data_dir): %w", err)
	}
	if is, err := os.Stat(dir); err != nil || is.Mode().Perm()&0o077 != 0 {
		return nil, errors.Join(fmt.Errorf("others may reach the guard's data directory %s, in which the key of its audit log is: chmod 700 it", dir), err)
	}
	origin := guardLogs + host
	signer, public, err := guardLogKey(filepath.Join(dir, "log.key"), origin)
	if err != nil {
		return nil, err
	}
	at := filepath.Join(dir, "audit")
	l, err := audit.Open(ctx, audit.Options{
		Dir: at, Origin: origin, Signer: signer, Batch: 256, BatchAge: JournalAge, Journal: JournalAge, SpoolSize: 1 << 20, Log: log, Now: clock.Now,
	})
	if err != nil {
		return nil, err
	}
	if err := whole.Write(at+".pub", []byte(public+"\n"), 0o644); err != nil {
		return nil, errors.Join(err, l.Close(ctx))
	}
	return &Log{Recorder{l}, at}, nil
}

// Close closes it.
func (l *Log) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return l.Log.Close(ctx)
}

// guardLogKey reads the key of the log, and makes it where there is no log yet: two lines, the private half and the public one.
func guardLogKey(path, origin string) (note.Signer, string, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, serr := os.Stat(filepath.Join(filepath.Dir(path), "audit")); serr == nil {
			return nil, "", fmt.Errorf("%s is gone, and the audit log beside it can't go on without: restore it, or move the log away to begin another", path)
		}
		private, public, gerr := note.GenerateKey(rand.Reader, origin)
		if gerr != nil {
			return nil, "", fmt.Errorf("make the audit log's key: %w", gerr)
		}
		b = []byte(private + "\n" + public + "\n")
		err = whole.Write(path, b, 0o600)
	}
	if err != nil {
		return nil, "", fmt.Errorf("the audit log's key: %w", err)
	}
	private, public, ok := strings.Cut(strings.TrimSpace(string(b)), "\n")
	signer, err := note.NewSigner(private)
	if err != nil || !ok {
		return nil, "", fmt.Errorf("%s is damaged: restore it from a backup of this machine", path)
	}
	if signer.Name() != origin {
		return nil, "", fmt.Errorf("%s is the key of %s, and this host is %s: name another directory with --data-dir, or the host by guard.host", path, signer.Name(), origin)
	}
	return signer, public, nil
}

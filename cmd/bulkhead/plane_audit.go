package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/whole"
)

// withoutLog are the actions whose records wait in the spool while the log can't be written: signing in and showing a
// factor, without which nobody could open the break-glass.
func withoutLog() []string {
	return []string{"SignIn", "SignInFactor", "SessionStepUp", audit.ActionBreakGlass}
}

// openAudit opens this replica's log. Its key belongs to the data directory: another replica with the same name has another
// key, and is refused instead of making a second log of that name.
func (p *plane) openAudit(ctx context.Context) error {
	instance, err := instanceOf(p.c.DataDir)
	if err != nil {
		return err
	}
	origin := "bulkhead/" + p.c.Name
	signer, key, err := p.keys.NoteSigner(ctx, "audit/"+p.c.Name+"/"+instance, origin)
	if err != nil {
		return err
	}
	if err := p.store.RegisterLog(ctx, origin, key); err != nil {
		if model.CodeOf(err) == model.CodeConflict {
			return fmt.Errorf("the name %q has the audit log of another replica, or of a data directory that is gone: choose another with --name, or restore the data directory", p.c.Name)
		}
		return fmt.Errorf("register the audit log: %w", err)
	}
	dir := filepath.Join(p.c.DataDir, "audit", p.c.Name)
	p.log, err = audit.Open(ctx, audit.Options{
		Dir: dir, Origin: origin, Signer: signer, Batch: p.c.Audit.Batch, BatchAge: p.c.Audit.BatchAge,
		SpoolDir: p.spoolDir(), Always: withoutLog(), Log: p.slog, Now: p.now,
	})
	if err != nil {
		return fmt.Errorf("open the audit log: %w", err)
	}
	p.later(p.log.Close)
	p.auditKey = key
	if err := whole.Write(dir+".pub", []byte(key+"\n"), 0o644); err != nil {
		return err
	}
	return p.openKeeper()
}

func (p *plane) openKeeper() error {
	problems := p.metrics.Labelled("bulkhead_audit_log_problems", "What was found wrong with an audit log: changed, rolled back, forked, truncated.", "log")
	var err error
	p.keeper, err = audit.NewKeeper(audit.KeeperOptions{
		Log: p.log, Key: p.auditKey, Store: p.store, File: filepath.Join(p.c.DataDir, "checkpoints", "kept"), Slog: p.slog,
		Report: func(origin string, n int) { problems(origin, float64(n)) },
	})
	if err != nil {
		return fmt.Errorf("kept checkpoints: %w", err)
	}
	p.later(p.keeper.Close)
	return nil
}

// spoolDir is where records wait while the log can't be written.
func (p *plane) spoolDir() string {
	if p.c.Audit.SpoolDir == "" {
		return filepath.Join(p.c.DataDir, "spool")
	}
	return filepath.Join(p.c.Audit.SpoolDir, p.c.Name) // replicas on one machine may have it in common
}

// instanceOf names the data directory itself.
func instanceOf(dir string) (string, error) {
	path := filepath.Join(dir, "instance")
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		b = []byte(uuid.NewString() + "\n")
		err = whole.Write(path, b, 0o600)
	}
	if err != nil {
		return "", fmt.Errorf("name of the data directory: %w", err)
	}
	id := strings.TrimSpace(string(b))
	if err := uuid.Validate(id); err != nil {
		return "", fmt.Errorf("%s is damaged: %w", path, err)
	}
	return id, nil
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/guard/calls"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// guardLogFlags name the audit log of a guard on this machine.
type guardLogFlags struct{ dir, key string }

// guardRemote gives a verb of the guard the flags of the control plane, and those of a log in its place.
func (a *App) guardRemote(cmd *cobra.Command, f *guardLogFlags) {
	cmd.Flags().StringVar(&f.dir, "log", "", "`directory` with a guard's audit log, or a copy of it; no server is asked")
	cmd.Flags().StringVar(&f.key, "key", "", "the log's public `key`, or a file with it (default: the file beside the directory, DIR.pub)")
	_ = cmd.MarkFlagDirname("log")
	a.guardServer(cmd)
	for _, server := range []string{"server", "tenant"} {
		cmd.MarkFlagsMutuallyExclusive("log", server)
	}
}

// guardServer gives a verb the flags of the control plane alone.
func (a *App) guardServer(cmd *cobra.Command) {
	a.bindRemote(cmd.Flags())
	cmd.Flags().StringVar(&a.remote.tenant, "tenant", "", "`tenant` (default: your own; users of \"system\" see all)")
}

// readGuardLog verifies a log and gives each of its calls, the oldest first. It gives back how many records were read.
func (a *App) readGuardLog(ctx context.Context, f guardLogFlags, each func(*bulkheadv1.GuardCall)) (read int64, err error) {
	key, err := f.publicKey()
	if err != nil {
		return 0, err
	}
	report, err := audit.Verify(ctx, f.dir, key, nil)
	if err != nil {
		return 0, err
	}
	if !report.OK() {
		return 0, errNo{"the audit log itself is not what was signed: " + strings.Join(report.Texts(), "; ")}
	}
	err = audit.Scan(ctx, f.dir, report.Size, func(r model.LogRecord) error {
		read++
		r.Origin = report.Origin
		if c := calls.Of(&r); c != nil {
			each(c)
		}
		return nil
	})
	return read, err
}

// publicKey is the log's: what was given, what is in the file that was named, or what the guard wrote beside its log.
func (f guardLogFlags) publicKey() (string, error) {
	if _, err := os.Stat(f.key); errors.Is(err, os.ErrNotExist) && strings.Contains(f.key, "+") {
		return f.key, nil
	}
	name := f.key
	if name == "" {
		name = filepath.Clean(f.dir) + ".pub"
	}
	b, err := os.ReadFile(name)
	switch {
	case errors.Is(err, os.ErrNotExist) && f.key == "":
		return "", fmt.Errorf("there is no public key in %s: name the log's with --key", name)
	case err != nil:
		return "", fmt.Errorf("read the log's public key: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

// shippedRules says what the shipped policies say of a rule.
func shippedRules() (func(string) calls.Rule, error) {
	e, err := authz.New(authz.Options{})
	if err != nil {
		return nil, err
	}
	return func(rule string) calls.Rule {
		for _, p := range e.Sources([]string{rule}) {
			return calls.Rule{Reason: p.Reason, Remedy: p.Remedy, Requirement: p.Requirement}
		}
		return calls.Rule{}
	}, nil
}

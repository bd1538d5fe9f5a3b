package main

import (
	"context"
	"io"
	"log/slog"

	"github.com/bulkhead-security/bulkhead/cmd/internal/clock"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
)

// guard is the guard in front of this machine's container engine.
type guard struct{ version string }

// Accounts implements cli.Guard.
func (guard) Accounts(c config.Config, log *slog.Logger) (*accounts.Accounts, error) {
	d, err := guarded.Definitions(c.Guard.Accounts)
	if err != nil {
		return nil, err
	}
	return accounts.New(accounts.Options{Definitions: d, Log: log, Now: clock.Now})
}

// Run implements cli.Guard.
func (g guard) Run(ctx context.Context, c config.Config, again func() (config.Config, error), dir string, log *slog.Logger, out io.Writer) error {
	ctx, stop := become(ctx, g.version, c.File, log)
	defer stop()
	if ctx.Err() != nil {
		return nil
	}
	return guarded.Alone{Version: g.version}.Run(ctx, c, again, dir, log, out)
}

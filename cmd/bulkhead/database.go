package main

import (
	"context"
	"log/slog"

	"github.com/bulkhead-security/bulkhead/cli"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/control/store"
)

// openDatabase opens the server's database for backup, restore and doctor.
func openDatabase(ctx context.Context, c config.Server, dir string, present bool, log *slog.Logger) (cli.Database, error) {
	url, err := c.DatabaseURL()
	if err != nil {
		return nil, err
	}
	return store.Open(ctx, store.Options{Dir: dir, URL: url, Log: log, Present: present})
}

package store

import (
	"context"

	"github.com/uptrace/bun"
)

// schema2 remembers the ids of tenants that are gone, and who let an account in and who gave it its rights. What was before
// is not known, but for tenants of which audit records are still there.
func schema2(ctx context.Context, tx bun.Tx, kind string) error {
	return run(ctx, tx, kind,
		`CREATE TABLE former_tenants (id {text} PRIMARY KEY, deleted {int}) {end}`,
		`INSERT INTO former_tenants (id, deleted)
			SELECT DISTINCT tenant, 0 FROM records WHERE tenant <> '' AND tenant NOT IN (SELECT id FROM tenants)`,
		`ALTER TABLE accounts ADD COLUMN invited {int} DEFAULT 0`,
		`ALTER TABLE accounts ADD COLUMN invited_by {text} DEFAULT ''`,
		`ALTER TABLE accounts ADD COLUMN granted {int} DEFAULT 0`,
		`ALTER TABLE accounts ADD COLUMN granted_by {text} DEFAULT ''`,
		`ALTER TABLE account_groups ADD COLUMN granted {int} DEFAULT 0`,
	)
}

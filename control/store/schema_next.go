//go:build nextschema

package store

import (
	"context"

	"github.com/uptrace/bun"
)

// upcoming is a made-up migration after the newest one, of the kind that a rolling upgrade can live with: for tests that run this
// version of the program and "the next" side by side. It is in no program that anybody is given.
func upcoming(newest int) []migration {
	return []migration{{Version: newest + 1, About: "made up for tests of a rolling upgrade", Compatible: true, Up: func(ctx context.Context, tx bun.Tx, kind string) error {
		return run(ctx, tx, kind,
			`ALTER TABLE tenants ADD COLUMN country {text} DEFAULT 'xx'`,
			`ALTER TABLE nodes ADD COLUMN rack {int} DEFAULT 0`,
			`CREATE TABLE racks (id {text} PRIMARY KEY, tenant {text} REFERENCES tenants (id) ON DELETE CASCADE) {end}`,
			`CREATE INDEX tenants_by_country ON tenants (country)`)
	}}}
}

package store

import (
	"context"
	"slices"

	"github.com/uptrace/bun"
)

// schema4 adds what the console shows and keeps: the objects of the fleet, what people say of findings, what waits for a second
// person, and what an auditor is given.
func schema4(ctx context.Context, tx bun.Tx, kind string) error {
	return run(ctx, tx, kind, slices.Concat(objectTables4(), triageTables4(), proposalTables4(), proofTables4())...)
}

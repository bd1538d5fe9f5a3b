package store

import (
	"context"

	"github.com/uptrace/bun"
)

// schema5 finds what guards of container engines refused.
func schema5(ctx context.Context, tx bun.Tx, kind string) error {
	return run(ctx, tx, kind, refusalIndex5(kind)...)
}

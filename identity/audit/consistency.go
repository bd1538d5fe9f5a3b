package audit

import (
	"context"
	"fmt"

	"github.com/transparency-dev/tessera/client"

	"github.com/bulkhead-security/bulkhead/model"
)

// Consistency proves that the log over to entries continues what it was over from entries, for each of from that is smaller. to is
// the size of a checkpoint.
func (l *Log) Consistency(ctx context.Context, from []uint64, to uint64) ([]model.Consistency, error) {
	if to == 0 || to > l.Size() {
		return nil, fmt.Errorf("the log %s has %d records, not %d", l.o.Origin, l.Size(), to)
	}
	builder, err := client.NewProofBuilder(ctx, to, l.fetch.ReadTile)
	if err != nil {
		return nil, fmt.Errorf("prove the log of %d records: %w", to, err)
	}
	var out []model.Consistency
	for _, size := range from {
		if size == 0 || size >= to {
			continue
		}
		path, err := builder.ConsistencyProof(ctx, size, to)
		if err != nil {
			return nil, fmt.Errorf("prove the log of %d records from %d on: %w", to, size, err)
		}
		out = append(out, model.Consistency{From: size, Path: path})
	}
	return out, nil
}

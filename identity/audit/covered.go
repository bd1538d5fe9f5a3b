package audit

import (
	"context"
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"

	"github.com/bulkhead-security/bulkhead/model"
)

func ranges() *compact.RangeFactory {
	return &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
}

// Range is over the first size entries of the log, of which a checkpoint over to entries is there.
func (l *Log) Range(ctx context.Context, size, to uint64) (*model.LogRange, error) {
	if size > to || to > l.Size() {
		return nil, fmt.Errorf("the log %s has %d records, of which %d and then %d were asked for", l.o.Origin, l.Size(), to, size)
	}
	// Tiles are on disk as they are at a checkpoint, and not as they would be over size entries.
	hashes, err := client.FetchRangeNodes(ctx, size, func(ctx context.Context, level, index uint64, _ uint8) ([]byte, error) {
		return l.fetch.ReadTile(ctx, level, index, layout.PartialTileSize(level, index, to))
	})
	if err != nil {
		return nil, fmt.Errorf("read the tree over %d records: %w", size, err)
	}
	return &model.LogRange{Size: size, Hashes: hashes}, nil
}

// Extend is the range over what r is over, and the entries that come next.
func Extend(r *model.LogRange, entries [][]byte) (*model.LogRange, error) {
	tree, err := ranges().NewRange(0, r.Size, slices.Clone(r.Hashes))
	if err != nil {
		return nil, fmt.Errorf("the tree over %d records: %w", r.Size, err)
	}
	for _, e := range entries {
		if err := tree.Append(rfc6962.DefaultHasher.HashLeaf(e), nil); err != nil {
			return nil, fmt.Errorf("the tree over %d records: %w", tree.End(), err)
		}
	}
	return &model.LogRange{Size: tree.End(), Hashes: slices.Clone(tree.Hashes())}, nil
}

// Covers says whether all that a range is over is under a checkpoint: it is over the same entries, or the path proves that it goes on
// from them (RFC 6962).
func Covers(c *model.Checkpoint, r *model.LogRange, path [][]byte) error {
	tree, err := ranges().NewRange(0, r.Size, slices.Clone(r.Hashes))
	if err != nil {
		return fmt.Errorf("the tree over %d records: %w", r.Size, err)
	}
	root := rfc6962.DefaultHasher.EmptyRoot()
	if r.Size > 0 {
		if root, err = tree.GetRootHash(nil); err != nil {
			return fmt.Errorf("the tree over %d records: %w", r.Size, err)
		}
	}
	if r.Size == c.Size {
		path = nil
	}
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, r.Size, c.Size, path, root, c.Root); err != nil {
		return fmt.Errorf("the checkpoint over %d records is not over the first %d: %w", c.Size, r.Size, err)
	}
	return nil
}

package audit

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"

	"github.com/bulkhead-security/bulkhead/model"
)

// own compares the own log with everything that is kept of it, keeps its newest checkpoint, and publishes it with the proofs
// that the others need to take it.
func (k *Keeper) own(ctx context.Context) error {
	c, err := k.o.Log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if _, err := ParseCheckpoint([]byte(c.Note), k.o.Key); err != nil {
		return err
	}
	kept, largest, err := k.ofOwn(ctx)
	if err != nil {
		return err
	}
	builder, err := client.NewProofBuilder(ctx, c.Size, k.o.Log.fetch.ReadTile)
	var problems []problem
	var proofs []model.Consistency
	if err == nil {
		problems = compareOwn(ctx, builder, kept, c)
		proofs = prove(ctx, builder, kept, largest, c.Size)
	}
	if ctx.Err() != nil {
		return ctx.Err() // what failed for that is no problem of the log
	}
	if err != nil {
		problems = append(problems, unreadable(err))
	}
	if c.Size != k.last && len(problems) == 0 {
		if err := k.file.add(k.o.Key, *c); err != nil {
			return fmt.Errorf("keep a checkpoint: %w", err)
		}
		if err := k.o.Store.KeepCheckpoint(ctx, c); err != nil {
			return fmt.Errorf("keep a checkpoint: %w", err)
		}
		k.last = c.Size
	}
	// Also with problems: the others shall see for themselves.
	if err := k.o.Store.PublishLog(ctx, c, proofs); err != nil {
		return fmt.Errorf("publish a checkpoint: %w", err)
	}
	return k.report(ctx, c.Origin, problems)
}

// compareOwn proves that the log continues every kept checkpoint. kept is sorted by size.
func compareOwn(ctx context.Context, b *client.ProofBuilder, kept []model.Checkpoint, c *model.Checkpoint) []problem {
	var problems []problem
	if n := len(kept); n > 0 && kept[n-1].Size > c.Size {
		largest := kept[n-1]
		problems = append(problems, problem{
			fmt.Sprint("rolled back ", largest.Size),
			fmt.Sprintf("rolled back: %s keeps a signed checkpoint over %d entries (%s), but the log ends after %d", keeper(largest), largest.Size, when(largest), c.Size),
		})
	}
	good := uint64(0)
	for _, old := range kept {
		if old.Size > c.Size || old.Size == 0 {
			continue
		}
		var path [][]byte
		if old.Size < c.Size {
			var err error
			if path, err = b.ConsistencyProof(ctx, old.Size, c.Size); err != nil {
				return append(problems, unreadable(err))
			}
		}
		if err := continues(old, c, path); err != nil {
			return append(problems, problem{
				fmt.Sprint("forked ", old.Size),
				fmt.Sprintf("forked: %s keeps a signed checkpoint over %d entries (%s) that does not belong to the log; it was rewritten between entry %d and entry %d",
					keeper(old), old.Size, when(old), good, old.Size-1),
			})
		}
		good = old.Size
	}
	return problems
}

func unreadable(err error) problem {
	return problem{"tiles", "the log's tiles can't be read: " + err.Error()}
}

// continues checks a proof that large has the entries of small, and more.
func continues(small model.Checkpoint, large *model.Checkpoint, path [][]byte) error {
	if small.Size == large.Size {
		if !bytes.Equal(small.Root, large.Root) {
			return errors.New("the roots differ")
		}
		return nil
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, small.Size, large.Size, path, small.Root, large.Root)
}

// How many proofs are published beside those that the keepers need: from the newest kept checkpoints, since somebody may
// have kept one of them meanwhile, and from some of the older ones, which tell the place of what does not fit.
const (
	proofsNewest = 16
	proofsOlder  = 16
)

// prove makes proofs from kept checkpoints to size. Where one can't be made the keepers will say that it is missing.
func prove(ctx context.Context, b *client.ProofBuilder, kept, largest []model.Checkpoint, size uint64) []model.Consistency {
	var out []model.Consistency
	for _, from := range proofsFrom(kept, largest) {
		if from == 0 || from >= size {
			continue
		}
		if path, err := b.ConsistencyProof(ctx, from, size); err == nil {
			out = append(out, model.Consistency{From: from, Path: path})
		}
	}
	return out
}

// proofsFrom chooses sizes, in order.
func proofsFrom(kept, largest []model.Checkpoint) []uint64 {
	var all, out []uint64
	for _, c := range kept {
		all = append(all, c.Size)
	}
	all = slices.Compact(all)
	older := all[:max(0, len(all)-proofsNewest)]
	out = append(out, all[len(older):]...)
	step := max(1, (len(older)+proofsOlder-1)/proofsOlder)
	for i := 0; i < len(older); i += step {
		out = append(out, older[i])
	}
	for _, c := range largest {
		out = append(out, c.Size)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// ofOwn are the signed checkpoints that the file and the store keep of the own log, by size; largest are of them those over
// the most entries that each keeper has.
func (k *Keeper) ofOwn(ctx context.Context) (kept, largest []model.Checkpoint, err error) {
	_, kept = k.file.of(k.o.Log.Origin())
	kept = kept[max(0, len(kept)-compareLast):]
	stored, err := k.o.Store.Checkpoints(ctx, k.o.Log.Origin(), compareLast)
	if err == nil {
		largest, err = k.o.Store.LargestCheckpoints(ctx, k.o.Log.Origin())
	}
	if err != nil {
		return nil, nil, fmt.Errorf("kept checkpoints of the own log: %w", err)
	}
	largest = signed(largest, k.o.Key)
	return signed(slices.Concat(kept, stored, largest), k.o.Key), largest, nil
}

// signed leaves those that are signed, each once, by size.
func signed(list []model.Checkpoint, key string) []model.Checkpoint {
	var out []model.Checkpoint
	for _, c := range list {
		p, err := ParseCheckpoint([]byte(c.Note), key)
		if err != nil {
			continue
		}
		p.Keeper, p.Time = c.Keeper, c.Time
		out = append(out, *p)
	}
	slices.SortStableFunc(out, func(a, b model.Checkpoint) int {
		return cmp.Or(cmp.Compare(a.Size, b.Size), bytes.Compare(a.Root, b.Root))
	})
	return slices.CompactFunc(out, func(a, b model.Checkpoint) bool { return a.Size == b.Size && bytes.Equal(a.Root, b.Root) })
}

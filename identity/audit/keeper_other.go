package audit

import (
	"bytes"
	"context"
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

// other compares what the store says of another log with what was kept of it here, at most so many of each, and keeps its newest
// checkpoint in the own file if that is proved to continue the one that is kept. It is given, to be kept in the store as well, where the
// log's owner compares its tiles with it: each time, in case somebody took it out. Whoever has the other log's key and disk can't make
// such a proof for a log that was rewritten.
func (k *Keeper) other(ctx context.Context, l model.LogState, most int) (*model.Checkpoint, error) {
	key, before := k.file.of(l.Origin)
	if key == "" {
		key = l.PublicKey
	}
	if key != l.PublicKey {
		return nil, k.report(ctx, l.Origin, []problem{{"key", "forked: the log has another key than the one that was kept by " + k.o.Log.Origin()}})
	}
	before = signed(before[max(0, len(before)-most):], key)
	stored, err := k.o.Store.Checkpoints(ctx, l.Origin, most)
	if err != nil {
		return nil, fmt.Errorf("checkpoints of %s: %w", l.Origin, err)
	}
	problems := k.twice(before, signed(stored, key))
	now, err := ParseCheckpoint([]byte(l.Checkpoint.Note), key)
	switch {
	case err == nil:
		now.Time = l.Checkpoint.Time
		problems = append(problems, k.compareOther(before, now, l.Proofs)...)
	case len(before) > 0:
		newest := before[len(before)-1]
		problems = append(problems, k.afterGrace(l.Origin, problem{
			fmt.Sprint("truncated ", newest.Size),
			fmt.Sprintf("truncated: the store has no signed checkpoint of it any more; %s keeps one over %d entries", k.o.Log.Origin(), newest.Size),
		})...)
	default:
		return nil, nil // it has not said anything yet
	}
	if len(problems) > 0 {
		return nil, k.report(ctx, l.Origin, problems)
	}
	kept, err := k.keep(key, before, now)
	if err != nil {
		return nil, err
	}
	return kept, k.report(ctx, l.Origin, nil)
}

// keep keeps a checkpoint that fits in the own file, and gives it.
func (k *Keeper) keep(key string, before []model.Checkpoint, now *model.Checkpoint) (*model.Checkpoint, error) {
	if now == nil || k.owes(now.Origin) {
		return nil, nil
	}
	now.Keeper = k.o.Log.Origin()
	if n := len(before); n == 0 || before[n-1].Size < now.Size {
		if err := k.file.add(key, *now); err != nil {
			return nil, fmt.Errorf("keep a checkpoint: %w", err)
		}
	}
	return now, nil
}

// twice finds signed checkpoints over the same number of entries with different roots.
func (k *Keeper) twice(before, stored []model.Checkpoint) []problem {
	var out []problem
	for _, old := range before {
		for _, c := range stored {
			if c.Size == old.Size && !bytes.Equal(c.Root, old.Root) {
				out = append(out, problem{
					fmt.Sprint("twice ", c.Size),
					fmt.Sprintf("forked: there are two signed checkpoints over %d entries; %s keeps one (%s)", c.Size, k.o.Log.Origin(), when(old)),
				})
			}
		}
	}
	return out
}

// compareOther compares a log's newest checkpoint with those that are kept, by size.
func (k *Keeper) compareOther(before []model.Checkpoint, now *model.Checkpoint, proofs []model.Consistency) []problem {
	if len(before) == 0 {
		return nil // the first that is seen is taken
	}
	newest, me := before[len(before)-1], k.o.Log.Origin()
	good, bad := place(before, now, proofs)
	if bad != nil {
		return []problem{{
			fmt.Sprint("forked ", bad.Size),
			fmt.Sprintf("forked: %s keeps a signed checkpoint over %d entries (%s) that the log, now over %d, does not continue; it was rewritten between entry %d and entry %d",
				me, bad.Size, when(*bad), now.Size, good, bad.Size-1),
		}}
	}
	switch {
	case newest.Size > now.Size:
		p := problem{
			fmt.Sprint("rolled back ", newest.Size),
			fmt.Sprintf("rolled back: %s keeps a signed checkpoint over %d entries (%s); the newest is over %d: entries %d to %d are gone",
				me, newest.Size, when(newest), now.Size, now.Size, newest.Size-1),
		}
		if now.Time.After(newest.Time) {
			return []problem{p}
		}
		// It is an old word of the log, as after a restored database; the log itself may be whole and say so.
		return k.afterGrace(now.Origin, p)
	case good < newest.Size:
		return k.afterGrace(now.Origin, problem{
			fmt.Sprint("no proof ", newest.Size),
			fmt.Sprintf("no proof of consistency between %d and %d: %s keeps a signed checkpoint over %d entries (%s), and the log does not show that it continues it; what was rewritten, if anything, is between entry %d and entry %d",
				newest.Size, now.Size, me, newest.Size, when(newest), good, now.Size-1),
		})
	}
	delete(k.missing, now.Origin)
	return nil
}

// place is the largest kept size that the log is proved to continue, and the first kept checkpoint after it that it is proved
// not to.
func place(before []model.Checkpoint, now *model.Checkpoint, proofs []model.Consistency) (good uint64, bad *model.Checkpoint) {
	paths := map[uint64][][]byte{now.Size: nil}
	for _, p := range proofs {
		if p.From < now.Size {
			paths[p.From] = p.Path
		}
	}
	for i, old := range before {
		path, there := paths[old.Size]
		if !there || old.Size == 0 {
			continue
		}
		if err := continues(old, now, path); err != nil {
			return good, &before[i]
		}
		good = old.Size
	}
	return good, nil
}

// afterGrace gives a problem once it has lasted: the owner may not have had its turn yet.
func (k *Keeper) afterGrace(origin string, p problem) []problem {
	now := k.o.Log.now()
	since, ok := k.missing[origin]
	if !ok {
		k.missing[origin] = now
		since = now
	}
	if now.Sub(since) < k.o.Grace {
		return nil
	}
	return []problem{p}
}

// owes says that nothing may be kept of a log for now.
func (k *Keeper) owes(origin string) bool {
	_, ok := k.missing[origin]
	return ok
}

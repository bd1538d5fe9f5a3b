package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"

	"github.com/bulkhead-security/bulkhead/model"
)

// Checkpoints is where logs leave their checkpoints for each other.
type Checkpoints interface {
	Logs(ctx context.Context) ([]model.LogState, error)
	SetLogState(ctx context.Context, s *model.LogState) error
	KeepCheckpoint(ctx context.Context, c *model.Checkpoint) error
	Checkpoints(ctx context.Context, origin string, limit int) ([]model.Checkpoint, error)
}

// KeeperOptions say what a Keeper keeps, and where.
type KeeperOptions struct {
	Log   *Log
	Key   string // verifier key of the own log
	Store Checkpoints
	File  string        // outside the log's directory, best on another file system
	Every time.Duration // 0 means a minute
	Slog  *slog.Logger
}

// Keeper keeps checkpoints: those of the own log in the store, for the others, and those of the other logs in an own
// file. Whoever takes a log back must also take back what all the others keep of it.
type Keeper struct {
	o    KeeperOptions
	file *keptFile
	mu   sync.Mutex // one round at a time
	last uint64     // size of the last own checkpoint that was kept
	said map[string]bool
}

// compareLast is how many kept checkpoints of a log are compared in a round.
const compareLast = 200

// NewKeeper opens the file of kept checkpoints.
func NewKeeper(o KeeperOptions) (*Keeper, error) {
	if o.Every == 0 {
		o.Every = time.Minute
	}
	if o.Slog == nil {
		o.Slog = slog.New(slog.DiscardHandler)
	}
	file, err := openKept(o.File)
	if err != nil {
		return nil, err
	}
	return &Keeper{o: o, file: file, said: map[string]bool{}}, nil
}

// Run checks at once and then again and again, until ctx is over. What was found stands in the store's state of the log
// and, once, in the own log.
func (k *Keeper) Run(ctx context.Context) error {
	tick := time.NewTicker(k.o.Every)
	defer tick.Stop()
	for {
		if err := k.Round(ctx); err != nil && ctx.Err() == nil {
			k.o.Slog.Error("checkpoints of audit logs could not be exchanged; trying again", "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Round compares and keeps once.
func (k *Keeper) Round(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.own(ctx)
	logs, listErr := k.o.Store.Logs(ctx)
	err = errors.Join(err, listErr)
	for _, l := range logs {
		if l.Origin != k.o.Log.Origin() {
			err = errors.Join(err, k.other(ctx, l))
		}
	}
	return err
}

// own compares the own log with everything that is kept of it, and keeps its newest checkpoint.
func (k *Keeper) own(ctx context.Context) error {
	c, err := k.o.Log.Checkpoint(ctx)
	if err != nil {
		return err
	}
	if _, err := ParseCheckpoint([]byte(c.Note), k.o.Key); err != nil {
		return err
	}
	problems := k.compareOwn(ctx, c)
	if c.Size != k.last && len(problems) == 0 {
		if err := k.file.add(k.o.Key, *c); err != nil {
			return fmt.Errorf("keep a checkpoint: %w", err)
		}
		if err := k.o.Store.KeepCheckpoint(ctx, c); err != nil && model.CodeOf(err) != model.CodeExists {
			return fmt.Errorf("keep a checkpoint: %w", err)
		}
		k.last = c.Size
	}
	return k.report(ctx, c.Origin, k.o.Key, c, problems)
}

func (k *Keeper) compareOwn(ctx context.Context, c *model.Checkpoint) []string {
	kept := k.ofOwn(ctx)
	var problems []string
	largest := model.Checkpoint{}
	for _, old := range kept {
		if old.Size > largest.Size {
			largest = old
		}
	}
	if largest.Size > c.Size {
		problems = append(problems, fmt.Sprintf("rolled back: %s keeps a signed checkpoint over %d entries (%s), but the log ends after %d", keeper(largest), largest.Size, when(largest), c.Size))
	}
	builder, err := client.NewProofBuilder(ctx, c.Size, k.o.Log.fetch.ReadTile)
	if err != nil {
		return append(problems, "the log's tiles can't be read: "+err.Error())
	}
	good := uint64(0)
	for _, old := range kept {
		if old.Size > c.Size || old.Size == 0 {
			continue
		}
		if err := consistent(ctx, builder, old, c); err != nil {
			return append(problems, fmt.Sprintf("forked: %s keeps a signed checkpoint over %d entries (%s) that does not belong to the log; it was rewritten between entry %d and entry %d",
				keeper(old), old.Size, when(old), good, old.Size-1))
		}
		good = old.Size
	}
	return problems
}

func consistent(ctx context.Context, b *client.ProofBuilder, small model.Checkpoint, large *model.Checkpoint) error {
	if small.Size == large.Size {
		if !bytes.Equal(small.Root, large.Root) {
			return errors.New("the roots differ")
		}
		return nil
	}
	path, err := b.ConsistencyProof(ctx, small.Size, large.Size)
	if err != nil {
		return err
	}
	return proof.VerifyConsistency(rfc6962.DefaultHasher, small.Size, large.Size, path, small.Root, large.Root)
}

// ofOwn are the signed checkpoints that the file and the store keep of the own log, by size.
func (k *Keeper) ofOwn(ctx context.Context) []model.Checkpoint {
	_, kept := k.file.of(k.o.Log.Origin())
	kept = kept[max(0, len(kept)-compareLast):]
	stored, err := k.o.Store.Checkpoints(ctx, k.o.Log.Origin(), compareLast)
	if err != nil {
		k.o.Slog.Error("the store's checkpoints of the own audit log can't be read", "err", err)
	}
	return signed(append(kept, stored...), k.o.Key)
}

// signed leaves those that are signed, by size.
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
		if a.Size < b.Size {
			return -1
		}
		if a.Size > b.Size {
			return 1
		}
		return 0
	})
	return out
}

// other compares what the store says of another log with what was kept of it here, and keeps its newest checkpoint.
func (k *Keeper) other(ctx context.Context, l model.LogState) error {
	key, before := k.file.of(l.Origin)
	var problems []string
	if key == "" {
		key = l.PublicKey
	} else if key != l.PublicKey {
		problems = append(problems, "forked: the log has another key than the one that was kept by "+k.o.Log.Origin())
	}
	stored, err := k.o.Store.Checkpoints(ctx, l.Origin, compareLast)
	if err != nil {
		return fmt.Errorf("checkpoints of %s: %w", l.Origin, err)
	}
	now := signed(stored, key)
	if len(now) > 0 {
		newest := now[len(now)-1]
		problems = append(problems, k.compareOther(before, now)...)
		if len(problems) == 0 {
			newest.Keeper = k.o.Log.Origin()
			if err := k.file.add(key, newest); err != nil {
				return fmt.Errorf("keep a checkpoint: %w", err)
			}
		}
	} else if len(before) > 0 {
		problems = append(problems, fmt.Sprintf("truncated: the store has no signed checkpoint of it any more; %s keeps one over %d entries", k.o.Log.Origin(), before[len(before)-1].Size))
	}
	if len(problems) == 0 {
		return nil
	}
	return k.report(ctx, l.Origin, l.PublicKey, nil, problems)
}

func (k *Keeper) compareOther(before, now []model.Checkpoint) []string {
	newest := now[len(now)-1]
	var problems []string
	for _, old := range before[max(0, len(before)-compareLast):] {
		if old.Size > newest.Size {
			problems = append(problems, fmt.Sprintf("rolled back: %s keeps a signed checkpoint over %d entries (%s); the store's newest is over %d", k.o.Log.Origin(), old.Size, when(old), newest.Size))
		}
		for _, c := range now {
			if c.Size == old.Size && !bytes.Equal(c.Root, old.Root) {
				problems = append(problems, fmt.Sprintf("forked: there are two signed checkpoints over %d entries", c.Size))
			}
		}
	}
	return problems
}

// report sets the log's state and records problems that are new. A problem that was found once stays in the state.
func (k *Keeper) report(ctx context.Context, origin, key string, c *model.Checkpoint, problems []string) error {
	state := model.LogState{Origin: origin, PublicKey: key}
	logs, err := k.o.Store.Logs(ctx)
	if err != nil {
		return err
	}
	for _, l := range logs {
		if l.Origin == origin {
			state = l
		}
	}
	if c != nil {
		state.Checkpoint = *c
	}
	for _, p := range problems {
		if k.said[origin+p] || slices.Contains(state.Problems, p) {
			continue
		}
		k.o.Slog.Error("an audit log was tampered with", "origin", origin, "problem", p)
		if _, err := k.o.Log.Append(ctx, model.Record{
			Tenant: model.SystemTenant, Action: "AuditProblemFound", Resource: model.Ref{Type: model.TypeSystem, ID: model.SystemID},
			Outcome: model.OutcomeFailed, Reason: p, Changes: map[string]string{"log": origin},
		}); err != nil {
			return err
		}
		k.said[origin+p] = true
		if len(state.Problems) < maxProblems {
			state.Problems = append(state.Problems, p)
		}
	}
	return k.o.Store.SetLogState(ctx, &state)
}

// VerifyLogs verifies the whole own log and compares the others', and gives the state of all.
func (k *Keeper) VerifyLogs(ctx context.Context) ([]model.LogState, error) {
	if size := k.o.Log.Size(); size > 0 {
		// So that the newest records are covered too, if the log can be written.
		if _, err := k.o.Log.covering(ctx, size-1); err != nil && model.CodeOf(err) != model.CodeUnavailable {
			return nil, err
		}
	}
	kept := k.ofOwn(ctx)
	r, err := Verify(ctx, k.o.Log.o.Dir, k.o.Key, kept)
	if err != nil {
		return nil, err
	}
	if err := k.Round(ctx); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.report(ctx, k.o.Log.Origin(), k.o.Key, r.Checkpoint, r.Texts()); err != nil {
		return nil, err
	}
	logs, err := k.o.Store.Logs(ctx)
	if err != nil {
		return nil, err
	}
	for i, l := range logs {
		if l.Origin == k.o.Log.Origin() {
			logs[i].Verified = k.o.Log.now()
			if err := k.o.Store.SetLogState(ctx, &logs[i]); err != nil {
				return nil, err
			}
		}
	}
	return logs, nil
}

package audit

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"

	tlog "github.com/transparency-dev/formats/log"

	"github.com/bulkhead-security/bulkhead/model"
)

type entry struct {
	index uint64
	data  []byte
}

// entries walks over the entries from one index up to, not including, another.
func (l *Log) entries(ctx context.Context, from, to uint64) iter.Seq2[entry, error] {
	return walk(ctx, l.fetch, from, to, l.Size())
}

// walk reads bundle by bundle. size is that of a tree that was integrated and covers to.
func walk(ctx context.Context, f client.FileFetcher, from, to, size uint64) iter.Seq2[entry, error] {
	return func(yield func(entry, error) bool) {
		if from >= to {
			return
		}
		for r := range layout.Range(from, to-from, size) {
			bundle, err := readBundle(ctx, f, r.Index, r.Partial)
			first := r.Index*layout.EntryBundleWidth + uint64(r.First)
			if err == nil && uint(len(bundle)) < r.First+r.N {
				err = fmt.Errorf("the bundle of entries at %d has %d entries, not %d", first, len(bundle), r.First+r.N)
			}
			if err != nil {
				yield(entry{index: first}, err)
				return
			}
			for i, data := range bundle[r.First : r.First+r.N] {
				if !yield(entry{first + uint64(i), data}, nil) {
					return
				}
			}
		}
	}
}

func readBundle(ctx context.Context, f client.FileFetcher, index uint64, partial uint8) ([][]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	raw, err := f.ReadEntryBundle(ctx, index, partial)
	if err != nil {
		return nil, fmt.Errorf("read the entries from %d: %w", index*layout.EntryBundleWidth, err)
	}
	var b api.EntryBundle
	if err := b.UnmarshalText(raw); err != nil {
		return nil, fmt.Errorf("read the entries from %d: %w", index*layout.EntryBundleWidth, err)
	}
	return b.Entries, nil
}

// Read gives up to n records from an index on, oldest first. An entry that is no record of ours is given as one that says so.
func (l *Log) Read(ctx context.Context, from uint64, n int) ([]model.LogRecord, error) {
	to := min(l.Size(), from+uint64(max(n, 0)))
	var out []model.LogRecord
	for e, err := range l.entries(ctx, from, to) {
		if err != nil {
			return nil, err
		}
		r := model.LogRecord{Origin: l.o.Origin, Index: e.index, Event: e.data}
		if record, err := Decode(e.data); err == nil {
			r.Record = *record
		} else {
			l.log.Warn("an entry of the audit log can't be decoded", "index", e.index, "err", err)
			r.Record = undecodable(r.Origin, e.index)
		}
		out = append(out, r)
	}
	return out, nil
}

// ReadAt gives one record.
func (l *Log) ReadAt(ctx context.Context, index uint64) (*model.LogRecord, error) {
	records, err := l.Read(ctx, index, 1)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, &model.Error{Code: model.CodeNotFound, Message: fmt.Sprintf("the log %s has no record %d", l.o.Origin, index), Remedy: "look at the id in `bulkhead audit search`"}
	}
	return &records[0], nil
}

// Checkpoint is the newest signed checkpoint.
func (l *Log) Checkpoint(ctx context.Context) (*model.Checkpoint, error) {
	raw, err := l.fetch.ReadCheckpoint(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the checkpoint: %w", err)
	}
	c, err := parseUnsigned(raw)
	if err != nil {
		return nil, err
	}
	c.Keeper, c.Time = l.o.Origin, l.now()
	return c, nil
}

// parseUnsigned reads a checkpoint of our own without looking at its signature.
func parseUnsigned(raw []byte) (*model.Checkpoint, error) {
	var c tlog.Checkpoint
	if _, err := c.Unmarshal(raw); err != nil {
		return nil, fmt.Errorf("read the checkpoint: %w", err)
	}
	return &model.Checkpoint{Origin: c.Origin, Size: c.Size, Root: c.Hash, Note: string(raw)}, nil
}

// Proof gives the hashes from a leaf to the root, with the checkpoint that has the root (RFC 6962). It waits a moment for
// a checkpoint over an entry that is new.
func (l *Log) Proof(ctx context.Context, index uint64) (path [][]byte, c *model.Checkpoint, err error) {
	if index >= l.Size() {
		return nil, nil, &model.Error{Code: model.CodeNotFound, Message: fmt.Sprintf("the log %s has no record %d", l.o.Origin, index), Remedy: "look at the id in `bulkhead audit search`"}
	}
	if c, err = l.covering(ctx, index); err != nil {
		return nil, nil, err
	}
	builder, err := client.NewProofBuilder(ctx, c.Size, l.fetch.ReadTile)
	if err != nil {
		return nil, nil, fmt.Errorf("prove record %d: %w", index, err)
	}
	if path, err = builder.InclusionProof(ctx, index); err != nil {
		return nil, nil, fmt.Errorf("prove record %d: %w", index, err)
	}
	return path, c, nil
}

func (l *Log) covering(ctx context.Context, index uint64) (*model.Checkpoint, error) {
	tick := time.NewTicker(checkpointEvery / 5)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(ctx, 20*checkpointEvery)
	defer cancel()
	for {
		c, err := l.Checkpoint(ctx)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		if err == nil && c.Size > index {
			return c, nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, &model.Error{Code: model.CodeUnavailable, Message: "there is no checkpoint over this record yet", Remedy: "try again in a moment", Err: ctx.Err()}
		}
	}
}

// undecodable stands for an entry that is no event of ours, so that it can be seen in the index too.
func undecodable(origin string, index uint64) model.Record {
	id := fmt.Sprintf("%s/%d", origin, index)
	return model.Record{
		ID: id, Tenant: model.SystemTenant, Action: "Undecodable", Outcome: model.OutcomeFailed, Reason: "the entry is no event of this product",
		Resource: model.Ref{Type: "Record", ID: id},
	}
}

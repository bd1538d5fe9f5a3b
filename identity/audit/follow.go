package audit

import (
	"context"
	"fmt"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Indexer is the store's index of records. IndexRecords may be given records that it has already.
type Indexer interface {
	IndexRecords(ctx context.Context, records []model.LogRecord) error
	IndexedUpTo(ctx context.Context, origin string) (next uint64, err error)
}

// Limits of the follower.
const (
	followBatch = 512
	followLimit = time.Minute // of one batch
	backoffMin  = 200 * time.Millisecond
	backoffMax  = 10 * time.Second
)

// Follow fills the index until ctx is over. It goes on where the index ends, so every record is there exactly once
// whenever the process stops. Errors are tried again.
func (l *Log) Follow(ctx context.Context, index Indexer) error {
	wait := backoffMin
	for ctx.Err() == nil {
		err := l.followOnce(ctx, index)
		if err == nil {
			wait = backoffMin
			continue
		}
		if ctx.Err() != nil {
			break
		}
		l.log.Error("the index of the audit log can't be filled; trying again", "err", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
		}
		wait = min(2*wait, backoffMax)
	}
	return ctx.Err()
}

func (l *Log) followOnce(ctx context.Context, index Indexer) error {
	next, err := index.IndexedUpTo(ctx, l.o.Origin)
	if err != nil {
		return fmt.Errorf("ask the index how far it is: %w", err)
	}
	if next > l.Size() {
		return fmt.Errorf("the index has %d records of %s, but the log has %d: the log went back", next, l.o.Origin, l.Size())
	}
	for {
		if err := l.Wait(ctx, next); err != nil {
			return err
		}
		records, err := l.Read(ctx, next, followBatch)
		if err != nil {
			return err
		}
		if err := l.index(ctx, index, records); err != nil {
			return err
		}
		next += uint64(len(records))
	}
}

func (l *Log) index(ctx context.Context, index Indexer, records []model.LogRecord) error {
	ctx, cancel := context.WithTimeout(ctx, followLimit)
	defer cancel()
	if err := index.IndexRecords(ctx, records); err != nil {
		return fmt.Errorf("index records from %d on: %w", records[0].Index, err)
	}
	return nil
}

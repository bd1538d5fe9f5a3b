package store

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

// What a node's log is over stays with the checkpoint, and whoever continues the log has it for himself until he is done.
func TestNodeLogIsContinuedByOne(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		const origin = model.NodeLogs + "n1"
		_, err := s.LockNodeLog(ctx, origin)
		code(t, err, model.CodeNotFound)
		ok(t, s.RegisterLog(ctx, origin, "key"))
		if r, err := s.LockNodeLog(ctx, origin); err != nil || r != nil {
			t.Fatal(r, err)
		}
		c := &model.Checkpoint{Origin: origin, Size: 3, Root: []byte("root"), Note: "note", Time: time.Unix(1, 0).UTC()}
		want := &model.LogRange{Size: 2, Hashes: [][]byte{{1, 2}, {3}}}
		ok(t, s.PublishNodeLog(ctx, c, nil, want))
		r, err := s.LockNodeLog(ctx, origin)
		ok(t, err)
		if d := cmp.Diff(want, r); d != "" {
			t.Fatal(d)
		}
		l, err := s.LogState(ctx, origin)
		ok(t, err)
		if l.Checkpoint.Size != 3 || l.Checkpoint.Note != "note" {
			t.Fatalf("%+v", l)
		}
		// Each adds one to what it finds; none is lost.
		won := race(8, func() error {
			return s.InTx(ctx, func(ctx context.Context) error {
				r, err := s.LockNodeLog(ctx, origin)
				if err != nil {
					return err
				}
				r.Size++
				return s.PublishNodeLog(ctx, c, nil, r)
			})
		})
		if r, err = s.LockNodeLog(ctx, origin); err != nil || won != 8 || r.Size != 10 {
			t.Fatal(won, r, err)
		}
		// A version of the program that knows nothing of it leaves none behind.
		ok(t, s.PublishLog(ctx, c, nil))
		if r, err := s.LockNodeLog(ctx, origin); err != nil || r != nil {
			t.Fatal(r, err)
		}
	})
}

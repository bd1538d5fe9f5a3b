package store

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"errors"
	"slices"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type logRow struct {
	bun.BaseModel `bun:"table:logs,alias:t"`
	Origin        string `bun:"origin,pk"`
	PublicKey     string `bun:"public_key"`
	Checkpoint    string `bun:"checkpoint"`
	Problems      string `bun:"problems"`
	Verified      int64  `bun:"verified"`
}

// publishedCheckpoint is what a log's owner says of it: in one value, so that readers never see proofs of another checkpoint.
type publishedCheckpoint struct {
	model.Checkpoint
	Proofs []model.Consistency `json:"proofs,omitempty"`
}

func (r *logRow) model() (*model.LogState, error) {
	c, err := value[publishedCheckpoint](r.Checkpoint)
	if err != nil {
		return nil, err
	}
	problems, err := stringsOf(r.Problems)
	return &model.LogState{
		Origin: r.Origin, PublicKey: r.PublicKey, Checkpoint: c.Checkpoint, Proofs: c.Proofs, Problems: problems, Verified: at(r.Verified),
	}, err
}

type checkpointRow struct {
	bun.BaseModel `bun:"table:checkpoints,alias:t"`
	Origin        string `bun:"origin,pk"`
	Keeper        string `bun:"keeper,pk"`
	Size          int64  `bun:"size,pk"`
	Root          []byte `bun:"root,pk"`
	Note          string `bun:"note"`
	Time          int64  `bun:"time"`
}

func (r *checkpointRow) model() (*model.Checkpoint, error) {
	return &model.Checkpoint{
		Origin: r.Origin, Size: uint64(max(r.Size, 0)), Root: r.Root, Note: r.Note, Keeper: r.Keeper, Time: at(r.Time),
	}, nil
}

// RegisterLog makes a log known by its key. The key of a known log never changes.
func (s *Store) RegisterLog(ctx context.Context, origin, publicKey string) error {
	return s.change(ctx, "log", func(db bun.IDB) error {
		row := &logRow{Origin: origin, PublicKey: publicKey, Checkpoint: "{}", Problems: "[]"}
		if _, err := db.NewInsert().Model(row).On("CONFLICT (origin) DO NOTHING").Exec(ctx); err != nil {
			return err
		}
		var known logRow
		if err := db.NewSelect().Model(&known).Where("origin = ?", origin).Scan(ctx); err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(known.PublicKey), []byte(publicKey)) == 1 {
			return nil
		}
		return &model.Error{
			Code: model.CodeConflict, Message: "the audit log " + origin + " is known under another key",
			Remedy: "Give this server another name (server.name), or bring back the key that the log was begun with.",
		}
	})
}

// Logs are all known logs, by origin.
func (s *Store) Logs(ctx context.Context) ([]model.LogState, error) {
	var rows []logRow
	if err := s.all(ctx, "logs", &rows, "origin", "TRUE"); err != nil {
		return nil, err
	}
	return convert(rows, (*logRow).model)
}

// PublishLog keeps what the owner of a known log says of it: its newest checkpoint, and that it continues earlier ones.
func (s *Store) PublishLog(ctx context.Context, c *model.Checkpoint, proofs []model.Consistency) error {
	if _, err := number("size", c.Size); err != nil {
		return err
	}
	return s.setLog(ctx, &logRow{Origin: c.Origin, Checkpoint: text(publishedCheckpoint{*c, proofs})}, "checkpoint")
}

// SetLogVerified keeps when all of a log was verified last.
func (s *Store) SetLogVerified(ctx context.Context, origin string, when time.Time) error {
	return s.setLog(ctx, &logRow{Origin: origin, Verified: us(when)}, "verified")
}

// setLog writes one column: owner and keepers write at the same time, and none may take back what another wrote.
func (s *Store) setLog(ctx context.Context, row *logRow, column string) error {
	return s.change(ctx, "log", func(db bun.IDB) error {
		r, err := db.NewUpdate().Model(row).Column(column).WherePK().Exec(ctx)
		return touched(r, err, notFound("log", row.Origin))
	})
}

// AddLogProblems adds what was found wrong with a log to what is known, up to most of them.
func (s *Store) AddLogProblems(ctx context.Context, origin string, problems []string, most int) error {
	return s.change(ctx, "log", func(db bun.IDB) error {
		var row logRow
		q := db.NewSelect().Model(&row).Where("origin = ?", origin)
		if s.kind == KindPostgres {
			q = q.For("UPDATE") // SQLite has one writer
		}
		err := q.Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("log", origin)
		}
		if err != nil {
			return err
		}
		known, err := stringsOf(row.Problems)
		if err != nil {
			return err
		}
		before := len(known)
		for _, p := range problems {
			if len(known) < most && !slices.Contains(known, p) {
				known = append(known, p)
			}
		}
		if len(known) == before {
			return nil
		}
		row.Problems = list(known)
		_, err = db.NewUpdate().Model(&row).Column("problems").WherePK().Exec(ctx)
		return err
	})
}

// KeepCheckpoint keeps what a keeper saw of a log. Seen again, the same one stays as it was; one of the same size with
// another root is kept beside it.
func (s *Store) KeepCheckpoint(ctx context.Context, c *model.Checkpoint) error {
	size, err := number("size", c.Size)
	if err != nil {
		return err
	}
	row := &checkpointRow{Origin: c.Origin, Keeper: c.Keeper, Size: size, Root: blob(c.Root), Note: c.Note, Time: us(c.Time)}
	return s.change(ctx, "checkpoint", func(db bun.IDB) error {
		_, err := db.NewInsert().Model(row).On("CONFLICT (origin, keeper, size, root) DO NOTHING").Exec(ctx)
		return err
	})
}

// Checkpoints are those kept of a log, newest first.
func (s *Store) Checkpoints(ctx context.Context, origin string, limit int) ([]model.Checkpoint, error) {
	if limit <= 0 || limit > largestPage {
		limit = largestPage
	}
	var rows []checkpointRow
	err := s.conn(ctx).NewSelect().Model(&rows).Where("origin = ?", origin).OrderExpr("time DESC, size DESC, keeper, root").Limit(limit).Scan(ctx)
	if err != nil {
		return nil, s.fail("read checkpoints", err)
	}
	return convert(rows, (*checkpointRow).model)
}

// LargestCheckpoints are, of each known log, the one over the most entries that it keeps of a log. Going by the known logs,
// each is one look into the index, however many checkpoints there are.
func (s *Store) LargestCheckpoints(ctx context.Context, origin string) ([]model.Checkpoint, error) {
	var rows []checkpointRow
	err := s.conn(ctx).NewSelect().Model(&rows).Join("JOIN logs AS l ON l.origin = t.keeper").Where("t.origin = ?", origin).
		Where("t.size = (SELECT max(o.size) FROM checkpoints AS o WHERE o.origin = ? AND o.keeper = l.origin)", origin).
		OrderExpr("t.keeper, t.root").Limit(largestPage).Scan(ctx)
	if err != nil {
		return nil, s.fail("read checkpoints", err)
	}
	return convert(rows, (*checkpointRow).model)
}

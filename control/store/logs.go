package store

import (
	"context"
	"crypto/subtle"

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

func (r *logRow) model() (*model.LogState, error) {
	c, err := value[model.Checkpoint](r.Checkpoint)
	if err != nil {
		return nil, err
	}
	problems, err := stringsOf(r.Problems)
	return &model.LogState{
		Origin: r.Origin, PublicKey: r.PublicKey, Checkpoint: c, Problems: problems, Verified: at(r.Verified),
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

// SetLogState keeps what was last seen of a known log.
func (s *Store) SetLogState(ctx context.Context, l *model.LogState) error {
	if _, err := number("size", l.Checkpoint.Size); err != nil {
		return err
	}
	row := &logRow{Origin: l.Origin, Checkpoint: text(l.Checkpoint), Problems: list(l.Problems), Verified: us(l.Verified)}
	return s.change(ctx, "log", func(db bun.IDB) error {
		r, err := db.NewUpdate().Model(row).Column("checkpoint", "problems", "verified").WherePK().Exec(ctx)
		return touched(r, err, notFound("log", l.Origin))
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

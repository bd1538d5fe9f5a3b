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
	// Range is of a node's log, over the records that are in the index.
	Range *model.LogRange `json:"range,omitempty"`
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

// ofNodes is true of the origins of nodes' logs, which begin with model.NodeLogs: "0" comes after "/".
const ofNodes = "(origin >= 'bulkhead/node/' AND origin < 'bulkhead/node0')"

// Logs are the known logs by origin, replicas' first, and then of the nodes' those that have problems. There may be more of nodes than
// are given.
func (s *Store) Logs(ctx context.Context) ([]model.LogState, error) {
	return s.logs(ctx, "CASE WHEN "+ofNodes+" THEN 1 ELSE 0 END, CASE WHEN problems = '[]' THEN 1 ELSE 0 END, origin", "TRUE")
}

// ReplicaLogs are those of the replicas.
func (s *Store) ReplicaLogs(ctx context.Context) ([]model.LogState, error) {
	return s.logs(ctx, "origin", "NOT "+ofNodes)
}

// NodeLogs are those of nodes, by origin, after one.
func (s *Store) NodeLogs(ctx context.Context, after string, limit int) ([]model.LogState, error) {
	var rows []logRow
	err := s.conn(ctx).NewSelect().Model(&rows).Where(ofNodes).Where("origin > ?", after).OrderExpr("origin").Limit(limit).Scan(ctx)
	if err != nil {
		return nil, s.fail("read logs", err)
	}
	return convert(rows, (*logRow).model)
}

// LogState is what is known of a log.
func (s *Store) LogState(ctx context.Context, origin string) (*model.LogState, error) {
	return find(ctx, s, "log", origin, (*logRow).model, "origin = ?", origin)
}

// NodeLogProblems is how many problems the nodes' logs have together.
func (s *Store) NodeLogProblems(ctx context.Context) (int, error) {
	all, err := s.logs(ctx, "origin", "problems <> '[]' AND "+ofNodes)
	n := 0
	for i := range all {
		n += len(all[i].Problems)
	}
	return n, err
}

func (s *Store) logs(ctx context.Context, order, where string) ([]model.LogState, error) {
	var rows []logRow
	if err := s.all(ctx, "logs", &rows, order, where); err != nil {
		return nil, err
	}
	return convert(rows, (*logRow).model)
}

// PublishLog keeps what the owner of a known log says of it: its newest checkpoint, and that it continues earlier ones.
func (s *Store) PublishLog(ctx context.Context, c *model.Checkpoint, proofs []model.Consistency) error {
	if _, err := number("size", c.Size); err != nil {
		return err
	}
	return s.setLog(ctx, &logRow{Origin: c.Origin, Checkpoint: text(publishedCheckpoint{*c, proofs, nil})}, "checkpoint")
}

// PublishNodeLog does so for a node's log, whose index has the records that the range is over.
func (s *Store) PublishNodeLog(ctx context.Context, c *model.Checkpoint, proofs []model.Consistency, over *model.LogRange) error {
	if _, err := number("size", c.Size); err != nil {
		return err
	}
	return s.setLog(ctx, &logRow{Origin: c.Origin, Checkpoint: text(publishedCheckpoint{*c, proofs, over})}, "checkpoint")
}

// LockNodeLog gives the range over the records of a node's log that are in the index, nil where nobody knows it. Until the end of the
// transaction nobody else continues the log.
func (s *Store) LockNodeLog(ctx context.Context, origin string) (*model.LogRange, error) {
	var row logRow
	q := s.conn(ctx).NewSelect().Model(&row).Where("origin = ?", origin)
	if s.kind == KindPostgres {
		q = q.For("UPDATE") // SQLite has one writer
	}
	err := q.Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("log", origin)
	}
	if err != nil {
		return nil, s.fail("read a log", err)
	}
	c, err := value[publishedCheckpoint](row.Checkpoint)
	return c.Range, err
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

// KeepCheckpoints does so for many, and leaves of what each of their keepers keeps of each of their logs the largest ones.
func (s *Store) KeepCheckpoints(ctx context.Context, all []model.Checkpoint, largest int) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		for i := range all {
			c := &all[i]
			if err := s.KeepCheckpoint(ctx, c); err != nil {
				return err
			}
			_, err := s.conn(ctx).NewRaw(`DELETE FROM checkpoints WHERE origin = ?0 AND keeper = ?1 AND size < (SELECT min(o.size) FROM (
				SELECT size FROM checkpoints WHERE origin = ?0 AND keeper = ?1 ORDER BY size DESC LIMIT ?2) AS o)`,
				c.Origin, c.Keeper, largest).Exec(ctx)
			if err != nil {
				return s.fail("remove old checkpoints", err)
			}
		}
		return nil
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

// LargestCheckpoints are, of each replica, the one over the most entries that it keeps of a log. Going by the replicas' logs,
// each is one look into the index, however many checkpoints there are.
func (s *Store) LargestCheckpoints(ctx context.Context, origin string) ([]model.Checkpoint, error) {
	var rows []checkpointRow
	err := s.conn(ctx).NewSelect().Model(&rows).Join("JOIN logs AS l ON l.origin = t.keeper").
		Where("(l.origin < 'bulkhead/node/' OR l.origin >= 'bulkhead/node0')").Where("t.origin = ?", origin).
		Where("t.size = (SELECT max(o.size) FROM checkpoints AS o WHERE o.origin = ? AND o.keeper = l.origin)", origin).
		OrderExpr("t.keeper, t.root").Limit(largestPage).Scan(ctx)
	if err != nil {
		return nil, s.fail("read checkpoints", err)
	}
	return convert(rows, (*checkpointRow).model)
}

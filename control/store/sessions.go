package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type sessionRow struct {
	bun.BaseModel `bun:"table:sessions,alias:t"`
	ID            string `bun:"id,pk"`
	SecretHash    []byte `bun:"secret_hash"`
	User          string `bun:"user_id"`
	Tenant        string `bun:"tenant"`
	Auth          string `bun:"auth"`
	Created       int64  `bun:"created"`
	LastSeen      int64  `bun:"last_seen"`
	Expires       int64  `bun:"expires"`
	Idle          int64  `bun:"idle"`
	Address       string `bun:"address"`
	UserAgent     string `bun:"user_agent"`
	Client        string `bun:"client"`
}

func sessionRowOf(x *model.Session) *sessionRow {
	return &sessionRow{
		ID: x.ID, SecretHash: blob(x.SecretHash), User: x.User, Tenant: x.Tenant, Auth: text(x.Auth), Created: us(x.Created),
		LastSeen: us(x.LastSeen), Expires: us(x.Expires), Idle: us(x.Idle), Address: x.Address, UserAgent: x.UserAgent,
		Client: x.Client,
	}
}

func (r *sessionRow) model() (*model.Session, error) {
	auth, err := value[model.Strength](r.Auth)
	return &model.Session{
		ID: r.ID, SecretHash: r.SecretHash, User: r.User, Tenant: r.Tenant, Auth: auth, Created: at(r.Created),
		LastSeen: at(r.LastSeen), Expires: at(r.Expires), Idle: at(r.Idle), Address: r.Address, UserAgent: r.UserAgent,
		Client: r.Client,
	}, err
}

// CreateSession adds a session.
func (s *Store) CreateSession(ctx context.Context, x *model.Session) error {
	return s.insert(ctx, "session", sessionRowOf(x), changed(created, "Session", x.ID, x.Tenant))
}

// Session finds a session, also one that is over.
func (s *Store) Session(ctx context.Context, id string) (*model.Session, error) {
	return s.session(ctx, id, "id = ?", id)
}

// SessionBySecret finds a session by the hash of its secret, also one that is over.
func (s *Store) SessionBySecret(ctx context.Context, hash []byte) (*model.Session, error) {
	return s.session(ctx, "", "secret_hash = ?", blob(hash))
}

func (s *Store) session(ctx context.Context, id, where string, args ...any) (*model.Session, error) {
	return find(ctx, s, "session", id, (*sessionRow).model, where, args...)
}

// SessionsOf are a user's sessions, newest first.
func (s *Store) SessionsOf(ctx context.Context, user string) ([]model.Session, error) {
	var rows []sessionRow
	if err := s.all(ctx, "sessions", &rows, "created DESC, id", "user_id = ?", user); err != nil {
		return nil, err
	}
	return convert(rows, (*sessionRow).model)
}

// TouchSession keeps that a session was seen, and moves its idle limit on. It is no change of the session.
func (s *Store) TouchSession(ctx context.Context, id string, lastSeen, idle time.Time) error {
	return s.change(ctx, "session", func(db bun.IDB) error {
		r, err := db.NewRaw("UPDATE sessions SET last_seen = ?, idle = ? WHERE id = ?", us(lastSeen), us(idle), id).Exec(ctx)
		return touched(r, err, notFound("session", id))
	})
}

// RotateSession puts a session in place of another one: its id and secret are good for nothing from then on.
func (s *Store) RotateSession(ctx context.Context, oldID string, x *model.Session) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		if err := s.DeleteSession(ctx, oldID); err != nil {
			return err
		}
		return s.CreateSession(ctx, x)
	})
}

// DeleteSession ends a session.
func (s *Store) DeleteSession(ctx context.Context, id string) error {
	n, err := s.endSessions(ctx, "id = ?", id)
	if err == nil && n == 0 {
		return notFound("session", id)
	}
	return err
}

// DeleteSessionsOf ends all sessions of a user but one; exceptID may be empty.
func (s *Store) DeleteSessionsOf(ctx context.Context, user, exceptID string) error {
	_, err := s.endSessions(ctx, "user_id = ? AND id <> ?", user, exceptID)
	return err
}

func (s *Store) endSessions(ctx context.Context, where string, args ...any) (int, error) {
	var gone []struct{ ID, Tenant string }
	err := s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		if err := t.NewRaw("DELETE FROM sessions WHERE "+where+" RETURNING id, tenant", args...).Scan(ctx, &gone); err != nil {
			return s.fail("end sessions", err)
		}
		for _, g := range gone {
			t.changes = append(t.changes, changed(deleted, "Session", g.ID, g.Tenant))
		}
		return nil
	})
	return len(gone), err
}

package store

import (
	"context"
	"time"

	"github.com/uptrace/bun"
)

type secretRow struct {
	bun.BaseModel `bun:"table:secrets,alias:t"`
	Name          string `bun:"name,pk"`
	Data          []byte `bun:"data"`
	Created       int64  `bun:"created"`
}

// Secret finds a sealed secret that all replicas share.
func (s *Store) Secret(ctx context.Context, name string) ([]byte, error) {
	var r secretRow
	if err := s.one(ctx, "secret", name, &r, "name = ?", name); err != nil {
		return nil, err
	}
	return r.Data, nil
}

// CreateSecret keeps a sealed secret. Of several replicas that make one at once, one wins; the others read its.
func (s *Store) CreateSecret(ctx context.Context, name string, data []byte) error {
	return s.insert(ctx, "secret", &secretRow{Name: name, Data: blob(data), Created: us(time.Now())})
}

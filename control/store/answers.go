package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type answerRow struct {
	bun.BaseModel `bun:"table:answers,alias:t"`
	ID            string `bun:"id,pk"`
	Digest        []byte `bun:"digest"`
	Body          []byte `bun:"body"`
	Created       int64  `bun:"created"`
}

// Answer finds what was answered under an idempotency key.
func (s *Store) Answer(ctx context.Context, key string) (*model.Answer, error) {
	var r answerRow
	if err := s.one(ctx, "answer", "", &r, "id = ?", key); err != nil {
		return nil, err
	}
	return &model.Answer{Key: r.ID, Digest: r.Digest, Body: r.Body, Created: at(r.Created)}, nil
}

// KeepAnswer keeps an answer. Called in the transaction of the change, it makes sure that the change is made once.
func (s *Store) KeepAnswer(ctx context.Context, a *model.Answer) error {
	return s.insert(ctx, "answer", &answerRow{ID: a.Key, Digest: blob(a.Digest), Body: blob(a.Body), Created: us(a.Created)})
}

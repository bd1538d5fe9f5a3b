package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type rolloutRow struct {
	bun.BaseModel `bun:"table:rollouts,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Pool          string `bun:"pool"`
	From          int64  `bun:"from_version"`
	To            int64  `bun:"to_version"`
	State         string `bun:"state"`
	Share         int    `bun:"share"`
	Step          int    `bun:"step"`
	StepSince     int64  `bun:"step_since"`
	Reason        string `bun:"reason"`
	Nodes         int    `bun:"nodes"`
	Applied       int    `bun:"applied"`
	Failed        int    `bun:"failed"`
	Findings      int    `bun:"findings"`
	Author        string `bun:"author"`
	Created       int64  `bun:"created"`
	Ended         int64  `bun:"ended"`
	Version       int64  `bun:"version"`
}

func rolloutRowOf(r *model.Rollout) *rolloutRow {
	return &rolloutRow{
		ID: r.ID, Tenant: r.Tenant, Pool: r.Pool, From: r.From, To: r.To, State: string(r.State), Share: r.Share, Step: r.Step,
		StepSince: us(r.StepSince), Reason: r.Reason, Nodes: r.Nodes, Applied: r.Applied, Failed: r.Failed, Findings: r.Findings,
		Author: r.Author, Created: us(r.Created), Ended: us(r.Ended), Version: r.Version,
	}
}

func (r *rolloutRow) model() (*model.Rollout, error) {
	return &model.Rollout{
		ID: r.ID, Tenant: r.Tenant, Pool: r.Pool, From: r.From, To: r.To, State: model.RolloutState(r.State), Share: r.Share, Step: r.Step,
		StepSince: at(r.StepSince), Reason: r.Reason, Nodes: r.Nodes, Applied: r.Applied, Failed: r.Failed, Findings: r.Findings,
		Author: r.Author, Created: at(r.Created), Ended: at(r.Ended), Version: r.Version,
	}, nil
}

func rollouts() listing {
	return listing{
		name: "roll-outs", tenant: "tenant", time: "created", newest: true,
		fields: map[string]field{
			"id": {"id", isText}, "pool": {"pool", isText}, "state": {"state", isText}, "author": {"author", isText},
			"created": {"created", isTime},
		},
		keys: []field{{"created", isInt}, {"id", isText}},
	}
}

// openRollouts are the states of a roll-out that is not over.
func openRollouts() bun.ListValues {
	return bun.List([]string{string(model.RolloutRunning), string(model.RolloutWaiting), string(model.RolloutHalted)})
}

// CreateRollout adds a roll-out.
func (s *Store) CreateRollout(ctx context.Context, r *model.Rollout) error {
	r.Version = 1
	return s.insert(ctx, "roll-out", rolloutRowOf(r), changed(created, "Rollout", r.ID, r.Tenant))
}

// Rollout finds a roll-out.
func (s *Store) Rollout(ctx context.Context, id string) (*model.Rollout, error) {
	return find(ctx, s, "roll-out", id, (*rolloutRow).model, "id = ?", id)
}

// Rollouts lists roll-outs, newest first.
func (s *Store) Rollouts(ctx context.Context, q model.Query) ([]model.Rollout, string, error) {
	return listed(ctx, s, rollouts(), q, func(r *rolloutRow) []any { return []any{r.Created, r.ID} }, (*rolloutRow).model)
}

// OpenRollouts are all roll-outs that are not over, oldest first.
func (s *Store) OpenRollouts(ctx context.Context) ([]model.Rollout, error) {
	var rows []rolloutRow
	if err := s.all(ctx, "roll-outs", &rows, "created, id", "state IN (?)", openRollouts()); err != nil {
		return nil, err
	}
	return convert(rows, (*rolloutRow).model)
}

// UpdateRollout changes where a roll-out stands; its pool, author and beginning never change.
func (s *Store) UpdateRollout(ctx context.Context, r *model.Rollout) error {
	now, err := s.Rollout(ctx, r.ID)
	if err != nil {
		return err
	}
	return s.update(ctx, "roll-out", r.ID, &r.Version, func(version int64) any {
		row := rolloutRowOf(r)
		row.Version = version
		return row
	}, []string{
		"from_version", "to_version", "state", "share", "step", "step_since", "reason", "nodes", "applied", "failed", "findings", "ended",
	}, changed(updated, "Rollout", r.ID, now.Tenant))
}

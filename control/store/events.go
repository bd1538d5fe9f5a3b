package store

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type eventRow struct {
	bun.BaseModel `bun:"table:events,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Node          string `bun:"node"`
	NodeName      string `bun:"node_name"`
	Time          int64  `bun:"time"`
	Kind          string `bun:"kind"`
	Severity      string `bun:"severity"`
	Requirement   string `bun:"requirement"`
	Before        string `bun:"before_value"`
	After         string `bun:"after_value"`
	Message       string `bun:"message"`
	MessageZH     string `bun:"message_zh"`
}

func (r *eventRow) model() (*model.Event, error) {
	return &model.Event{
		ID: r.ID, Tenant: r.Tenant, Node: r.Node, NodeName: r.NodeName, Time: at(r.Time), Kind: r.Kind, Severity: r.Severity,
		Requirement: r.Requirement, Before: r.Before, After: r.After, Text: model.Text{EN: r.Message, ZH: r.MessageZH},
	}, nil
}

func events() listing {
	return listing{
		name: "events", tenant: "tenant", time: "time", newest: true,
		fields: map[string]field{
			"id": {"id", isText}, "node": {"node", isText}, "kind": {"kind", isText}, "requirement": {"requirement", isText},
			"severity": {"severity", isText}, "time": {"time", isTime},
		},
		keys: []field{{"time", isInt}, {"id", isText}},
	}
}

// AddEvents keeps what happened. An event that is there already, by its id, stays as it is.
func (s *Store) AddEvents(ctx context.Context, all []model.Event) error {
	if len(all) == 0 {
		return nil
	}
	rows := make([]eventRow, len(all))
	for i, e := range all {
		rows[i] = eventRow{
			ID: e.ID, Tenant: e.Tenant, Node: e.Node, NodeName: e.NodeName, Time: us(e.Time), Kind: e.Kind, Severity: e.Severity,
			Requirement: e.Requirement, Before: e.Before, After: e.After, Message: e.Text.EN, MessageZH: e.Text.ZH,
		}
	}
	return s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		for part := range slices.Chunk(rows, rowsAtOnce) {
			var added []struct{ ID, Tenant string }
			err := t.NewInsert().Model(&part).On("CONFLICT (id) DO NOTHING").Returning("id, tenant").Scan(ctx, &added)
			if err != nil {
				return s.fail("keep events", err)
			}
			for _, a := range added {
				t.changes = append(t.changes, changed(created, "Event", a.ID, a.Tenant))
			}
		}
		return nil
	})
}

// Events lists what happened to nodes, newest first.
func (s *Store) Events(ctx context.Context, q model.Query) ([]model.Event, string, error) {
	return listed(ctx, s, events(), q, func(r *eventRow) []any { return []any{r.Time, r.ID} }, (*eventRow).model)
}

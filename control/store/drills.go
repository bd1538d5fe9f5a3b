package store

import (
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type drillRow struct {
	bun.BaseModel `bun:"table:drill_results,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	Drill         string `bun:"drill"`
	Requirement   string `bun:"requirement"`
	Node          string `bun:"node"`
	Verdict       string `bun:"verdict"`
	Without       string `bun:"without_control"`
	With          string `bun:"with_control"`
	Why           string `bun:"why"`
	DurationMS    int64  `bun:"duration_ms"`
	Version       string `bun:"version"`
	Ran           int64  `bun:"ran"`
	Published     int64  `bun:"published"`
	Publisher     string `bun:"publisher"`
}

func (r *drillRow) model() (*model.DrillOutcome, error) {
	return &model.DrillOutcome{
		ID: r.ID, Tenant: r.Tenant, Requirement: r.Requirement, Node: r.Node, Version: r.Version, Ran: at(r.Ran), Published: at(r.Published),
		Publisher: r.Publisher, Result: model.DrillResult{
			ID: r.Drill, WithoutControl: model.AttackResult(r.Without), WithControl: model.AttackResult(r.With), Verdict: model.Verdict(r.Verdict),
			Why: r.Why, DurationMS: r.DurationMS,
		},
	}, nil
}

func drillResults() listing {
	return listing{
		name: "results of drills", tenant: "tenant", time: "ran", newest: true,
		fields: map[string]field{
			"drill": {"drill", isText}, "requirement": {"requirement", isText}, "node": {"node", isText}, "verdict": {"verdict", isText},
		},
		keys: []field{{"ran", isInt}, {"id", isText}},
	}
}

// drillsKept is how many results of a drill on a machine stay.
const drillsKept = 50

// AddDrills keeps results of drills, and of each drill on each machine the newest.
func (s *Store) AddDrills(ctx context.Context, all []model.DrillOutcome) error {
	rows := make([]drillRow, len(all))
	changes := make([]changeRow, len(all))
	for i, d := range all {
		rows[i] = drillRow{
			ID: d.ID, Tenant: d.Tenant, Drill: d.Result.ID, Requirement: d.Requirement, Node: d.Node, Verdict: string(d.Result.Verdict),
			Without: string(d.Result.WithoutControl), With: string(d.Result.WithControl), Why: d.Result.Why, DurationMS: d.Result.DurationMS,
			Version: d.Version, Ran: us(d.Ran), Published: us(d.Published), Publisher: d.Publisher,
		}
		changes[i] = changed(created, "Drill", d.ID, d.Tenant)
	}
	if len(rows) == 0 {
		return nil
	}
	return s.change(ctx, "result of a drill", func(db bun.IDB) error {
		for part := range slices.Chunk(rows, rowsAtOnce) {
			if _, err := db.NewInsert().Model(&part).Exec(ctx); err != nil {
				return err
			}
		}
		for i := range rows {
			r := &rows[i]
			_, err := db.NewRaw(`DELETE FROM drill_results WHERE tenant = ?0 AND drill = ?1 AND node = ?2 AND id NOT IN (SELECT id FROM drill_results
				WHERE tenant = ?0 AND drill = ?1 AND node = ?2 ORDER BY ran DESC, id DESC LIMIT ?3)`, r.Tenant, r.Drill, r.Node, drillsKept).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	}, changes...)
}

// Drills lists results of drills, newest first; with newest, that of each drill and machine only, where Until bounds what counts.
func (s *Store) Drills(ctx context.Context, q model.Query, newest bool) ([]model.DrillOutcome, string, error) {
	rows, next, err := page(ctx, s, drillResults(), q, func(r *drillRow) []any { return []any{r.Ran, r.ID} }, func(sel *bun.SelectQuery) {
		if !newest {
			return
		}
		until := us(q.Until)
		sel.Where(`NOT EXISTS (SELECT 1 FROM drill_results AS o WHERE o.tenant = t.tenant AND o.drill = t.drill AND o.node = t.node
			AND (o.ran, o.id) > (t.ran, t.id) AND (? = 0 OR o.ran < ?))`, until, until)
	})
	if err != nil {
		return nil, "", err
	}
	out, err := convert(rows, (*drillRow).model)
	return out, next, err
}

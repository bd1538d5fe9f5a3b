package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/fleet/inventory"
	"github.com/bulkhead-security/bulkhead/model"
)

// objectRow is a summary of an object of a node; see schema4_objects.go.
type objectRow struct {
	bun.BaseModel `bun:"table:objects,alias:t"`
	Node          string `bun:"node,pk"`
	Kind          string `bun:"kind,pk"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	NodeName      string `bun:"node_name"`
	Name          string `bun:"name"`
	State         string `bun:"state"`
	Image         string `bun:"image"`
	Created       int64  `bun:"created"`
	First         int64  `bun:"first_seen"`
	Changed       int64  `bun:"changed"`
	Updated       int64  `bun:"updated"`
	Gone          int64  `bun:"gone"`
	Summary       string `bun:"summary"`
}

func objectRowOf(node string, o *model.FleetObject, when int64) objectRow {
	return objectRow{
		Node: node, Kind: string(o.Kind), ID: o.ID, Name: o.Name, State: o.State, Image: o.Image, Created: us(o.Created), First: when,
		Changed: when, Updated: when, Summary: text(&o.ObjectSummary),
	}
}

func (r *objectRow) model() (*model.FleetObject, error) {
	sum, err := value[model.ObjectSummary](r.Summary)
	return &model.FleetObject{
		Kind: model.ObjectKind(r.Kind), ID: r.ID, Tenant: r.Tenant, Node: r.Node, NodeName: r.NodeName, Name: r.Name, State: r.State,
		Image: r.Image, Created: at(r.Created), First: at(r.First), Changed: at(r.Changed), Updated: at(r.Updated), Gone: at(r.Gone),
		ObjectSummary: sum,
	}, err
}

// largestObjects is the largest page of objects: each has a bounded summary.
const largestObjects = 5000

func objects() listing {
	return listing{
		name: "objects", tenant: "tenant", most: largestObjects,
		fields: map[string]field{
			"kind": {"kind", isText}, "id": {"id", isText}, "node": {"node", isText}, "name": {"name", isText}, "state": {"state", isText},
			"image": {"image", isText}, "gone": {"gone", isSet}, "updated": {"updated", isTime},
		},
		keys: []field{{"node", isText}, {"kind", isText}, {"id", isText}},
	}
}

// FleetObjects lists objects of a kind by node and id, those that are gone, too.
func (s *Store) FleetObjects(ctx context.Context, kind model.ObjectKind, q model.Query) ([]model.FleetObject, string, error) {
	q.Where = append([]model.Condition{{Field: "kind", Op: "=", Value: string(kind)}}, q.Where...)
	return listed(ctx, s, objects(), q, func(r *objectRow) []any { return []any{r.Node, r.Kind, r.ID} }, (*objectRow).model)
}

// FleetObject finds one.
func (s *Store) FleetObject(ctx context.Context, node string, kind model.ObjectKind, id string) (*model.FleetObject, error) {
	var rows []objectRow
	if err := s.all(ctx, "object", &rows, "id", "node = ? AND kind = ? AND id = ?", node, string(kind), id); err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, notFound("object", id)
	}
	return rows[0].model()
}

// NoteObjects tells whoever watches that objects of tenants changed. It is apart from the change, so that a fleet in which containers
// come and go all the time writes it now and then only.
func (s *Store) NoteObjects(ctx context.Context, tenants []string) error {
	notes := make([]changeRow, len(tenants))
	for i, t := range tenants {
		notes[i] = changed(updated, "Inventory", t, t)
	}
	return s.change(ctx, "inventory", func(bun.IDB) error { return nil }, notes...)
}

// writeObjects writes the summaries of facts that were set and removed.
func (s *Store) writeObjects(ctx context.Context, db bun.IDB, node string, removed []string, set []model.Fact, when int64) error {
	gone := map[model.ObjectKind][]string{}
	for _, key := range removed {
		if kind, id, ok := inventory.KindOf(key); ok {
			gone[kind] = append(gone[kind], id)
		}
	}
	for _, kind := range model.ObjectKinds() {
		if err := s.objectsGone(ctx, db, node, kind, gone[kind], when); err != nil {
			return err
		}
	}
	var rows []objectRow
	for i := range set {
		if o, ok := inventory.Of(&set[i]); ok {
			rows = append(rows, objectRowOf(node, o, when))
		}
	}
	return s.putObjects(ctx, db, node, rows)
}

func (s *Store) objectsGone(ctx context.Context, db bun.IDB, node string, kind model.ObjectKind, ids []string, when int64) error {
	if stmt := s.statement(ctx, objectGone); stmt != nil {
		for _, id := range ids {
			if _, err := stmt.ExecContext(ctx, when, node, string(kind), id); err != nil {
				return err
			}
		}
		return nil
	}
	for part := range slices.Chunk(ids, rowsAtOnce) {
		_, err := db.NewRaw("UPDATE objects SET gone = ?0, updated = ?0 WHERE node = ?1 AND kind = ?2 AND id IN (?3) AND gone = 0",
			when, node, string(kind), bun.List(part)).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// putObjects writes rows of one node. One that is there as it is stays so; when it was seen first stays in any case.
func (s *Store) putObjects(ctx context.Context, db bun.IDB, node string, rows []objectRow) error {
	if len(rows) == 0 {
		return nil
	}
	if stmt := s.statement(ctx, putObject); stmt != nil {
		for i := range rows {
			r := &rows[i]
			if _, err := stmt.ExecContext(ctx, node, r.Kind, r.ID, r.Name, r.State, r.Image, r.Created, r.Changed, r.Summary); err != nil {
				return err
			}
		}
		return nil
	}
	var of struct{ Tenant, Name string }
	if err := db.NewRaw("SELECT tenant, name FROM nodes WHERE id = ?", node).Scan(ctx, &of); err != nil {
		return err
	}
	slices.SortFunc(rows, func(a, b objectRow) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	for part := range slices.Chunk(rows, rowsAtOnce) {
		for i := range part {
			part[i].Tenant, part[i].NodeName = of.Tenant, of.Name
		}
		_, err := db.NewInsert().Model(&part).On("CONFLICT (node, kind, id) DO UPDATE").Set(objectAnew).Where(objectDiffers).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

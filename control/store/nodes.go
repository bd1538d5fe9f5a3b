package store

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type nodeRow struct {
	bun.BaseModel   `bun:"table:nodes,alias:t"`
	ID              string `bun:"id,pk"`
	Tenant          string `bun:"tenant"`
	Name            string `bun:"name"`
	Machine         string `bun:"machine"`
	Pool            string `bun:"pool"`
	Labels          string `bun:"labels"`
	Sensitivity     string `bun:"sensitivity"`
	Cordoned        int64  `bun:"cordoned"`
	Drained         int64  `bun:"drained"`
	KeyHash         []byte `bun:"key_hash"`
	Serial          string `bun:"serial"`
	Previous        string `bun:"previous"`
	CertificateEnds int64  `bun:"certificate_ends"`
	Joined          int64  `bun:"joined"`
	Revoked         int64  `bun:"revoked"`
	RevokedReason   string `bun:"revoked_reason"`
	Health          string `bun:"health"`
	HealthSince     int64  `bun:"health_since"`
	HealthReason    string `bun:"health_reason"`
	Flapping        int64  `bun:"flapping"`
	LastSeen        int64  `bun:"last_seen"`
	AgentVersion    string `bun:"agent_version"`
	Addresses       string `bun:"addresses"`
	Run             string `bun:"run"`
	Policies        int64  `bun:"policies"`
	Settings        int64  `bun:"settings"`
	Assignment      int64  `bun:"assignment"`
	Spooled         int64  `bun:"spooled"`
	Dropped         int64  `bun:"dropped"`
	FactsDigest     string `bun:"facts_digest"`
	FactsTaken      int64  `bun:"facts_taken"`
	FactsReceived   int64  `bun:"facts_received"`
	Assessed        string `bun:"assessed"`
	AssessedAt      int64  `bun:"assessed_at"`
	LogKey          string `bun:"log_key"`
	Version         int64  `bun:"version"`
}

// nodeKeyRow is the key of a node that is or was. It stays for good.
type nodeKeyRow struct {
	bun.BaseModel `bun:"table:node_keys,alias:t"`
	Hash          []byte `bun:"hash,pk"`
	Node          string `bun:"node"`
	Created       int64  `bun:"created"`
}

func nodeRowOf(m *model.Member) *nodeRow {
	return &nodeRow{
		ID: m.ID, Tenant: m.Tenant, Name: m.Name, Machine: m.Machine, Pool: m.Pool, Labels: labels(m.Labels),
		Sensitivity: m.Sensitivity, Cordoned: truth(m.Cordoned), Drained: truth(m.Drained), KeyHash: blob(m.KeyHash), Serial: m.Serial,
		Previous: m.Previous, CertificateEnds: us(m.CertificateEnds), Joined: us(m.Joined), Revoked: us(m.Revoked),
		RevokedReason: m.RevokedReason, Health: string(m.Health), HealthSince: us(m.HealthSince), HealthReason: m.HealthReason,
		Flapping: truth(m.Flapping), LastSeen: us(m.LastSeen), AgentVersion: m.AgentVersion, Addresses: list(m.Addresses), Run: m.Run,
		Policies: m.Policies, Settings: m.Settings, Assignment: m.Assignment, Spooled: m.Spooled, Dropped: m.Dropped,
		FactsDigest: m.FactsDigest, FactsTaken: us(m.FactsTaken), FactsReceived: us(m.FactsReceived), Assessed: m.Assessed,
		AssessedAt: us(m.AssessedAt), LogKey: m.LogKey, Version: m.Version,
	}
}

func (r *nodeRow) model() (*model.Member, error) {
	labels, err := labelsOf(r.Labels)
	if err != nil {
		return nil, err
	}
	addresses, err := stringsOf(r.Addresses)
	return &model.Member{
		ID: r.ID, Tenant: r.Tenant, Name: r.Name, Machine: r.Machine, Pool: r.Pool, Labels: labels, Sensitivity: r.Sensitivity,
		Cordoned: r.Cordoned != 0, Drained: r.Drained != 0, KeyHash: r.KeyHash, Serial: r.Serial, Previous: r.Previous,
		CertificateEnds: at(r.CertificateEnds), Joined: at(r.Joined), Revoked: at(r.Revoked), RevokedReason: r.RevokedReason,
		Health: model.Health(r.Health), HealthSince: at(r.HealthSince), HealthReason: r.HealthReason, Flapping: r.Flapping != 0,
		LastSeen: at(r.LastSeen), AgentVersion: r.AgentVersion, Addresses: addresses, Run: r.Run, Policies: r.Policies,
		Settings: r.Settings, Assignment: r.Assignment, Spooled: r.Spooled, Dropped: r.Dropped, FactsDigest: r.FactsDigest,
		FactsTaken: at(r.FactsTaken), FactsReceived: at(r.FactsReceived), Assessed: r.Assessed, AssessedAt: at(r.AssessedAt),
		LogKey: r.LogKey, Version: r.Version,
	}, err
}

func nodes() listing {
	return listing{
		name: "nodes", tenant: "tenant",
		fields: map[string]field{
			"id": {"id", isText}, "name": {"name", isText}, "pool": {"pool", isText}, "sensitivity": {"sensitivity", isText},
			"health": {"health", isText}, "cordoned": {"cordoned", isSet},
		},
		keys: []field{{"name", isText}, {"id", isText}},
	}
}

// CreateNode adds a node, and remembers its key for good. The error's field says what is taken: "csr" for the key, "machine" for
// the id, or "name".
func (s *Store) CreateNode(ctx context.Context, m *model.Member) error {
	m.Version = 1
	return s.InTx(ctx, func(ctx context.Context) error {
		err := s.InTx(ctx, func(ctx context.Context) error { // a part of its own: what is taken can be looked up afterwards
			err := s.insert(ctx, "key of a node", &nodeKeyRow{Hash: blob(m.KeyHash), Node: m.ID, Created: us(m.Joined)})
			if err != nil {
				return err
			}
			return s.insert(ctx, "node", nodeRowOf(m), changed(created, "Node", m.ID, m.Tenant))
		})
		if model.CodeOf(err) == model.CodeExists {
			return s.whatIsTaken(ctx, m, err)
		}
		return err
	})
}

// whatIsTaken says why a node can't be added, in words for who makes it join.
func (s *Store) whatIsTaken(ctx context.Context, m *model.Member, err error) error {
	db := s.conn(ctx)
	for _, look := range []struct {
		in             *bun.SelectQuery
		field, message string
		remedy         string
	}{
		{
			db.NewSelect().Model((*nodeKeyRow)(nil)).Where("hash = ?", blob(m.KeyHash)),
			"csr", "this key is or was a node's", "Let the agent make a new key.",
		},
		{
			db.NewSelect().Model((*nodeRow)(nil)).Where("id = ?", m.ID),
			"machine", "there is a node of this machine already", "Give the node another id, or delete the node that has it.",
		},
		{
			db.NewSelect().Model((*nodeRow)(nil)).Where("tenant = ? AND name = ?", m.Tenant, m.Name),
			"name", "there is a node with this name already", "Take another name, or a join token that replaces the node.",
		},
	} {
		there, failed := look.in.Exists(ctx)
		if failed != nil {
			return s.fail("look for nodes", failed)
		}
		if there {
			return &model.Error{Code: model.CodeExists, Field: look.field, Message: look.message, Remedy: look.remedy, Err: err}
		}
	}
	return err
}

// Node finds a node.
func (s *Store) Node(ctx context.Context, id string) (*model.Member, error) {
	stmt := s.statement(ctx, nodeByID)
	if stmt == nil { // on PostgreSQL a newer version may have given the table columns that are not known here
		return s.node(ctx, id, "id = ?", id)
	}
	rows, err := stmt.QueryContext(ctx, id)
	if err != nil {
		return nil, s.fail("read a node", err)
	}
	var found []nodeRow
	if err := errors.Join(s.read.ScanRows(ctx, rows, &found), rows.Err(), rows.Close()); err != nil {
		return nil, s.fail("read a node", err)
	}
	if len(found) == 0 {
		return nil, notFound("node", id)
	}
	return found[0].model()
}

// NodeByName finds a node by its name in a tenant.
func (s *Store) NodeByName(ctx context.Context, tenant, name string) (*model.Member, error) {
	return s.node(ctx, name, "tenant = ? AND name = ?", tenant, name)
}

func (s *Store) node(ctx context.Context, id, where string, args ...any) (*model.Member, error) {
	return find(ctx, s, "node", id, (*nodeRow).model, where, args...)
}

// Nodes lists nodes by name.
func (s *Store) Nodes(ctx context.Context, q model.Query) ([]model.Member, string, error) {
	return listed(ctx, s, nodes(), q, func(r *nodeRow) []any { return []any{r.Name, r.ID} }, (*nodeRow).model)
}

// UpdateNode changes what people decide of a node: pool, labels, sensitivity, cordon and drain.
func (s *Store) UpdateNode(ctx context.Context, m *model.Member) error {
	now, err := s.Node(ctx, m.ID) // its tenant never changes
	if err != nil {
		return err
	}
	return s.update(ctx, "node", m.ID, &m.Version, func(version int64) any {
		r := nodeRowOf(m)
		r.Version = version
		return r
	}, []string{"pool", "labels", "sensitivity", "cordoned", "drained"}, changed(updated, "Node", m.ID, now.Tenant))
}

// RevokeNode ends a node's identity. One that was revoked before stays as it was, which is no error.
func (s *Store) RevokeNode(ctx context.Context, id, reason string, when time.Time) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		m, err := s.Node(ctx, id)
		if err != nil {
			return err
		}
		t := s.transaction(ctx)
		r, err := t.NewRaw(`UPDATE nodes SET revoked = ?0, revoked_reason = ?1, health = ?2, health_since = ?0, health_reason = '',
			flapping = 0, version = version + 1 WHERE id = ?3 AND revoked = 0`, mark(when), reason, string(model.HealthRevoked), id).Exec(ctx)
		if err != nil {
			return s.fail("revoke a node", err)
		}
		if n, err := r.RowsAffected(); err == nil && n > 0 {
			t.changes = append(t.changes, changed(updated, "Node", id, m.Tenant))
		}
		return nil
	})
}

// ReplaceNode puts a node in the place of another one of its tenant: the old one is revoked and named after its id, and m gets its
// name.
func (s *Store) ReplaceNode(ctx context.Context, old string, m *model.Member) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		was, err := s.node(ctx, old, "id = ? AND tenant = ?", old, m.Tenant)
		if err != nil {
			return err
		}
		replaced := &model.Error{Code: model.CodeConflict, Message: "the node was replaced already", Remedy: "Ask for a new join token."}
		if strings.HasSuffix(was.Name, endOfReplaced(old)) {
			return replaced
		}
		if err := s.RevokeNode(ctx, old, "replaced by "+m.ID, m.Joined); err != nil {
			return err
		}
		err = s.change(ctx, "node", func(db bun.IDB) error {
			r, err := db.NewRaw("UPDATE nodes SET name = ?, version = version + 1 WHERE id = ? AND name = ?",
				replacedName(was), old, was.Name).Exec(ctx)
			return touched(r, err, replaced)
		}, changed(updated, "Node", old, was.Tenant))
		if err != nil {
			return err
		}
		m.Name = was.Name
		return s.CreateNode(ctx, m)
	})
}

const longestName = 253 // of a node, in bytes

// replacedName ends with the id, so that several of one name can have been replaced.
func replacedName(m *model.Member) string {
	end := endOfReplaced(m.ID)
	return m.Name[:min(len(m.Name), longestName-len(end))] + end
}

// endOfReplaced is at the end of no name that a node joined with.
func endOfReplaced(id string) string { return "~" + id[:min(8, len(id))] }

// DeleteNode removes a node that is revoked, with its facts, findings and exceptions. Its key stays taken.
func (s *Store) DeleteNode(ctx context.Context, id string) error {
	return s.InTx(ctx, func(ctx context.Context) error {
		m, err := s.Node(ctx, id)
		if err != nil {
			return err
		}
		return s.change(ctx, "node", func(db bun.IDB) error {
			// A node of this id that joins later is another one: what was lived with before is not lived with there.
			if _, err := s.deleteExceptions(ctx, "node = ?", id); err != nil {
				return err
			}
			r, err := db.NewRaw("DELETE FROM nodes WHERE id = ? AND revoked > 0", id).Exec(ctx)
			return touched(r, err, &model.Error{
				Code: model.CodeConflict, Message: "the node is not revoked", Remedy: "Revoke it first.",
			})
		}, changed(deleted, "Node", id, m.Tenant))
	})
}

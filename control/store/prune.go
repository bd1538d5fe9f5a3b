package store

import (
	"context"
	"time"

	"github.com/riverqueue/river"
	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	pruneAtOnce  = 1000 // rows of a transaction, so that others wait shortly
	pruneMost    = 1000 // transactions of a run
	throttleKept = 7 * 24 * time.Hour
)

// pruning says which rows of a table are over. Its statements are constants.
type pruning struct {
	name  string
	table string
	keys  string // of the table
	over  string // condition; ? is the time
	as    string // type of object, where a change is written
	keep  time.Duration
}

func prunings(r model.Retention) []pruning {
	return []pruning{
		{name: "audit_index", table: "records", keys: "origin, place", over: "time < ?", keep: r.AuditIndex},
		// The newest of each keeper stays: it is what a log is measured against.
		{name: "checkpoints", table: "checkpoints", keys: "origin, keeper, size, root", keep: r.AuditIndex, over: `time < ? AND EXISTS (
			SELECT 1 FROM checkpoints AS o WHERE o.origin = t.origin AND o.keeper = t.keeper AND o.time > t.time)`},
		// The newest of each node stays: it is where the node stands.
		{name: "assessments", table: "assessments", keys: "id", as: "Assessment", keep: r.Assessments, over: `published < ? AND EXISTS (
			SELECT 1 FROM assessments AS o WHERE o.tenant = t.tenant AND o.node = t.node AND (o.published, o.id) > (t.published, t.id))`},
		{name: "sessions", table: "sessions", keys: "id", as: "Session", keep: r.Sessions, over: "(expires < ?0 OR idle < ?0)"},
		{name: "tokens", table: "tokens", keys: "id", as: "Token", keep: r.Tokens, over: "(expires < ?0 OR (revoked > 0 AND revoked < ?0))"},
		{name: "join_tokens", table: "join_tokens", keys: "id", as: "JoinToken", keep: r.Tokens, over: `(expires < ?0
			OR (used > 0 AND used < ?0) OR (revoked > 0 AND revoked < ?0))`},
		{name: "events", table: "events", keys: "id", keep: r.Events, over: "time < ?"},
		{name: "findings", table: "findings", keys: "node, id", keep: r.Findings, over: "ended > 0 AND ended < ?"},
		{name: "objects", table: "objects", keys: "node, kind, id", keep: r.Objects, over: "gone > 0 AND gone < ?"},
		// However often a node's containers come and go, so many of those that went are kept.
		{name: "former_objects", table: "objects", keys: "node, kind, id", keep: r.Objects, over: `? > 0 AND (node, kind, id) IN (
			SELECT o.node, o.kind, o.id FROM (SELECT node, kind, id, row_number() OVER (PARTITION BY node, kind ORDER BY gone DESC) AS n
			FROM objects WHERE gone > 0) AS o WHERE o.n > 500)`},
		{name: "rollouts", table: "rollouts", keys: "id", as: "Rollout", keep: r.Rollouts, over: "ended > 0 AND ended < ?"},
		{name: "policy_proposals", table: "policy_proposals", keys: "id", as: "PolicyProposal", keep: r.Proposals, over: "ended > 0 AND ended < ?"},
		// An exception is at most a year long, so what nobody decided for long can't be approved any more. Who approved one that is there stays.
		{name: "exception_requests", table: "exception_requests", keys: "id", as: "ExceptionRequest", keep: r.Findings, over: `created < ?0
			AND (decided > 0 AND decided < ?0 OR decided = 0) AND NOT EXISTS (SELECT 1 FROM exceptions AS x WHERE x.id = t.exception)`},
		// The newest of each drill and machine stays.
		{name: "drill_results", table: "drill_results", keys: "id", as: "Drill", keep: r.Assessments, over: `ran < ? AND EXISTS (
			SELECT 1 FROM drill_results AS o WHERE o.tenant = t.tenant AND o.drill = t.drill AND o.node = t.node AND (o.ran, o.id) > (t.ran, t.id))`},
		{name: "reports", table: "reports", keys: "id", as: "Report", keep: r.Reports, over: "created < ?"},
		// The newest of each scope stays, and those that a roll-out is between.
		{name: "bundles", table: "bundles", keys: "kind, scope, version", keep: r.Assessments, over: `created < ?0 AND EXISTS (
			SELECT 1 FROM bundles AS o WHERE o.kind = t.kind AND o.scope = t.scope AND o.version > t.version) AND NOT EXISTS (
			SELECT 1 FROM rollouts AS r WHERE t.kind = 'settings' AND r.pool = t.scope AND t.version IN (r.from_version, r.to_version)
			AND r.state IN ('running', 'waiting', 'halted'))`},
		{name: "tickets", table: "tickets", keys: "kind, id", over: "expires < ?"},
		{name: "throttles", table: "throttles", keys: "id", over: "last < ?", keep: throttleKept},
		{name: "answers", table: "answers", keys: "id", over: "created < ?", keep: r.Answers},
		{name: "changes", table: "changes", keys: "seq", over: "time < ?", keep: r.Changes},
	}
}

// Prune removes what is over for longer than its retention, and says how much of what. Requests whose time has passed
// are marked as expired. A retention of 0 keeps that kind for ever, except tickets, which end by themselves.
func (s *Store) Prune(ctx context.Context, r model.Retention, now time.Time) (map[string]int64, error) {
	done := map[string]int64{}
	n, err := s.expireAccess(ctx, now)
	if err != nil {
		return done, err
	}
	done["expired_access"] = n
	for _, p := range prunings(r) {
		if p.keep <= 0 && p.name != "tickets" {
			continue
		}
		n, err := s.prune(ctx, p, us(now.Add(-p.keep)))
		done[p.name] = n
		if err != nil {
			return done, err
		}
	}
	if r.Jobs > 0 {
		n, err := s.pruneJobs(ctx, now.Add(-r.Jobs))
		done["jobs"] = n
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (s *Store) prune(ctx context.Context, p pruning, before int64) (int64, error) {
	var all int64
	for range pruneMost {
		n, err := s.pruneSome(ctx, p, before)
		all += n
		if err != nil || n < pruneAtOnce {
			return all, err
		}
	}
	return all, nil
}

func (s *Store) pruneSome(ctx context.Context, p pruning, before int64) (int64, error) {
	var n int64
	err := s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		query := "DELETE FROM " + p.table + " WHERE (" + p.keys + ") IN (SELECT " + p.keys + " FROM " + p.table + " AS t WHERE " + p.over + " LIMIT 1000)"
		if p.as == "" {
			r, err := t.NewRaw(query, before).Exec(ctx)
			if err != nil {
				return s.fail("remove old "+p.name, err)
			}
			n, err = r.RowsAffected()
			return s.fail("remove old "+p.name, err)
		}
		var gone []struct{ ID, Tenant string }
		if err := t.NewRaw(query+" RETURNING id, tenant", before).Scan(ctx, &gone); err != nil {
			return s.fail("remove old "+p.name, err)
		}
		for _, g := range gone {
			t.changes = append(t.changes, changed(deleted, p.as, g.ID, g.Tenant))
		}
		n = int64(len(gone))
		return nil
	})
	return n, err
}

func (s *Store) expireAccess(ctx context.Context, now time.Time) (int64, error) {
	var over []struct{ ID, Tenant string }
	err := s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		err := t.NewRaw("UPDATE access_requests SET state = ? WHERE state IN (?) AND expires > 0 AND expires <= ? RETURNING id, tenant",
			string(model.AccessExpired), bun.List([]string{string(model.AccessPending), string(model.AccessApproved)}), us(now)).Scan(ctx, &over)
		if err != nil {
			return s.fail("expire requests for access", err)
		}
		for _, o := range over {
			t.changes = append(t.changes, changed(updated, "AccessRequest", o.ID, o.Tenant))
		}
		return nil
	})
	return int64(len(over)), err
}

// pruneJobs removes jobs that ended before a time.
func (s *Store) pruneJobs(ctx context.Context, before time.Time) (int64, error) {
	var all int64
	for range pruneMost {
		p := river.NewJobListParams().States(finished()...).OrderBy(river.JobListOrderByFinalizedAt, river.SortOrderAsc).First(pruneAtOnce)
		found, err := s.jobs.now().list(ctx, nil, p)
		if err != nil {
			return all, s.fail("list old jobs", err)
		}
		var ids []int64
		for _, j := range found.Jobs {
			if j.FinalizedAt != nil && j.FinalizedAt.Before(before) {
				ids = append(ids, j.ID)
			}
		}
		if len(ids) == 0 {
			return all, nil
		}
		n, err := s.jobs.now().remove(ctx, ids)
		all += n
		if err != nil || n == 0 {
			return all, s.fail("remove old jobs", err)
		}
	}
	return all, nil
}

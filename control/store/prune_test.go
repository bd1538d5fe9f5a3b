package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestPrune(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		u := account(t, s, "a", "alice")
		later := now.Add(1000 * time.Hour)
		ok(t, s.IndexRecords(ctx, []model.LogRecord{record("one", 0, "a"), record("one", 1, "a")}))
		for i := range 3 {
			ok(t, s.CreateAssessment(ctx, &model.Published{ID: fmt.Sprint(i), Tenant: "a", Node: "n", Published: now.Add(time.Duration(i))}))
			ok(t, s.KeepCheckpoint(ctx, &model.Checkpoint{Origin: "one", Keeper: "k", Size: uint64(i), Time: now.Add(time.Duration(i) * time.Second)}))
		}
		ok(t, s.CreateSession(ctx, session(u, "old")))
		fresh := session(u, "fresh")
		fresh.Idle, fresh.Expires = later, later
		ok(t, s.CreateSession(ctx, fresh))
		ok(t, s.CreateToken(ctx, token(u, "old")))
		revoked := token(u, "revoked")
		revoked.Expires, revoked.Revoked = later, now
		ok(t, s.CreateToken(ctx, revoked))
		kept := token(u, "kept")
		kept.Expires = later
		ok(t, s.CreateToken(ctx, kept))
		ok(t, s.CreateTicket(ctx, &model.Ticket{ID: "t", Kind: model.TicketOIDC, Expires: now}))
		_, err := s.AddFailure(ctx, "k", now)
		ok(t, err)
		ok(t, s.KeepAnswer(ctx, &model.Answer{Key: "k", Created: now}))
		for _, state := range []model.AccessState{model.AccessPending, model.AccessApproved, model.AccessDenied} {
			ok(t, s.CreateAccess(ctx, &model.Access{ID: string(state), Tenant: "a", User: u.ID, State: state, Expires: now}))
		}
		ok(t, s.CreateProposal(ctx, &model.Proposal{ID: "over", Tenant: "a", State: model.ProposalRejected, Created: now, Ended: now}))
		ok(t, s.CreateProposal(ctx, &model.Proposal{ID: "pending", Tenant: "a", State: model.ProposalPending, Created: now}))
		fleetToPrune(t, s, later)
		proofsToPrune(t, s)
		h := 24 * time.Hour
		r := model.Retention{
			AuditIndex: h, Assessments: h, Sessions: h, Tokens: h, Changes: 365 * 10 * h, Jobs: h, Answers: h, Events: h, Findings: h, Rollouts: h,
			Proposals: h, Reports: h,
		}
		got, err := s.Prune(ctx, r, now.Add(999*time.Hour))
		ok(t, err)
		want := map[string]int64{
			"expired_access": 2, "audit_index": 2, "checkpoints": 2, "assessments": 2, "sessions": 1, "tokens": 2, "tickets": 1,
			"throttles": 1, "answers": 1, "changes": 0, "jobs": 0, "join_tokens": 3, "events": 1, "findings": 1, "rollouts": 1, "bundles": 2, "policy_proposals": 1,
			"exception_requests": 1, "drill_results": 1, "reports": 1,
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
		if _, err := s.Token(ctx, kept.ID); err != nil {
			t.Fatal(err)
		}
		fleetThatStays(t, s)
		proofsThatStay(t, s)
		// The place of the index stays, so that nothing is indexed again.
		up, err := s.IndexedUpTo(ctx, "one")
		ok(t, err)
		if up != 2 {
			t.Fatal(up)
		}
		last, err := s.LastChange(ctx)
		ok(t, err)
		got, err = s.Prune(ctx, model.Retention{Changes: h}, time.Now().Add(2*h))
		ok(t, err)
		oldest, err := s.OldestChange(ctx)
		ok(t, err)
		after, err := s.LastChange(ctx)
		ok(t, err)
		if got["changes"] != last || oldest != last+1 || after != last {
			t.Fatal(got, last, oldest, after)
		}
	})
}

// fleetToPrune has one of each that is over, and those that stay.
func fleetToPrune(t *testing.T, s *Store, later time.Time) {
	ctx := t.Context()
	node(t, s, "a", "n1")
	for name, change := range map[string]func(*model.JoinToken){
		"kept":    func(*model.JoinToken) {},
		"over":    func(x *model.JoinToken) { x.Expires = now },
		"used":    func(x *model.JoinToken) { x.Used = now },
		"revoked": func(x *model.JoinToken) { x.Revoked = now },
	} {
		x := joinToken("a", name)
		x.Expires = later
		change(x)
		ok(t, s.CreateJoinToken(ctx, x))
	}
	kept := event("a", "n1", "kept")
	kept.Time = later
	ok(t, s.AddEvents(ctx, []model.Event{event("a", "n1", "old"), kept}))
	old := finding("a", "n1", "old")
	old.Over = now
	ok(t, s.PutFindings(ctx, []model.Finding{old, finding("a", "n1", "kept")})) // what is not over stays, however old
	for i := range 5 {
		ok(t, s.PutBundle(ctx, bundle(model.BundleSettings, "a/edge", fmt.Sprint(i)), signed)) // 1 to 5
	}
	ok(t, s.PutBundle(ctx, bundle(model.BundleSettings, "a/other", "0"), signed)) // 6, and the newest of its scope
	running := rollout("a", "kept")
	running.From, running.To = 2, 3
	ok(t, s.CreateRollout(ctx, running))
	done := rollout("a", "old")
	done.From, done.To, done.State, done.Ended = 1, 2, model.RolloutDone, now
	ok(t, s.CreateRollout(ctx, done))
}

func fleetThatStays(t *testing.T, s *Store) {
	var versions []int64
	ok(t, s.read.NewRaw("SELECT version FROM bundles ORDER BY version").Scan(t.Context(), &versions))
	if d := cmp.Diff([]int64{2, 3, 5, 6}, versions); d != "" {
		t.Fatal(d)
	}
	for _, table := range []string{"join_tokens", "events", "findings", "rollouts"} {
		var left []string
		ok(t, s.read.NewRaw("SELECT id FROM "+table).Scan(t.Context(), &left))
		if d := cmp.Diff([]string{"kept"}, left); d != "" {
			t.Errorf("%s: %s", table, d)
		}
	}
}

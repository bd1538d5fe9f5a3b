package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func ref(node, id string) model.FindingRef {
	return model.FindingRef{Node: node, ID: id, Version: model.AnyVersion}
}

func TestTriage(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		node(t, s, "a", "n1")
		node(t, s, "b", "n2")
		f, g := finding("a", "n1", "f"), finding("a", "n1", "g")
		ok(t, s.PutFindings(ctx, []model.Finding{f, g, finding("b", "n2", "f")}))
		alice := &model.FindingOwner{User: "u1", Name: "alice"}
		tri := &model.Triage{Tenant: "a", Time: now, Author: "u1", AuthorName: "alice", State: model.FindingInProgress, Owner: alice, Comment: "mine"}
		got, err := s.TriageFindings(ctx, []model.FindingRef{ref("n1", "g"), {Node: "n1", ID: "f"}}, tri)
		ok(t, err)
		for _, x := range []*model.Finding{&f, &g} {
			x.State, x.Owner, x.Triaged, x.Comment, x.Comments, x.Version = model.FindingInProgress, *alice, now, "mine", 1, 1
		}
		same(t, []model.Finding{g, f}, got)
		one, err := s.Finding(ctx, "n1", "f")
		ok(t, err)
		same(t, &f, one)

		// All or none: of another tenant, of none, and of what somebody else triaged meanwhile.
		for _, c := range []struct {
			refs []model.FindingRef
			want model.Code
		}{
			{[]model.FindingRef{ref("n1", "f"), ref("n2", "f")}, model.CodeNotFound},
			{[]model.FindingRef{ref("n1", "f"), ref("n1", "none")}, model.CodeNotFound},
			{[]model.FindingRef{ref("n1", "f"), {Node: "n1", ID: "g", Version: 0}}, model.CodeConflict},
		} {
			_, err := s.TriageFindings(ctx, c.refs, &model.Triage{Tenant: "a", Time: now, State: model.FindingAcknowledged})
			code(t, err, c.want)
		}
		one, err = s.Finding(ctx, "n1", "f")
		ok(t, err)
		same(t, &f, one)
		_, err = s.Finding(ctx, "n2", "g")
		code(t, err, model.CodeNotFound)

		// What is as it was is not noted; nobody as its owner is.
		_, err = s.TriageFindings(ctx, []model.FindingRef{ref("n1", "f")}, &model.Triage{Tenant: "a", Time: now, State: model.FindingInProgress, Owner: alice})
		ok(t, err)
		_, err = s.TriageFindings(ctx, []model.FindingRef{ref("n1", "f")}, &model.Triage{Tenant: "a", Time: now.Add(time.Second), Author: "u2", Owner: &model.FindingOwner{}})
		ok(t, err)
		notes, _, err := s.FindingNotes(ctx, "n1", "f", model.Query{})
		ok(t, err)
		for i := range notes {
			notes[i].ID = ""
		}
		same(t, []model.FindingNote{
			{Tenant: "a", Node: "n1", Finding: "f", Time: now.Add(time.Second), Author: "u2", WasState: model.FindingInProgress, State: model.FindingInProgress, WasOwner: "alice"},
			{Tenant: "a", Node: "n1", Finding: "f", Time: now, Author: "u1", AuthorName: "alice", WasState: model.FindingOpen, State: model.FindingInProgress, Owner: "alice", Comment: "mine"},
		}, notes)
		same(t, []string{"updated n1/g@a", "updated n1/f@a", "updated n1/f@a"}, operations(t, s, "Finding"))
	})
}

func TestTriageOutlivesReports(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		f := finding("a", "n1", "f")
		ok(t, s.PutFindings(ctx, []model.Finding{f}))
		_, err := s.TriageFindings(ctx, []model.FindingRef{ref("n1", "f")}, &model.Triage{
			Tenant: "a", Time: now, Author: "u1", State: model.FindingFalsePositive, Owner: &model.FindingOwner{Name: "the vendor"}, Comment: "no",
		})
		ok(t, err)
		is := func(state model.FindingState, version int64) {
			t.Helper()
			got, err := s.Finding(ctx, "n1", "f")
			ok(t, err)
			if got.State != state || got.Version != version || got.Owner.Name != "the vendor" || got.Comment != "no" || got.Comments != 1 {
				t.Fatalf("%+v", got)
			}
		}
		put := func(last time.Duration, over bool) {
			t.Helper()
			n := f
			n.Last = now.Add(last)
			if over {
				n.Over = n.Last
			}
			ok(t, s.PutFindings(ctx, []model.Finding{n}))
		}
		put(time.Minute, false)
		is(model.FindingFalsePositive, 1)
		put(2*time.Minute, true)
		put(2*time.Minute, true)
		put(time.Second, false) // it comes late
		is(model.FindingFalsePositive, 1)
		put(3*time.Minute, false)
		is(model.FindingOpen, 2)
		put(4*time.Minute, false)
		put(5*time.Minute, true)
		put(6*time.Minute, false) // it was open
		is(model.FindingOpen, 2)
		notes, _, err := s.FindingNotes(ctx, "n1", "f", model.Query{})
		ok(t, err)
		if len(notes) != 2 || notes[0].Author != "" || notes[0].WasState != model.FindingFalsePositive || notes[0].State != model.FindingOpen {
			t.Fatalf("%+v", notes)
		}
	})
}

func TestTriageIsFiltered(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		for i := range 4 {
			ok(t, s.PutFindings(ctx, []model.Finding{finding("a", "n1", fmt.Sprint("f", i))}))
		}
		set := func(id string, state model.FindingState, owner model.FindingOwner) {
			_, err := s.TriageFindings(ctx, []model.FindingRef{ref("n1", id)}, &model.Triage{Tenant: "a", Time: now, State: state, Owner: &owner})
			ok(t, err)
		}
		set("f1", model.FindingAcknowledged, model.FindingOwner{User: "u1", Name: "alice"})
		set("f2", "", model.FindingOwner{Name: "alice"})
		for _, c := range []struct {
			field, op, value string
			want             []string
		}{
			{"state", "=", "open", []string{"f3", "f2", "f0"}},
			{"state", "!=", "open", []string{"f1"}},
			{"owner", "=", "u1", []string{"f1"}},
			{"owner_name", "=", "alice", []string{"f2", "f1"}},
			{"owner_name", "=", "", []string{"f3", "f0"}},
		} {
			got, _, err := s.Findings(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: c.field, Op: c.op, Value: c.value}}})
			ok(t, err)
			same(t, c.want, ids(got, func(f model.Finding) string { return f.ID }))
		}
	})
}

func TestNotesAreBoundedAndGoWithTheFinding(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		f := finding("a", "n1", "f")
		ok(t, s.PutFindings(ctx, []model.Finding{f}))
		for i := range notesKept + 5 {
			_, err := s.TriageFindings(ctx, []model.FindingRef{ref("n1", "f")}, &model.Triage{Tenant: "a", Time: now.Add(time.Duration(i) * time.Second), Comment: fmt.Sprint(i)})
			ok(t, err)
		}
		notes, next, err := s.FindingNotes(ctx, "n1", "f", model.Query{Size: 1000})
		ok(t, err)
		if len(notes) != notesKept || next != "" || notes[0].Comment != fmt.Sprint(notesKept+4) || notes[notesKept-1].Comment != "5" {
			t.Fatal(len(notes), next, notes[0])
		}
		some, next, err := s.FindingNotes(ctx, "n1", "f", model.Query{Size: 3})
		ok(t, err)
		more, _, err := s.FindingNotes(ctx, "n1", "f", model.Query{Size: 3, Token: next})
		ok(t, err)
		same(t, notes[:6], append(some, more...))
		f.Over, f.Last = now, now.Add(time.Second)
		ok(t, s.PutFindings(ctx, []model.Finding{f}))
		_, err = s.Prune(ctx, model.Retention{Findings: time.Hour}, now.Add(2*time.Hour))
		ok(t, err)
		var left int
		ok(t, s.read.NewRaw("SELECT count(*) FROM finding_notes").Scan(ctx, &left))
		if left != 0 {
			t.Fatal(left)
		}
	})
}

// What nodes found themselves is told of to watchers, once for each node; what the server found comes with an assessment.
func TestWatchersHearOfWhatNodesFound(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		node(t, s, "a", "n2")
		list := []model.Finding{finding("a", "n1", "f"), finding("a", "n2", "f"), finding("a", "n2", "g")}
		ok(t, s.PutFindings(t.Context(), list))
		if got := operations(t, s, "Finding"); len(got) != 0 {
			t.Fatal(got)
		}
		for i := range list {
			list[i].Source = model.SourceNode
		}
		ok(t, s.PutFindings(t.Context(), list))
		same(t, []string{"updated n1@a", "updated n2@a"}, operations(t, s, "Finding"))
	})
}

// Two who triage the same at once: one of them is told.
func TestTriageAtOnce(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		ok(t, s.PutFindings(ctx, []model.Finding{finding("a", "n1", "f"), finding("a", "n1", "g")}))
		refs := []model.FindingRef{{Node: "n1", ID: "f"}, {Node: "n1", ID: "g"}}
		won := race(6, func() error {
			_, err := s.TriageFindings(ctx, refs, &model.Triage{Tenant: "a", Time: now, Comment: "me"})
			if err != nil {
				code(t, err, model.CodeConflict)
			}
			return err
		})
		if won != 1 {
			t.Fatal(won)
		}
	})
}

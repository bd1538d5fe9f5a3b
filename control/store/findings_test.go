package store

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestFindings(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		node(t, s, "a", "n2")
		is := func(want ...model.Finding) {
			t.Helper()
			got, _, err := s.Findings(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: "node", Op: "=", Value: "n1"}}})
			ok(t, err)
			same(t, want, got)
		}
		f := finding("a", "n1", "f")
		ok(t, s.PutFindings(ctx, nil))
		ok(t, s.PutFindings(ctx, []model.Finding{f, finding("a", "n2", "f")})) // ids are the node's own
		is(f)
		ok(t, s.PutFindings(ctx, []model.Finding{f}))
		is(f)

		newer := f
		newer.First, newer.Last, newer.Over, newer.Count = now.Add(time.Minute), now.Add(time.Hour), now.Add(time.Hour), 7
		newer.Severity, newer.Text, newer.Exception = model.Low, model.Text{EN: "other", ZH: "别的"}, "q"
		ok(t, s.PutFindings(ctx, []model.Finding{newer}))
		newer.First = now
		is(newer)

		older := f
		older.First, older.Last, older.Count = now.Add(-time.Hour), now.Add(time.Minute), 1
		ok(t, s.PutFindings(ctx, []model.Finding{older})) // it comes late
		newer.First = older.First
		is(newer)

		again := newer
		again.Over, again.Count = time.Time{}, 8 // of the same moment: what comes later counts
		ok(t, s.PutFindings(ctx, []model.Finding{again}))
		is(again)

		// Several of the same at once are as if they came one by one.
		one, two, three := finding("a", "n1", "g"), finding("a", "n1", "g"), finding("a", "n1", "g")
		one.Last, one.Count = now.Add(2*time.Hour), 2
		two.First, two.Count = now.Add(-2*time.Hour), 1
		three.Last, three.Count = one.Last, 3
		ok(t, s.PutFindings(ctx, []model.Finding{one, two, three}))
		three.First = two.First
		is(three, again)

		code(t, s.PutFindings(ctx, []model.Finding{finding("a", "none", "f")}), model.CodeNotFound)
	})
}

func TestPutFindingsAtOnce(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		node(t, s, "a", "n1")
		var n counter
		won := race(8, func() error {
			i := n.next()
			var all []model.Finding
			for k := range 700 { // more than a statement has
				if i%2 == 0 {
					k = 699 - k
				}
				f := finding("a", "n1", fmt.Sprint("f", k))
				f.First, f.Last, f.Count = now.Add(-time.Duration(i)*time.Second), now.Add(time.Duration(i)*time.Second), int64(i)
				all = append(all, f)
			}
			err := s.PutFindings(ctx, all)
			if err != nil {
				t.Error(err)
			}
			return err
		})
		var wrong, all int
		ok(t, s.read.NewRaw("SELECT count(*) FROM findings").Scan(ctx, &all))
		ok(t, s.read.NewRaw("SELECT count(*) FROM findings WHERE seen <> 8 OR first_seen <> ? OR last_seen <> ?",
			us(now.Add(-8*time.Second)), us(now.Add(8*time.Second))).Scan(ctx, &wrong))
		if won != 8 || all != 700 || wrong != 0 {
			t.Fatal(won, all, wrong)
		}
	})
}

func TestFindingLists(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		node(t, s, "a", "n1")
		node(t, s, "a", "n2")
		node(t, s, "b", "n3")
		var all []model.Finding
		for i := range 6 {
			f := finding("a", "n1", fmt.Sprint("f", i))
			f.Last = now.Add(time.Duration(i/2) * time.Second)
			switch i {
			case 1:
				f.Node = "n2"
			case 2:
				f.Kind, f.Requirement = "node/clock", ""
			case 3:
				f.Severity, f.Source = model.Low, model.SourceNode
			case 4:
				f.Over = now
			case 5:
				f.Exception = "q"
			}
			all = append(all, f)
		}
		ok(t, s.PutFindings(ctx, append(all, finding("b", "n3", "f9"))))
		of := func(f model.Finding) string { return f.ID }
		for _, c := range []struct {
			field, op, value string
			want             []string
		}{
			{"node", "=", "n2", []string{"f1"}},
			{"kind", "=", "node/clock", []string{"f2"}},
			{"requirement", "=", "", []string{"f2"}},
			{"severity", "=", "low", []string{"f3"}},
			{"over", "=", "true", []string{"f4"}},
			{"excepted", "=", "true", []string{"f5"}},
			{"excepted", "!=", "true", []string{"f4", "f3", "f2", "f1", "f0"}},
			{"excepted", "=", "false", []string{"f4", "f3", "f2", "f1", "f0"}},
		} {
			got, _, err := s.Findings(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: c.field, Op: c.op, Value: c.value}}})
			ok(t, err)
			same(t, c.want, ids(got, of))
		}
		for _, bad := range []model.Condition{{Field: "excepted", Op: "<", Value: "true"}, {Field: "excepted", Op: "=", Value: "q"}} {
			_, _, err := s.Findings(ctx, model.Query{Where: []model.Condition{bad}})
			code(t, err, model.CodeInvalid)
		}
		walk(t, s.Findings, model.Query{Tenant: "a"}, of, "f5", "f4", "f3", "f2", "f1", "f0") // f0 and f1 by node
		walk(t, s.Findings, model.Query{Tenant: "a", Since: now.Add(time.Second), Until: now.Add(2 * time.Second)}, of, "f3", "f2")
		open, err := s.OpenFindings(ctx, "n1", model.SourceServer)
		ok(t, err)
		same(t, []string{"f0", "f2", "f5"}, ids(open, of))
		open, err = s.OpenFindings(ctx, "n1", model.SourceNode)
		ok(t, err)
		same(t, []string{"f3"}, ids(open, of))
	})
}

func TestEvents(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		e := event("a", "n1", "e0")
		ok(t, s.AddEvents(ctx, nil))
		ok(t, s.AddEvents(ctx, []model.Event{e}))
		got, _, err := s.Events(ctx, model.Query{})
		ok(t, err)
		same(t, []model.Event{e}, got)
		changed := e
		changed.After = "other"
		next := event("a", "n2", "e1")
		next.Kind, next.Severity, next.Requirement, next.Time = model.EventSilent, "high", "7.6.c", now.Add(time.Second)
		ok(t, s.AddEvents(ctx, []model.Event{changed, next, next, event("b", "n3", "e2")})) // the same id again changes nothing
		same(t, []string{"created e0@a", "created e1@a", "created e2@b"}, operations(t, s, "Event"))
		got, _, err = s.Events(ctx, model.Query{Tenant: "a"})
		ok(t, err)
		same(t, []model.Event{next, e}, got)
		of := func(e model.Event) string { return e.ID }
		for field, value := range map[string]string{"node": "n2", "kind": "silent", "requirement": "7.6.c", "severity": "high", "id": "e1"} {
			got, _, err := s.Events(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: field, Op: "=", Value: value}}})
			ok(t, err)
			same(t, []string{"e1"}, ids(got, of))
		}
		ok(t, s.AddEvents(ctx, []model.Event{event("a", "n1", "e3"), event("a", "n1", "e4")}))
		walk(t, s.Events, model.Query{Tenant: "a"}, of, "e1", "e4", "e3", "e0")
		walk(t, s.Events, model.Query{Tenant: "a", Until: now.Add(time.Second)}, of, "e4", "e3", "e0")
		code(t, s.AddEvents(ctx, []model.Event{event("none", "n1", "e9")}), model.CodeNotFound)
	})
}

func TestExceptions(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		tenant(t, s, "a")
		tenant(t, s, "b")
		x := exception("a", "q0")
		x.Node = "n1"
		ok(t, s.CreateException(ctx, x))
		code(t, s.CreateException(ctx, x), model.CodeExists)
		got, err := s.Exception(ctx, "q0")
		ok(t, err)
		same(t, x, got)
		_, err = s.Exception(ctx, "none")
		code(t, err, model.CodeNotFound)
		sooner := exception("a", "q1")
		sooner.Expires, sooner.Check, sooner.Owner = "2026-06-01", "8.1.a", "dev"
		ok(t, s.CreateException(ctx, sooner))
		ok(t, s.CreateException(ctx, exception("a", "q2")))
		ok(t, s.CreateException(ctx, exception("b", "q3")))
		of := func(x model.StoredException) string { return x.ID }
		for _, c := range []struct{ field, value, want string }{{"check", "8.1.a", "q1"}, {"node", "n1", "q0"}, {"owner", "dev", "q1"}} {
			got, _, err := s.Exceptions(ctx, model.Query{Tenant: "a", Where: []model.Condition{{Field: c.field, Op: "=", Value: c.value}}})
			ok(t, err)
			same(t, []string{c.want}, ids(got, of))
		}
		walk(t, s.Exceptions, model.Query{Tenant: "a"}, of, "q1", "q0", "q2")
		all, err := s.ExceptionsOf(ctx, "a")
		ok(t, err)
		same(t, []string{"q1", "q0", "q2"}, ids(all, of))
		ok(t, s.DeleteException(ctx, "q0"))
		code(t, s.DeleteException(ctx, "q0"), model.CodeNotFound)
		same(t, []string{"created q0@a", "created q1@a", "created q2@a", "created q3@b", "deleted q0@a"}, operations(t, s, "Exception"))
	})
}

package fleet

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/framework/assess"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// requirement is a result with one check, about subjects that fail.
func requirement(id string, status model.Status, failing ...string) model.RequirementResult {
	c := model.CheckResult{ID: id + "/check", Status: model.CheckPass, Severity: model.High, Evidence: []model.Evidence{{Status: model.CheckPass}}}
	for _, s := range failing {
		c.Status = model.CheckFail
		c.Evidence = append(c.Evidence, model.Evidence{Subject: s, Status: model.CheckFail, Text: s + " is wrong", TextZH: s})
	}
	return model.RequirementResult{ID: id, Keyword: model.Shall, Status: status, Title: "title of " + id, Reason: "because", Checks: []model.CheckResult{c}}
}

// bad makes containers whose name begins with "bad" fail 8.1.a.
func bad(s *model.Snapshot, _ assess.Settings) []model.RequirementResult {
	var failing []string
	for _, c := range s.Containers {
		if strings.HasPrefix(c.Name, "bad") {
			failing = append(failing, c.Name)
		}
	}
	status := model.Met
	if len(failing) > 0 {
		status = model.NotMet
	}
	return []model.RequirementResult{requirement("8.1.a", status, failing...), requirement("8.1.b", model.Met)}
}

func (w *world) assess(f *Fleet, id string) {
	w.Helper()
	same, err := f.assess(w.Context(), id)
	w.ok(err)
	if same != nil {
		w.ok(f.settle(w.Context(), []unchanged{*same}))
	}
}

func (w *world) assessments(node string) []model.Published {
	w.Helper()
	all, _, err := w.store.Assessments(w.Context(), model.Query{Where: []model.Condition{{Field: "node", Op: "=", Value: node}}})
	w.ok(err)
	return all
}

func TestAssessing(t *testing.T) {
	w := newWorld(t)
	w.verdict = bad
	w.writes(w.f)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	a.send(w.f, snapshot("n1", "web"))
	w.assess(w.f, "n1")
	w.assess(w.f, "n1") // nothing changed
	all := w.assessments("n1")
	if len(all) != 1 || all[0].Publisher != "node" || all[0].NodeName != "n1" || all[0].Tenant != "acme" || all[0].Statuses["8.1.a"] != model.Met {
		t.Fatalf("%+v", all)
	}
	p, err := w.store.Assessment(t.Context(), all[0].ID)
	w.ok(err)
	var doc model.Assessment
	w.ok(json.Unmarshal(p.Document, &doc))
	if doc.Node.ID != "n1" || doc.Node.Name != "n1" {
		t.Fatalf("the node says who it is: %+v", doc.Node)
	}
	if m := w.node("n1"); m.Assessed != m.FactsDigest || m.AssessedAt.IsZero() {
		t.Fatalf("%+v", m)
	}
	w.same(w.events("n1"))

	w.clock.forward(time.Minute)
	first := w.clock.now()
	a.send(w.f, snapshot("n1", "web", "bad1", "bad2"))
	w.assess(w.f, "n1")
	w.same(w.events("n1"), "status high met>not_met")
	if text := w.textOf(model.EventStatus); !strings.Contains(text, "8.1.a") || !strings.Contains(text, "because") {
		t.Fatal(text)
	}
	f := w.findings("n1")["8.1.a/check bad1"]
	if f.Source != model.SourceServer || f.Requirement != "8.1.a" || f.Severity != model.High || !f.First.Equal(first) || !f.Over.IsZero() || f.Text.EN != "bad1 is wrong" {
		t.Fatalf("%+v", f)
	}
	// The cache is not what makes it so: another replica sees the same.
	w.clock.forward(time.Minute)
	w.assess(w.replica("two"), "n1")
	if n := len(w.assessments("n1")); n != 2 {
		t.Fatalf("%d assessments", n)
	}
	w.same(w.events("n1"), "status high met>not_met")

	a.send(w.f, snapshot("n1", "web", "bad2"))
	w.assess(w.f, "n1")
	got := w.findings("n1")
	if got["8.1.a/check bad1"].Over.IsZero() || !got["8.1.a/check bad2"].Over.IsZero() {
		t.Fatalf("%+v", got)
	}
	w.clock.forward(time.Minute)
	a.send(w.f, snapshot("n1", "web", "bad1"))
	w.assess(w.f, "n1")
	if f := w.findings("n1")["8.1.a/check bad1"]; !f.Over.IsZero() || f.Count != 2 || !f.First.Equal(first) {
		t.Fatalf("seen again: %+v", f)
	}
	a.send(w.f, snapshot("n1", "web"))
	w.assess(w.f, "n1")
	w.same(w.events("n1"), "status high met>not_met", "status info not_met>met")
}

// What can't be told now is not over.
func TestUnknownIsNotOver(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	w.verdict = bad
	a.send(w.f, snapshot("n1", "bad1"))
	w.assess(w.f, "n1")
	w.verdict = func(*model.Snapshot, assess.Settings) []model.RequirementResult {
		r := requirement("8.1.a", model.Unknown)
		r.Checks[0].Status = model.CheckUnknown
		r.Checks[0].Evidence[0].Status = model.CheckUnknown
		return []model.RequirementResult{r}
	}
	w.clock.forward(time.Minute)
	w.assess(w.f, "n1")
	if f := w.findings("n1")["8.1.a/check bad1"]; !f.Over.IsZero() {
		t.Fatalf("%+v", f)
	}
	w.same(w.events("n1"), "status info not_met>unknown")
}

func TestExceptions(t *testing.T) {
	w := newWorld(t)
	w.verdict = func(s *model.Snapshot, set assess.Settings) []model.RequirementResult {
		all := bad(s, set)
		e := &all[0].Checks[0].Evidence
		for i := range *e {
			for k := range set.Exceptions {
				if (*e)[i].Status == model.CheckFail && set.Exceptions[k].Subject == (*e)[i].Subject {
					(*e)[i].Exception = &set.Exceptions[k]
				}
			}
		}
		return all
	}
	w.writes(w.f)
	w.join("n1")
	w.join("n2")
	w.follow(w.f, "n1", Have{})
	feed := w.feeds(w.f)
	for _, x := range []model.StoredException{
		{ID: "e1", Node: "n1", Exception: model.Exception{Subject: "bad1"}},
		{ID: "e2", Exception: model.Exception{Subject: "bad2"}},
		{ID: "e3", Tenant: "other", Exception: model.Exception{Subject: "bad3"}},
	} {
		if x.Tenant == "" {
			x.Tenant = "acme"
		}
		x.Check, x.Owner, x.Reason, x.Expires, x.Creator, x.Created = "8.1.a", "o", "r", "2099-01-01", "alice", w.clock.now()
		w.ok(w.store.CreateException(t.Context(), &x))
	}
	w.ok(feed.look(t.Context()))
	if got := w.f.work.take(9); len(got) != 1 || got[0] != "n1" {
		t.Fatalf("%v are judged again for a new exception", got)
	}
	for node, want := range map[string][]string{"n1": {"e1", "e2", ""}, "n2": {"", "e2", ""}} {
		(&agent{w: w, id: node}).send(w.f, snapshot(node, "bad1", "bad2", "bad3"))
		w.assess(w.f, node)
		for i, id := range want {
			subject := "bad" + string(rune('1'+i))
			if f := w.findings(node)["8.1.a/check "+subject]; f.Exception != id {
				t.Errorf("%s %s: exception %q, want %q", node, subject, f.Exception, id)
			}
		}
	}
}

// TestExceptionsOfWhatNodesReport: an exception covers what a node reports of itself as it covers what the server found.
func TestExceptionsOfWhatNodesReport(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	(&agent{w: w, id: "n1"}).all(w.f, snapshot("n1"))
	report := func(kind, requirement, subject string) {
		w.clock.forward(time.Minute)
		w.report(w.f, "n1", Report{Findings: []model.Finding{{
			ID: kind + subject, Kind: kind, Requirement: requirement, Subject: subject, Severity: model.High, First: w.clock.now(), Last: w.clock.now(), Count: 1,
		}}})
	}
	except := func(id, check, subject, expires string) {
		w.ok(w.store.CreateException(t.Context(), &model.StoredException{
			ID: id, Tenant: "acme", Exception: model.Exception{Check: check, Subject: subject, Owner: "o", Reason: "r", Expires: expires},
		}))
	}
	check := func(finding, exception string, events int) {
		t.Helper()
		if n, ok := w.findings("n1")[finding]; !ok || n.Exception != exception {
			t.Fatalf("%s: exception %q, want %q", finding, n.Exception, exception)
		}
		if len(w.alarms) != events || len(w.events("n1", model.EventFinding)) != events {
			t.Fatalf("%s: %d alarms and events %v, want %d", finding, len(w.alarms), w.events("n1"), events)
		}
	}
	day := func(n int) string { return w.clock.now().AddDate(0, 0, n).Format(time.DateOnly) }

	except("e1", "node/odd", "a*", day(1))
	report("node/odd", "", "a1")
	check("node/odd a1", "e1", 0)
	report("node/odd", "", "b1") // another subject
	check("node/odd b1", "", 1)
	except("e2", "8.5.b", "", day(30))
	report("escape/mount", "8.5.b", "c1") // by its requirement
	check("escape/mount c1", "e2", 1)

	// One that comes later covers what is open, and when it is taken away that is told.
	except("e3", "node/odd", "b1", day(30))
	_, err := w.f.assess(t.Context(), "n1")
	w.ok(err)
	check("node/odd b1", "e3", 1)
	report("node/odd", "", "b1")
	check("node/odd b1", "e3", 1)
	w.ok(w.store.DeleteException(t.Context(), "e3"))
	w.clock.forward(time.Minute)
	_, err = w.f.assess(t.Context(), "n1")
	w.ok(err)
	check("node/odd b1", "", 2)
	// So does its end, by the next report as well.
	w.clock.forward(48 * time.Hour)
	report("node/odd", "", "a1")
	check("node/odd a1", "", 3)
	report("node/odd", "", "a1")
	check("node/odd a1", "", 3)
}

func TestFactsThatDontFit(t *testing.T) {
	w := newWorld(t)
	w.verdict = bad
	w.writes(w.f)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	a.send(w.f, snapshot("n1", "web"))
	w.assess(w.f, "n1")
	broken := a.update(snapshot("n1", "web", "db"))
	for i := range broken.Set {
		if broken.Set[i].Key == "containers" { // its order is not sent
			delete(a.have, "containers/id-db")
		}
	}
	broken.Set = append([]model.Fact(nil), broken.Set...)
	only := broken.Set[:0]
	for _, f := range broken.Set {
		if f.Key != "containers/id-db" {
			only = append(only, f)
		}
	}
	broken.Set, broken.Digest = only, facts.Digest(a.have)
	w.report(w.f, "n1", Report{Facts: broken})
	w.assess(w.f, "n1")
	if f := w.findings("n1")["node/facts "]; !f.Over.IsZero() || f.Source != model.SourceServer {
		t.Fatalf("%+v", f)
	}
	if n := len(w.assessments("n1")); n != 1 {
		t.Fatalf("%d assessments", n)
	}
	w.clock.forward(time.Hour)
	if left, err := w.store.NodesToAssess(t.Context(), w.clock.now(), 9); err != nil || len(left) != 0 {
		t.Fatalf("it is tried again and again: %v %v", left, err)
	}
	a.all(w.f, snapshot("n1", "web", "db"))
	w.assess(w.f, "n1")
	if f := w.findings("n1")["node/facts "]; f.Over.IsZero() {
		t.Fatalf("%+v", f)
	}
}

func TestWhatChangedWhileItWasAway(t *testing.T) {
	w := newWorld(t)
	w.verdict = bad
	w.writes(w.f)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	a.send(w.f, snapshot("n1", "web", "db"))
	w.assess(w.f, "n1")
	w.passes(24*time.Second, w.f)
	w.passes(time.Minute, w.f)
	if !w.report(w.f, "n1", Report{}).Resync {
		t.Fatal("not asked for all facts")
	}
	w.clock.forward(time.Second)
	a.all(w.f, snapshot("n1", "web", "bad1"))
	w.assess(w.f, "n1")
	w.same(w.events("n1", model.EventChanged), "changed info >")
	text := w.textOf(model.EventChanged)
	for _, part := range []string{"8.1.a met → not_met", "containers gone: db", "containers new: bad1"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %q", part, text)
		}
	}
	w.clock.forward(time.Minute)
	a.send(w.f, snapshot("n1", "web", "bad1", "x"))
	w.assess(w.f, "n1")
	// Away again, and back as it was.
	w.passes(24*time.Second, w.f)
	w.report(w.f, "n1", Report{})
	a.all(w.f, snapshot("n1", "web", "bad1", "x"))
	a.send(w.f, snapshot("n1", "web", "bad1", "y"))
	w.assess(w.f, "n1")
	w.same(w.events("n1", model.EventChanged), "changed info >")
}

func TestTheSweepFindsWhatWasLeft(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	(&agent{w: w, id: "n1"}).send(w.f, snapshot("n1", "web"))
	two := w.replica("two")
	w.ok(two.sweep(t.Context()))
	if two.work.waiting() != 0 {
		t.Fatal("the first replica has its time")
	}
	w.clock.forward(31 * time.Second)
	w.ok(two.sweep(t.Context()))
	if two.work.waiting() != 1 {
		t.Fatal("not found")
	}
	w.assess(two, "n1")
	two.work = newWork(two.now, time.Second)
	w.ok(two.sweep(t.Context()))
	if two.work.waiting() != 0 {
		t.Fatal("found again")
	}
	// Time passes, too: a node whose facts stay the same is judged again.
	w.follow(two, "n1", Have{})
	w.clock.forward(two.o.Times.AssessAgain + time.Second)
	w.ok(two.sweep(t.Context()))
	if two.work.waiting() != 1 {
		t.Fatal("not judged again")
	}
}

// With the real checks, and the settings of a pool over the server's.
func TestSettingsOfThePool(t *testing.T) {
	w := newWorld(t)
	cat, err := catalogue.Load()
	w.ok(err)
	var used []assess.Settings
	w.f.o.Assess = func(s *model.Snapshot, set assess.Settings) model.Assessment {
		used = append(used, set)
		return assess.Run(cat, s, set)
	}
	w.f.o.Settings.HostPaths = []string{"/a", "/b"}
	w.writes(w.f)
	w.join("n1")
	(&agent{w: w, id: "n1"}).send(w.f, snapshot("n1", "web"))
	w.assess(w.f, "n1")
	if len(w.assessments("n1")[0].Statuses) != len(cat.Requirements) {
		t.Fatal("not all requirements")
	}
	w.pool(w.f, "default", func(p *model.Pool) {
		p.Settings.Assess = map[string]any{"restart_max": 9, "host_paths": []any{"/c"}}
	})
	w.f.docs.forget("", "")
	w.assess(w.f, "n1")
	if s := used[1]; s.RestartMax != 9 || len(s.HostPaths) != 1 || s.HostPaths[0] != "/c" || s.MaxImageAgeDays != used[0].MaxImageAgeDays {
		t.Fatalf("%+v", s)
	}
	if p := w.f.o.Settings.HostPaths; p[0] != "/a" || len(p) != 2 {
		t.Fatalf("the server's settings were changed: %v", p)
	}
	w.pool(w.f, "default", func(p *model.Pool) { p.Settings.Assess = map[string]any{"no_such": true} })
	w.f.docs.forget("", "")
	w.assess(w.f, "n1")
	if s := used[2]; s.RestartMax != used[0].RestartMax {
		t.Fatalf("settings that can't be used: %+v", s)
	}
}

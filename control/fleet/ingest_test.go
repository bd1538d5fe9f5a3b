package fleet

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
)

func TestFactsAreTaken(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	first := a.update(snapshot("n1", "web"))
	got := w.report(w.f, "n1", Report{Facts: first})
	if got.Facts != first.Digest || got.Resync {
		t.Fatalf("%+v", got)
	}
	if m := w.node("n1"); m.FactsDigest != first.Digest || !m.FactsReceived.Equal(w.clock.now()) {
		t.Fatalf("%+v", m)
	}
	if w.f.work.waiting() != 1 {
		t.Fatal("new facts are not to be assessed")
	}
	// The same again, as after an answer that was lost.
	if got := w.report(w.f, "n1", Report{Facts: first}); got.Facts != first.Digest || got.Resync {
		t.Fatalf("repeated: %+v", got)
	}
	second := a.update(snapshot("n1", "web", "db"))
	w.report(w.f, "n1", Report{Facts: second})
	have, err := w.store.Facts(t.Context(), "n1")
	w.ok(err)
	if facts.Digest(facts.Set(have).Digests()) != second.Digest {
		t.Fatal("what is kept is not what was sent")
	}
	// A difference to something that the server has not.
	third := a.update(snapshot("n1", "db"))
	third.Base = strings.Repeat("0", 64)
	if got := w.report(w.f, "n1", Report{Facts: third}); !got.Resync || got.Facts != second.Digest {
		t.Fatalf("unknown base: %+v", got)
	}
	a.have = nil
	if got := a.send(w.f, snapshot("n1", "db")); got.Resync {
		t.Fatalf("all facts: %+v", got)
	}
	have, err = w.store.Facts(t.Context(), "n1")
	w.ok(err)
	if _, still := have["containers/id-web"]; still {
		t.Fatal("all facts leave what was there before")
	}
}

// What another replica took meanwhile is seen, whatever is in this one's memory.
func TestReplicasTakeTurns(t *testing.T) {
	w := newWorld(t)
	two := w.replica("two")
	w.writes(w.f)
	w.writes(two)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	for i := range 6 {
		f := []*Fleet{w.f, two}[i%2]
		if got := a.send(f, snapshot("n1", fmt.Sprint("c", i))); got.Resync || got.Facts != facts.Digest(a.have) {
			t.Fatalf("turn %d: %+v", i, got)
		}
	}
	// An agent that did not see the answer of one replica tells the other, with a row that was read before.
	old := w.node("n1")
	u := a.update(snapshot("n1", "last"))
	if _, err := two.Report(t.Context(), old, Report{Facts: u, Time: w.clock.now()}); err != nil {
		t.Fatal(err)
	}
	stale := &agent{w: w, id: "n1", have: map[string]string{}}
	for k, v := range a.have {
		stale.have[k] = v
	}
	other := stale.update(snapshot("n1", "other"))
	other.Base = old.FactsDigest // the difference is to what this replica remembers
	got, err := w.f.Report(t.Context(), old, Report{Facts: other, Time: w.clock.now()})
	w.ok(err)
	if !got.Resync {
		t.Fatalf("a difference to older facts was applied: %+v", got)
	}
}

func TestOneBadReportSpoilsNoOther(t *testing.T) {
	w := newWorld(t)
	w.f.o.Times.Gather = 200 * time.Millisecond // so that they are written together
	const nodes = 5
	var all sync.WaitGroup
	errs := make([]error, nodes)
	members, reports := make([]*model.Member, nodes), make([]Report, nodes)
	for i := range nodes {
		id := fmt.Sprint("n", i)
		members[i] = w.join(id)
		reports[i] = Report{Time: w.clock.now(), Facts: (&agent{w: w, id: id}).update(snapshot(id, "web"))}
		reports[i].Findings = []model.Finding{{ID: "f", Kind: "node/x", Severity: model.Low, First: w.clock.now(), Last: w.clock.now()}}
	}
	reports[2].Facts.Digest = strings.Repeat("a", 64) // not what comes out
	for i := range nodes {
		all.Go(func() { _, errs[i] = w.f.Report(t.Context(), members[i], reports[i]) })
	}
	w.writes(w.f)
	all.Wait()
	for i, err := range errs {
		want := model.Code("")
		if i == 2 {
			want = model.CodeInvalid
		}
		w.code(err, want)
		if got := len(w.findings(fmt.Sprint("n", i))); got != map[bool]int{true: 0, false: 1}[i == 2] {
			t.Errorf("node %d has %d findings", i, got)
		}
	}
}

func TestNothingIsAnsweredThatIsNotWritten(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	a := &agent{w: w, id: "n1"}
	u := a.update(snapshot("n1", "web"))
	w.store.tx.Store(true)
	_, err := w.tryReport(w.f, "n1", Report{Facts: u})
	w.code(err, model.CodeUnavailable)
	w.store.tx.Store(false)
	if w.f.work.waiting() != 0 || w.node("n1").FactsDigest != "" {
		t.Fatal("what was not written counts")
	}
	if got := w.report(w.f, "n1", Report{Facts: u}); got.Facts != u.Digest {
		t.Fatalf("again: %+v", got)
	}
}

func TestAFullQueueRefuses(t *testing.T) {
	w := newWorld(t) // and nobody writes
	m := w.join("n1")
	ctx, cancel := context.WithCancel(t.Context())
	w.f.queue = make(chan *waiting, 1)
	r := Report{Time: w.clock.now(), Findings: []model.Finding{{ID: "f"}}}
	first := make(chan error, 1)
	go func() { _, err := w.f.Report(ctx, m, r); first <- err }()
	for len(w.f.queue) == 0 {
		time.Sleep(time.Millisecond)
	}
	_, err := w.f.Report(t.Context(), m, r)
	w.code(err, model.CodeUnavailable)
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Fatalf("a caller that leaves: %v", err)
	}
	r.Findings = make([]model.Finding, mostFindingsInReport+1)
	_, err = w.f.Report(t.Context(), m, r)
	w.code(err, model.CodeTooLarge)
}

func TestTheEndAnswersWhoWaits(t *testing.T) {
	w := newWorld(t)
	m := w.join("n1")
	done := make(chan error, 1)
	go func() {
		_, err := w.f.Report(t.Context(), m, Report{Findings: []model.Finding{{ID: "f"}}})
		done <- err
	}()
	for len(w.f.queue) == 0 {
		time.Sleep(time.Millisecond)
	}
	<-w.f.queue // taken by nobody
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.f.gather(ctx)
	w.code(<-done, model.CodeUnavailable)
}

func TestRevokedNodesAreNotTaken(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	m := w.join("n1")
	w.ok(w.store.RevokeNode(t.Context(), "n1", "stolen", w.clock.now()))
	_, err := w.f.Report(t.Context(), m, Report{Time: w.clock.now(), Facts: (&agent{w: w, id: "n1"}).update(snapshot("n1"))})
	w.code(err, model.CodeUnauthenticated)
}

func TestFindingsOfNodes(t *testing.T) {
	w := newWorld(t)
	w.writes(w.f)
	w.join("n1")
	now := w.clock.now()
	// The node's clock is a year off; it says what it can't.
	year := now.AddDate(1, 0, 0)
	lie := model.Finding{
		ID: "x1", Tenant: "other", Node: "n2", NodeName: "else", Source: model.SourceServer, Exception: "e", Kind: "node/bundle-refused",
		Severity: model.High, Subject: "policies", Text: model.Text{EN: strings.Repeat("ü", mostText)}, First: year.Add(-time.Hour),
		Last: year.Add(time.Hour), Count: 3,
	}
	w.report(w.f, "n1", Report{Time: year, Findings: []model.Finding{lie, {ID: "x2", Kind: "node/low", Severity: "odd", First: year.AddDate(-50, 0, 0), Last: year}}})
	got := w.findings("n1")
	n := got["node/bundle-refused policies"]
	if n.ID != "n-x1" || n.Tenant != "acme" || n.Node != "n1" || n.NodeName != "n1" || n.Source != model.SourceNode || n.Exception != "" || n.Count != 3 {
		t.Fatalf("%+v", n)
	}
	if !n.First.Equal(now.Add(-time.Hour)) || !n.Last.Equal(now) {
		t.Fatalf("first %s, last %s, now %s", n.First, n.Last, now)
	}
	if len(n.Text.EN) != mostText || !strings.HasSuffix(n.Text.EN, "ü") {
		t.Fatalf("the text has %d bytes", len(n.Text.EN))
	}
	if o := got["node/low "]; o.Severity != model.Medium || o.First.Before(now.Add(-oldest)) {
		t.Fatalf("%+v", o)
	}
	w.same(w.events("n1"), "finding high >node/bundle-refused")
	if len(w.alarms) != 1 || w.alarms[0].Kind != model.EventFinding || w.alarms[0].ID == "" {
		t.Fatalf("alarms: %+v", w.alarms)
	}
	// Again: nothing new. Over: nothing new either. Anew: told.
	w.report(w.f, "n1", Report{Time: year, Findings: []model.Finding{lie}})
	w.clock.forward(time.Minute)
	over := lie
	over.Last, over.Over = year.Add(time.Minute), year.Add(time.Minute)
	w.report(w.f, "n1", Report{Time: year.Add(time.Minute), Findings: []model.Finding{over}})
	if n := w.findings("n1")["node/bundle-refused policies"]; !n.Over.Equal(w.clock.now()) {
		t.Fatalf("over: %+v", n)
	}
	w.same(w.events("n1"), "finding high >node/bundle-refused")
	w.clock.forward(time.Minute)
	anew := lie
	anew.Last = year.Add(2 * time.Minute)
	w.report(w.f, "n1", Report{Time: year.Add(2 * time.Minute), Findings: []model.Finding{anew}})
	w.same(w.events("n1"), "finding high >node/bundle-refused", "finding high >node/bundle-refused")
}

func TestStateIsWrittenDown(t *testing.T) {
	w := newWorld(t)
	w.join("n1")
	w.clock.forward(3 * time.Second)
	w.report(w.f, "n1", Report{Run: "r7", State: &model.AgentState{Version: "1.2", Addresses: []string{"192.0.2.7"}, Settings: 5, Spooled: 9}})
	w.report(w.f, "n1", Report{Run: "r7"}) // says nothing of its state
	w.store.touch.Store(true)
	if err := w.f.flush(t.Context()); err == nil {
		t.Fatal("no error")
	}
	w.store.touch.Store(false)
	w.ok(w.f.flush(t.Context()))
	if m := w.node("n1"); m.Run != "r7" || m.AgentVersion != "1.2" || m.Settings != 5 || m.Spooled != 9 || !m.LastSeen.Equal(w.clock.now()) {
		t.Fatalf("%+v", m)
	}
}

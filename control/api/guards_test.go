package api_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/guard/judge"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/test/judged"
)

// guarded is a world with a guard on each of two nodes of acme, one that enforces and one that observes, whose logs came.
func guarded(t *testing.T) (w *world, c *clients, recording string) {
	t.Helper()
	w, c = owned(t)
	now := time.Now()
	if err := w.store.CreateNode(t.Context(), w.member("acme", "watching", "watching", now)); err != nil {
		t.Fatal(err)
	}
	enforcing := judged.New(t, filepath.Join(t.TempDir(), "audit"), model.NodeLogs+"acme-node", judge.Parts{Host: "acme-node", Mode: judge.Enforce})
	observing := judged.New(t, filepath.Join(t.TempDir(), "audit"), model.NodeLogs+"watching", judge.Parts{Host: "watching", Mode: judge.Observe})
	for i := range 3 {
		for _, g := range []*judged.Guard{enforcing, observing} {
			if no := g.Run("dev", fmt.Sprint("web", i), judged.Plain()); no != nil {
				t.Fatal(no)
			}
			g.Look("dev", "web")
		}
		if no := enforcing.Run("dev", fmt.Sprint("bad", i), judged.Privileged()); no == nil {
			t.Fatal("it is let through")
		}
		if no := observing.Run([]string{"dev", "eve", "dev"}[i], fmt.Sprint("bad", i), judged.Privileged()); no != nil {
			t.Fatal(no)
		}
	}
	enforcing.Exec("dev", "web")
	enforcing.Export("eve", "web")
	enforcing.StopFails("dev", "web")
	enforcing.Unknown()
	recording = observing.Attach("dev", "web", true)
	observing.Attach("dev", "web", false)
	for _, g := range []*judged.Guard{enforcing, observing} {
		if err := w.store.IndexRecords(t.Context(), g.Records()); err != nil {
			t.Fatal(err)
		}
	}
	return w, c, recording
}

// recordID is the id that a call's record has itself, by which later ones name it.
func recordID(t *testing.T, w *world, x *bulkheadv1.GuardCall) string {
	t.Helper()
	found, err := w.store.ScanRecords(t.Context(), model.RecordScan{Query: model.Query{Size: 1000}, Log: model.NodeLogs + x.GetNode(), Actions: []string{x.GetAction()}, Most: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for i := range found.Records {
		if r := &found.Records[i]; x.GetId() == fmt.Sprintf("%s/%d", r.Origin, r.Index) {
			return r.Record.ID
		}
	}
	t.Fatal("there is no record of it")
	return ""
}

func guardCalls(t *testing.T, c *clients, filter string) []*bulkheadv1.GuardCall {
	t.Helper()
	res, err := c.guards.ListGuardCalls(as(t, "bhs_owner"), &bulkheadv1.ListGuardCallsRequest{Page: &bulkheadv1.Page{Filter: filter, Size: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	return res.GetCalls()
}

func TestGuardCalls(t *testing.T) {
	w, c, recording := guarded(t)
	all := guardCalls(t, c, "")
	if len(all) != 9+5+9+2 {
		t.Fatalf("%d calls: %v", len(all), all)
	}
	if !slices.IsSortedFunc(all, func(a, b *bulkheadv1.GuardCall) int { return b.GetTime().AsTime().Compare(a.GetTime().AsTime()) }) {
		t.Error("not newest first")
	}
	for filter, want := range map[string]int{
		`node = "watching"`: 11, `node = "watchin"`: 0, `actor_name = "eve"`: 2, `actor = "id-eve" AND node = "acme-node"`: 1,
		`outcome = "refused"`: 6, `outcome = "failed"`: 1, `outcome = "would_refuse"`: 3, `outcome = "allowed"`: 18,
		`rule = "profile_baseline/privileged"`: 6, `rule = "profile_baseline/host-namespaces" AND outcome = "refused"`: 3,
		`rule = "profile_baseline/priv"`: 0, `rule = "guardrails/four-eyes"`: 1, `action = "ContainerCreate"`: 12, `action = "EngineCall"`: 1,
	} {
		if got := guardCalls(t, c, filter); len(got) != want {
			t.Errorf("%s: %d calls, not %d: %v", filter, len(got), want, got)
		}
	}
	refused := guardCalls(t, c, `outcome = "refused" AND action = "ContainerCreate"`)[0]
	if refused.GetNodeName() != named("acme", "nodename") || refused.GetNode() != "acme-node" || refused.GetActorName() != "dev" || refused.GetCall() != "POST /containers/create" ||
		!strings.HasPrefix(refused.GetRule(), "profile_baseline/privileged, ") || !strings.Contains(refused.GetRemedy(), "--privileged") ||
		refused.GetRequirement() != "8.5.c" || refused.GetReason() == "" || refused.GetResource().GetType() != "Container" || len(refused.GetWouldRefuse()) > 0 {
		t.Errorf("%v", refused)
	}
	// The record is there under the id.
	if p, err := c.audit.GetRecord(as(t, "bhs_owner"), &bulkheadv1.GetRecordRequest{Id: refused.GetId()}); err != nil || p.GetRecord().GetReason() != refused.GetReason() {
		t.Errorf("%v %v", p, err)
	}
	observed := guardCalls(t, c, `outcome = "would_refuse"`)[0]
	if observed.GetOutcome() != "allowed" || strings.Join(observed.GetWouldRefuse(), ", ") != refused.GetRule() || observed.GetRemedy() != refused.GetRemedy() ||
		observed.GetReason() != refused.GetReason() || len(observed.GetWarnings()) != 1 || observed.GetRule() != "" {
		t.Errorf("%v", observed)
	}
	if x := guardCalls(t, c, `action = "ContainerExec"`)[0]; !slices.Equal(x.GetNeeds(), []string{"approval"}) || x.GetRule() != "guardrails/four-eyes" {
		t.Errorf("%v", x)
	}
	attached := guardCalls(t, c, `action = "ContainerAttach"`)
	if len(attached) != 2 || attached[0].GetRecording() != "" || attached[1].GetRecording() != recording {
		t.Errorf("%v", attached)
	}
	// What no guard writes in its place is none.
	bad := recordedBy("acme", "watching", "x; id #", "sha256:01", 1, attached[0].GetTime().AsTime().Add(time.Second))
	bad.Index, bad.Record.Of = 1000, recordID(t, w, attached[0])
	if err := w.store.IndexRecords(t.Context(), []model.LogRecord{bad}); err != nil {
		t.Fatal(err)
	}
	if again := guardCalls(t, c, `action = "ContainerAttach"`); again[0].GetRecording() != "" {
		t.Errorf("%v", again[0])
	}
	failed, unknown := guardCalls(t, c, `outcome = "failed"`)[0], guardCalls(t, c, `action = "EngineCall"`)[0]
	if failed.GetOf() == "" || failed.GetCall() != "POST /containers/{name}/stop" || unknown.GetActor() != "" || unknown.GetCall() != "POST /v1.47/nothing" {
		t.Errorf("%v %v", failed, unknown)
	}
	// Somebody looked: that is in the log.
	w.mu.Lock()
	defer w.mu.Unlock()
	if last := w.records[len(w.records)-1]; last.Action != "AuditRead" || last.ActorName != "owner" {
		t.Errorf("%+v", last)
	}
}

// From page to page each once, however few of what is read match.
func TestGuardCallsPages(t *testing.T) {
	_, c, _ := guarded(t)
	r := &bulkheadv1.ListGuardCallsRequest{Page: &bulkheadv1.Page{Size: 2, Filter: `outcome = "refused"`, ReadMask: only("id")}}
	seen := map[string]bool{}
	for range 20 {
		res, err := c.guards.ListGuardCalls(as(t, "bhs_owner"), r)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range res.GetCalls() {
			if seen[x.GetId()] || x.GetTime() != nil {
				t.Error(x)
			}
			seen[x.GetId()] = true
		}
		if r.Page.Token = res.GetNextPage(); r.GetPage().GetToken() == "" {
			break
		}
	}
	if len(seen) != 6 {
		t.Error(seen)
	}
	res, err := c.guards.ListGuardCalls(as(t, "bhs_owner"), &bulkheadv1.ListGuardCallsRequest{Page: &bulkheadv1.Page{Size: 1}})
	if err != nil || res.GetNextPage() == "" {
		t.Fatal(res, err)
	}
	other := &bulkheadv1.ListGuardCallsRequest{Page: &bulkheadv1.Page{Size: 1, Token: res.GetNextPage(), Filter: `outcome = "failed"`}}
	if _, err := c.guards.ListGuardCalls(as(t, "bhs_owner"), other); codeOf(t, err) != string(model.CodeExpired) {
		t.Error("a token of another question: ", err)
	}
	for _, filter := range []string{`outcome = "good"`, `outcome != "refused"`, `rule = ""`, `node = "a/b"`, `node = "a" AND node = "b"`, `size = 1`} {
		_, err := c.guards.ListGuardCalls(as(t, "bhs_owner"), &bulkheadv1.ListGuardCallsRequest{Page: &bulkheadv1.Page{Filter: filter}})
		if d := detailOf(t, err); d.GetCode() != string(model.CodeInvalid) || d.GetRemediation() == "" {
			t.Errorf("%s: %v", filter, err)
		}
	}
}

func TestPreviewGuard(t *testing.T) {
	_, c, _ := guarded(t)
	res, err := c.guards.PreviewGuard(as(t, "bhs_owner"), &bulkheadv1.PreviewGuardRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if res.GetTruncated() || res.GetCalls() != 24 || res.GetRead() != 9 || time.Since(res.GetSince().AsTime()).Round(time.Hour) != 7*24*time.Hour {
		t.Errorf("%d calls of %d records since %v", res.GetCalls(), res.GetRead(), res.GetSince().AsTime())
	}
	rules := map[string]*bulkheadv1.GuardRule{}
	for _, r := range res.GetRules() {
		rules[r.GetRule()] = r
	}
	for _, name := range []string{"profile_baseline/privileged", "profile_baseline/host-namespaces"} {
		r := rules[name]
		if r.GetCount() != 6 || r.GetRefused() != 3 || r.GetWouldRefuse() != 3 || r.GetPeople() != 2 || !slices.Equal(r.GetNodes(), []string{"acme-node", "watching"}) ||
			r.GetRequirement() != "8.5.c" || len(r.GetRecords()) != 5 || !r.GetFirst().AsTime().Before(r.GetLast().AsTime()) {
			t.Errorf("%s: %v", name, r)
		}
	}
	// Each rule has its own reason, also where another one was told.
	if r := rules["profile_baseline/host-namespaces"]; !strings.Contains(r.GetReason(), "namespace of the host") || r.GetRemedy() == "" {
		t.Errorf("%v", r)
	}
	if rules["guardrails/four-eyes"].GetCount() != 1 || len(res.GetRules()) != 5 {
		t.Errorf("%v", res.GetRules())
	}
	// Of one node; of a time in which nothing was.
	one, err := c.guards.PreviewGuard(as(t, "bhs_owner"), &bulkheadv1.PreviewGuardRequest{Node: "watching"})
	if err != nil || len(one.GetRules()) != 2 || one.GetRules()[0].GetWouldRefuse() != 3 || one.GetRules()[0].GetRefused() != 0 {
		t.Errorf("%v %v", one, err)
	}
	none, err := c.guards.PreviewGuard(as(t, "bhs_owner"), &bulkheadv1.PreviewGuardRequest{Since: timestamppb.Now()})
	if err != nil || len(none.GetRules()) != 0 || none.GetRead() != 0 {
		t.Errorf("%v %v", none, err)
	}
	for _, bad := range []*bulkheadv1.PreviewGuardRequest{{Node: "a/b"}, {Since: timestamppb.New(time.Unix(1, 0))}} {
		if _, err := c.guards.PreviewGuard(as(t, "bhs_owner"), bad); codeOf(t, err) != string(model.CodeInvalid) {
			t.Error(bad, err)
		}
	}
}

func TestListGuards(t *testing.T) {
	w, c := owned(t)
	now := time.Now()
	ctx := t.Context()
	status := func(mode model.ControlMode) *model.GuardStatus {
		return &model.GuardStatus{
			Schema: model.GuardSchema, PID: 7, Started: now.Truncate(time.Second), Mode: mode, Version: "1.2", Engine: "/run/docker.sock", Socket: "/run/bulkhead/docker.sock",
			TLS: "127.0.0.1:2376", Profile: "baseline", Policies: 3,
		}
	}
	socket := func(guarded bool) *model.Engine {
		return &model.Engine{Product: "docker", Sockets: []model.EngineSocket{
			{FileFact: model.FileFact{Path: "/run/docker.sock", Exists: true}, Engine: "docker", Guarded: guarded},
			{FileFact: model.FileFact{Path: "/run/bulkhead/docker.sock", Exists: true}, Engine: model.EngineGuard},
		}}
	}
	for id, s := range map[string]*model.Snapshot{
		"locked": {Engine: socket(true), Guard: status(model.ModeEnforce)}, "open": {Engine: socket(false), Guard: status(model.ModeObserve)},
		"past": {Engine: socket(true), Guard: status(model.ModeEnforce)}, "bare": {Engine: socket(false)}, "empty": {}, "gone": {Engine: socket(true)},
	} {
		if err := w.store.CreateNode(ctx, w.member("acme", id, id, now)); err != nil {
			t.Fatal(err)
		}
		w.put(id, now, s)
	}
	if err := w.store.RevokeNode(ctx, "gone", "lost", now); err != nil {
		t.Fatal(err)
	}
	w.silent("open", model.ReasonHostGone, model.HealthUp, model.HealthSilent)
	finding := model.Finding{
		ID: "f1", Tenant: "acme", Node: "past", NodeName: "past", Kind: model.FindingDirectUse, Requirement: "8.1.c", Severity: model.High,
		Text: model.Text{EN: "uid 1000 is connected past the guard", ZH: "x"}, First: now, Last: now, Count: 1, Source: model.SourceNode,
	}
	over := finding
	over.ID, over.Node, over.Over = "f2", "locked", now
	if err := w.store.PutFindings(ctx, []model.Finding{finding, over}); err != nil {
		t.Fatal(err)
	}
	if err := w.store.CreateAssessment(ctx, &model.Published{
		ID: "as1", Tenant: "acme", Node: "locked", NodeName: "locked", Time: now, Published: now, Statuses: map[string]model.Status{"8.1.c": model.Met}, Document: []byte("{}"),
	}); err != nil {
		t.Fatal(err)
	}
	res, err := c.guards.ListGuards(as(t, "bhs_owner"), listing("", "", ""))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]*bulkheadv1.Guard{}
	for _, g := range res.GetGuards() {
		got[g.GetNode()] = g
	}
	if len(got) != 4 {
		t.Fatalf("%v", res)
	}
	for node, lock := range map[string]string{"locked": "locked", "open": "open", "past": "open", "bare": "unknown"} {
		if got[node].GetLock() != lock {
			t.Errorf("%s: %v", node, got[node])
		}
	}
	g := got["locked"]
	if g.GetMode() != "enforce" || g.GetProfile() != "baseline" || g.GetPolicies() != 3 || g.GetEngine() != "/run/docker.sock" || g.GetSocket() == "" || g.GetTls() == "" ||
		g.GetVersion() != "1.2" || !g.GetStarted().AsTime().Equal(now.Truncate(time.Second)) || !g.GetUp() || g.GetStatus() != "met" || len(g.GetFindings()) > 0 {
		t.Errorf("%v", g)
	}
	if got["open"].GetUp() || got["open"].GetMode() != "observe" || got["bare"].GetMode() != "" || got["past"].GetFindings()[0].GetKind() != model.FindingDirectUse {
		t.Errorf("%v", res)
	}
	one, err := c.guards.ListGuards(as(t, "bhs_owner"), listing("", `name = "past"`, ""))
	if err != nil || len(one.GetGuards()) != 1 {
		t.Errorf("%v %v", one, err)
	}
}

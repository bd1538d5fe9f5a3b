package api_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func owned(t *testing.T) (*world, *clients) {
	t.Helper()
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	return w, w.clients()
}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	return detailOf(t, err).GetCode()
}

func (w *world) silent(node, reason string, was, is model.Health) {
	w.t.Helper()
	done, err := w.store.SetHealth(w.t.Context(), model.HealthChange{Node: node, Was: was, Is: is, Reason: reason, When: time.Now()})
	if err != nil || !done {
		w.t.Fatal(done, err)
	}
}

func TestNodesAreShownWithWhatIsKnown(t *testing.T) {
	w, c := owned(t)
	n, err := c.nodes.GetNode(as(t, "bhs_owner"), &bulkheadv1.Id{Id: "acme-node"})
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case n.GetName() != "acme-nodename" || n.GetHealth() != "up" || n.GetSpiffeId() != "spiffe://example/node/acme-node" || n.GetVersion() != 1:
		t.Errorf("%v", n)
	case n.GetStatuses()["8.1.a"] != "met" || n.GetAssessed() == nil:
		t.Errorf("statuses %v", n.GetStatuses())
	case n.GetPoliciesTarget() == 0 || n.GetSettingsTarget() == 0 || n.GetPoliciesTarget() == n.GetSettingsTarget():
		t.Errorf("targets %d and %d", n.GetPoliciesTarget(), n.GetSettingsTarget())
	case len(n.GetWorkloads()) != 1 || n.GetWorkloads()[0].GetImage() != "acme-image:1" || n.GetWorkloads()[0].GetState() != "running":
		t.Errorf("workloads %v", n.GetWorkloads())
	case len(n.GetLosses()) != 0:
		t.Errorf("nothing is lost: %v", n.GetLosses())
	}
	list, err := c.nodes.ListNodes(as(t, "bhs_owner"), listing("", "health = up AND cordoned = false", ""))
	if err != nil || len(list.GetNodes()) != 1 || list.GetNodes()[0].GetStatuses()["8.1.a"] != "met" || list.GetNodes()[0].GetPoliciesTarget() != n.GetPoliciesTarget() {
		t.Errorf("%v %v", list, err)
	}
	names := listing("", "", "")
	names.Page.ReadMask = only("name")
	if list, err = c.nodes.ListNodes(as(t, "bhs_owner"), names); err != nil || list.GetNodes()[0].GetName() == "" || list.GetNodes()[0].GetStatuses() != nil {
		t.Errorf("%v %v", list, err)
	}
	f, err := c.nodes.GetNodeFacts(as(t, "bhs_owner"), &bulkheadv1.Id{Id: "acme-node"})
	if err != nil || f.GetSnapshot().GetFields()["schema"].GetStringValue() != model.SnapshotSchema || f.GetReceived() == nil {
		t.Errorf("%v %v", f, err)
	}
	if err := w.store.CreateNode(t.Context(), w.member("acme", "bare", "bare", time.Now())); err != nil {
		t.Fatal(err)
	}
	if _, err := c.nodes.GetNodeFacts(as(t, "bhs_owner"), &bulkheadv1.Id{Id: "bare"}); codeOf(t, err) != "not_found" {
		t.Error(err)
	}
	// An assessment that somebody published in another tenant under this node's id is not this node's.
	if err := w.store.CreateAssessment(t.Context(), &model.Published{
		ID: "foreign", Tenant: "globex", Node: "acme-node", NodeName: "x", Time: time.Now(), Published: time.Now().Add(time.Minute),
		Statuses: map[string]model.Status{"8.1.a": model.NotMet}, Document: []byte("{}"),
	}); err != nil {
		t.Fatal(err)
	}
	w.account("admin", "system", strong(), model.RoleAdministrator)
	list, err = c.nodes.ListNodes(as(t, "bhs_admin"), listing("", `id = "acme-node"`, ""))
	if err != nil || len(list.GetNodes()) != 1 || list.GetNodes()[0].GetStatuses()["8.1.a"] != "met" {
		t.Errorf("%v %v", list, err)
	}
}

func TestFactsInTheMiddleOfASnapshot(t *testing.T) {
	w, c := owned(t)
	// The order of containers is there and one of them is not, yet.
	have, err := w.store.FactDigests(t.Context(), "acme-node")
	if err != nil {
		t.Fatal(err)
	}
	u := &model.FactsUpdate{Base: facts.Digest(have), Digest: "y", Set: []model.Fact{{Key: "containers", Digest: "z", Data: []byte(`["c-acme-container","c2"]`)}}, More: true, Taken: time.Now()}
	if err := w.store.ApplyFacts(t.Context(), "acme-node", u, time.Now()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.nodes.GetNodeFacts(as(t, "bhs_owner"), &bulkheadv1.Id{Id: "acme-node"}); codeOf(t, err) != "unavailable" {
		t.Error(err)
	}
	n, err := c.nodes.GetNode(as(t, "bhs_owner"), &bulkheadv1.Id{Id: "acme-node"})
	if err != nil || len(n.GetWorkloads()) != 1 {
		t.Error(n, err)
	}
}

func TestSilentNodesSayWhatIsLost(t *testing.T) {
	w, c := owned(t)
	now := time.Now()
	for _, name := range []string{"other", "down"} {
		if err := w.store.CreateNode(t.Context(), w.member("acme", name, name, now)); err != nil {
			t.Fatal(err)
		}
	}
	w.facts("acme-node", now, container("shop", "shop", "running"), container("db", "db", "running"), container("old", "old", "exited"),
		container("theirs", marker+"-image", "running"))
	w.facts("other", now, container("shop2", "shop", "running"), container("db2", "db", "exited"))
	w.facts("down", now, container("db3", "db", "running"))
	w.silent("down", model.ReasonHostGone, model.HealthUp, model.HealthSilent)
	if err := w.store.CreateAssessment(t.Context(), &model.Published{
		ID: "newest", Tenant: "acme", Node: "acme-node", NodeName: "acme-nodename", Time: now, Published: now.Add(time.Minute), Document: []byte("{}"),
		Statuses: map[string]model.Status{
			"8.1.a": model.Met, "8.1.c": model.NotMet, "8.3.b": model.Unknown, "8.4.a": model.PartlyMet, "8.5.b": model.Met, "8.6.1.a": model.NotApplicable,
		},
	}); err != nil {
		t.Fatal(err)
	}
	get := func() map[string]*bulkheadv1.Loss {
		n, err := c.nodes.GetNode(as(t, "bhs_owner"), &bulkheadv1.Id{Id: "acme-node"})
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]*bulkheadv1.Loss{}
		for _, l := range n.GetLosses() {
			if l.GetText() == "" || l.GetTextZh() == "" || !strings.ContainsFunc(l.GetTextZh(), func(r rune) bool { return r > 0x4e00 }) {
				t.Errorf("%v", l)
			}
			out[l.GetRequirement()] = l
		}
		return out
	}
	w.silent("acme-node", model.ReasonNetworkCut, model.HealthUp, model.HealthSilent)
	l := get()
	for id, want := range map[string][]string{
		"8.1.a": {"met", "Last known ", " ago: met.", "Other nodes still reach the host", "3 containers that ran there"},
		"8.1.c": {"not_met", "counts as not met", "a correction would not be seen"},
		"8.3.b": {"unknown", "stays so until the node is heard", "Images that are pulled"},
		"8.4.a": {"partly_met", "partly met", "Changes of its files"},
		"8.5.b": {
			"met", "3 running containers are out of sight.", "Also on nodes that are up: shop:1.",
			"Not seen on the 1 other node that was looked at: db:1, " + marker + "-image:1.",
		},
	} {
		if l[id].GetStatus() != want[0] {
			t.Errorf("%s: %v", id, l[id])
		}
		for _, part := range want[1:] {
			if !strings.Contains(l[id].GetText(), part) {
				t.Errorf("%s lacks %q: %s", id, part, l[id].GetText())
			}
		}
	}
	if l["8.6.1.a"] != nil {
		t.Errorf("it did not apply: %v", l["8.6.1.a"])
	}
	w.silent("acme-node", model.ReasonHostGone, model.HealthSilent, model.HealthSilent)
	if l := get(); !strings.Contains(l["8.1.a"].GetText(), "probably nothing runs there") {
		t.Errorf("%v", l["8.1.a"])
	}
	w.silent("acme-node", model.ReasonSaidSo, model.HealthSilent, model.HealthStopped)
	if l := get(); !strings.Contains(l["8.1.a"].GetText(), "was told to stop") {
		t.Errorf("%v", l["8.1.a"])
	}
	// Without containers and without an assessment there is only the node itself to miss.
	if err := w.store.CreateNode(t.Context(), w.member("acme", "bare", "bare", now)); err != nil {
		t.Fatal(err)
	}
	w.silent("bare", model.ReasonUnknown, model.HealthUp, model.HealthSilent)
	n, err := c.nodes.GetNode(as(t, "bhs_owner"), &bulkheadv1.Id{Id: "bare"})
	if err != nil || len(n.GetLosses()) != 1 || !strings.Contains(n.GetLosses()[0].GetText(), "never assessed. If the host runs") ||
		!strings.Contains(n.GetLosses()[0].GetText(), "No container ran there") {
		t.Errorf("%v %v", n.GetLosses(), err)
	}
}

func TestNodesAreChanged(t *testing.T) {
	w, c := owned(t)
	ctx := as(t, "bhs_owner")
	up := func(n *bulkheadv1.Node, paths ...string) (*bulkheadv1.Node, error) {
		n.Id = "acme-node"
		return c.nodes.UpdateNode(ctx, &bulkheadv1.UpdateNodeRequest{Node: n, UpdateMask: only(paths...)})
	}
	n, err := up(&bulkheadv1.Node{Labels: map[string]string{"rack": "7"}, Pool: "lost", Version: 1}, "labels")
	if err != nil || n.GetLabels()["rack"] != "7" || n.GetPool() != "acme-pool" || n.GetVersion() != 2 {
		t.Fatal(n, err)
	}
	if n, err = up(&bulkheadv1.Node{Pool: "default", Sensitivity: "secret"}, "pool", "sensitivity"); err != nil || n.GetPool() != "default" || n.GetSensitivity() != "secret" {
		t.Error(n, err)
	}
	many := map[string]string{}
	for i := range 65 {
		many[strings.Repeat("x", i+1)] = "y"
	}
	for name, k := range map[string]struct {
		n    *bulkheadv1.Node
		path string
		code string
	}{
		"a pool that is not":        {&bulkheadv1.Node{Pool: "none"}, "pool", "invalid"},
		"no pool is default":        {&bulkheadv1.Node{}, "pool", ""},
		"too many labels":           {&bulkheadv1.Node{Labels: many}, "labels", "invalid"},
		"a label without a name":    {&bulkheadv1.Node{Labels: map[string]string{"": "x"}}, "labels", "invalid"},
		"a long label":              {&bulkheadv1.Node{Labels: map[string]string{"x": strings.Repeat("y", 256)}}, "labels", "invalid"},
		"a label of 255":            {&bulkheadv1.Node{Labels: map[string]string{"x": strings.Repeat("层", 255)}}, "labels", ""},
		"what a terminal obeys":     {&bulkheadv1.Node{Labels: map[string]string{"x": "\x1b[2J"}}, "labels", "invalid"},
		"a long sensitivity":        {&bulkheadv1.Node{Sensitivity: strings.Repeat("y", 64)}, "sensitivity", "invalid"},
		"what can't be changed":     {&bulkheadv1.Node{Name: "x"}, "name", "invalid"},
		"from an older version":     {&bulkheadv1.Node{Version: 1}, "sensitivity", "conflict"},
		"health is nobody's to set": {&bulkheadv1.Node{Health: "up"}, "health", "invalid"},
	} {
		if _, err := up(k.n, k.path); codeOf(t, err) != k.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	cordon := func(cordoned, drained bool) (*bulkheadv1.Node, error) {
		return c.nodes.CordonNode(ctx, &bulkheadv1.CordonNodeRequest{Id: "acme-node", Cordoned: cordoned, Drained: drained})
	}
	if _, err := cordon(false, true); codeOf(t, err) != "invalid" {
		t.Error(err)
	}
	if n, err = cordon(true, true); err != nil || !n.GetCordoned() || !n.GetDrained() || n.GetMaintenance().GetState() != "shown" {
		t.Error(n, err)
	}
	again, err := cordon(true, true)
	if err != nil || again.GetVersion() != n.GetVersion() {
		t.Error("the same again is no change", again, err)
	}
	if n, err = cordon(false, false); err != nil || n.GetCordoned() || n.GetDrained() {
		t.Error(n, err)
	}
	if _, err := c.nodes.DeleteNode(ctx, &bulkheadv1.Id{Id: "acme-node"}); codeOf(t, err) != "conflict" {
		t.Error(err)
	}
	revoke := &bulkheadv1.RevokeNodeRequest{Id: "acme-node", Reason: "stolen"}
	if n, err = c.nodes.RevokeNode(ctx, revoke); err != nil || n.GetHealth() != "revoked" || n.GetRevokedReason() != "stolen" || n.GetRevoked() == nil {
		t.Error(n, err)
	}
	revoke.Reason = "again"
	if n, err = c.nodes.RevokeNode(ctx, revoke); err != nil || n.GetRevokedReason() != "stolen" {
		t.Error(n, err)
	}
	if e := w.told.events; len(e) != 1 || e[0].Kind != model.EventRevoked || e[0].Node != "acme-node" || e[0].Before != "up" ||
		!strings.Contains(e[0].Text.EN, "owner") || !strings.Contains(e[0].Text.ZH, "stolen") {
		t.Errorf("told %v", e)
	}
	if _, err := c.nodes.DeleteNode(ctx, &bulkheadv1.Id{Id: "acme-node"}); err != nil {
		t.Error(err)
	}
	if _, err := c.nodes.GetNode(ctx, &bulkheadv1.Id{Id: "acme-node"}); codeOf(t, err) != "not_found" {
		t.Error(err)
	}
	if e, err := c.nodes.ListEvents(ctx, listing("", `node = "acme-node" AND kind = "joined"`, "")); err != nil || len(e.GetEvents()) != 1 {
		t.Error("what happened stays", e, err)
	}
}

func TestJoinTokens(t *testing.T) {
	w, c := owned(t)
	ctx := as(t, "bhs_owner")
	res, err := c.nodes.CreateJoinToken(ctx, &bulkheadv1.CreateJoinTokenRequest{Name: "n", Replaces: "acme-node", Minutes: 5, Labels: map[string]string{"a": "b"}})
	if err != nil {
		t.Fatal(err)
	}
	x := res.GetToken()
	if x.GetPool() != "default" || x.GetTenant() != "acme" || x.GetCreator() != "id-owner" || res.GetJoinUrl() == "" || x.GetReplaces() != "acme-node" {
		t.Errorf("%v", res)
	}
	if left := time.Until(x.GetExpires().AsTime()); left > 5*time.Minute || left < 4*time.Minute {
		t.Errorf("it is good for %s", left)
	}
	sum, err := api.JoinHash(res.GetSecret())
	if err != nil {
		t.Fatal(err)
	}
	kept, err := w.store.JoinTokenBySecret(t.Context(), sum)
	if err != nil || kept.ID != x.GetId() || kept.Labels["a"] != "b" {
		t.Errorf("%v %v", kept, err)
	}
	for name, req := range map[string]*bulkheadv1.CreateJoinTokenRequest{
		"a pool that is not": {Pool: "none"}, "a node that is not": {Replaces: "none"}, "too long": {Minutes: 20000}, "what can't be seen": {Sensitivity: "\n"},
	} {
		if _, err := c.nodes.CreateJoinToken(ctx, req); codeOf(t, err) != "invalid" {
			t.Errorf("%s: %v", name, err)
		}
	}
	list, err := c.nodes.ListJoinTokens(ctx, listing("", `name = "n" AND revoked = false`, ""))
	if err != nil || len(list.GetTokens()) != 1 || strings.Contains(list.String(), res.GetSecret()) {
		t.Errorf("%v %v", list, err)
	}
	if _, err := c.nodes.RevokeJoinToken(ctx, &bulkheadv1.Id{Id: x.GetId()}); err != nil {
		t.Error(err)
	}
	if list, err = c.nodes.ListJoinTokens(ctx, listing("", `revoked = true`, "")); err != nil || len(list.GetTokens()) != 1 || list.GetTokens()[0].GetRevoked() == nil {
		t.Errorf("%v %v", list, err)
	}
	// The record of the call has no secret.
	w.mu.Lock()
	defer w.mu.Unlock()
	records, err := json.Marshal(w.records)
	if err != nil || strings.Contains(string(records), res.GetSecret()) || !strings.Contains(string(records), "JoinTokenCreate") {
		t.Errorf("%v %s", err, records)
	}
}

func TestTenantsAreDeletedWithTheirNodes(t *testing.T) {
	w, c := owned(t)
	w.account("admin", "system", strong(), model.RoleAdministrator)
	if _, err := c.tenants.DeleteTenant(as(t, "bhs_admin"), &bulkheadv1.Id{Id: "acme"}); err != nil {
		t.Fatal(err, detailOf(t, err))
	}
	for _, gone := range []error{
		second(w.store.Node(t.Context(), "acme-node")), second(w.store.JoinToken(t.Context(), "acme-jointoken")),
		second(w.store.Pool(t.Context(), poolOf("acme"))), second(w.store.Exception(t.Context(), "acme-exception")),
	} {
		if model.CodeOf(gone) != model.CodeNotFound {
			t.Error(gone)
		}
	}
	if m, err := w.store.Node(t.Context(), id("globex", "node")); err != nil || !m.Revoked.IsZero() {
		t.Error(m, err)
	}
}

package agent_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestDocuments(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.withLog = true
	m.join(f)
	stop := m.run()
	<-f.follows
	f.send(wrap(f.policies(5, "five.cedar")))
	f.seen("that version 5 is in force", func() bool { return f.last().GetState().GetPoliciesVersion() == 5 })
	if m.policies() != "5 five.cedar" {
		t.Errorf("in force: %s", m.policies())
	}
	otherFake := newFake(t)
	forged := otherFake.policies(9, "evil.cedar")
	changed := f.policies(9, "good.cedar")
	changed.Document = []byte(strings.Replace(string(changed.Document), "good", "evil", 1))
	altered := f.set1(9, "good.cedar")
	altered.Files[0].Name = "evil.cedar"
	for _, c := range []struct {
		name    string
		d       *bulkheadv1.SignedDocument
		subject string
		text    string
	}{
		{"older", f.policies(4, "four.cedar"), "policies", "older"},
		{"same version, other content", f.policies(5, "other.cedar"), "policies", "older"},
		{"another key", forged, "policies", "not signed"},
		{"changed on its way", changed, "policies", "not signed"},
		{"unsigned", &bulkheadv1.SignedDocument{Kind: "policies", Version: 9, Document: changed.GetDocument()}, "policies", "not signed"},
		{"for another tenant", f.document(model.BundlePolicies, "other", 9, bundle.Policies{Schema: bundle.Schema, Tenant: "other"}), "policies", "somebody else"},
		{"for another node", f.document(model.BundleAssignment, "ffff", 9, bundle.Assignment{Schema: bundle.Schema, Node: "ffff", Tenant: "acme"}), "assignment", "somebody else"},
		{"with another tenant's policies", f.document(model.BundlePolicies, "acme", 9, bundle.Policies{
			Schema: bundle.Schema, Tenant: "acme", Sets: []model.Policies{{Tenant: "other", Files: []model.PolicyFile{{Name: "x"}}}},
		}), "policies", "of the tenant"},
		{"with policies that nobody signed", f.document(model.BundlePolicies, "acme", 9, bundle.Policies{
			Schema: bundle.Schema, Tenant: "acme", Sets: []model.Policies{f.set1(8, "a"), {Tenant: "acme", Version: 9, Files: []model.PolicyFile{{Name: "x"}}}},
		}), "policies", "not signed"},
		{"with policies that were changed", f.document(model.BundlePolicies, "acme", 9, bundle.Policies{
			Schema: bundle.Schema, Tenant: "acme", Sets: []model.Policies{altered},
		}), "policies", "of other files"},
		{"of another schema", f.document(model.BundlePolicies, "acme", 9, bundle.Policies{Schema: "v9", Tenant: "acme"}), "policies", "schema"},
		{"with unknown fields", f.document(model.BundlePolicies, "acme", 9, map[string]any{"schema": bundle.Schema, "tenant": "acme", "wish": 1}), "policies", "form"},
		{"that does not load", f.policies(9, "broken"), "policies", "can't be loaded"},
		{"of an unknown kind", f.document("wishes", "acme", 9, map[string]any{}), "unknown", "form"},
		{"facts too often", f.document(model.BundleSettings, "acme/default", 9, bundle.Settings{Schema: bundle.Schema, Pool: "acme/default", CollectEvery: time.Second}), "settings", "every"},
		{"settings that a check refuses", f.document(model.BundleSettings, "acme/default", 9, bundle.Settings{Schema: bundle.Schema, Pool: "acme/default", Assess: map[string]any{"bad": 1.0}}), "settings", "no setting"},
		{"of another pool", f.document(model.BundleSettings, "acme/gpu", 9, bundle.Settings{Schema: bundle.Schema, Pool: "acme/gpu"}), "settings", "somebody else"},
	} {
		f.send(wrap(c.d))
		f.seen(c.name, func() bool {
			x := f.found("node/bundle-refused", c.subject)
			return x != nil && strings.Contains(x.GetText(), c.text) && x.GetSeverity() == "high" && !x.GetOver() && x.GetTextZh() != ""
		})
		if m.policies() != "5 five.cedar" {
			t.Errorf("%s: in force: %s", c.name, m.policies())
		}
	}
	// Too large: the stream ends, that is told, and it opens again.
	f.send(wrap(&bulkheadv1.SignedDocument{Kind: "policies", Version: 9, Document: make([]byte, 20<<20)}))
	<-f.follows
	f.seen("too large", func() bool {
		x := f.found("node/bundle-refused", "unknown")
		return x != nil && strings.Contains(x.GetText(), fmt.Sprint(bundle.MaxDocument))
	})
	f.send(wrap(f.policies(10, "ten.cedar")))
	f.seen("that a good one comes through", func() bool {
		x := f.found("node/bundle-refused", "policies")
		return f.last().GetState().GetPoliciesVersion() == 10 && x.GetOver()
	})
	f.seen("records of it", func() bool {
		var refused, applied int
		for _, e := range f.entries {
			if r, err := audit.Decode(e); err == nil && r.Action == "BundleApply" && r.Tenant == "acme" && r.Actor == nodeID {
				refused += map[bool]int{true: 1}[r.Outcome == model.OutcomeRefused]
				applied += map[bool]int{true: 1}[r.Outcome == model.OutcomeAllowed]
			}
		}
		return applied == 2 && refused == 18
	})
	stop()
	// Alone, from disk.
	f.stop()
	m.sets = nil
	m.run()
	f.eventually("what was in force, without a server", func() bool { return m.policies() == "10 ten.cedar" })
}

func TestPools(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	m.run()
	<-f.follows
	settings := func(pool string, version int64, every time.Duration) *bulkheadv1.FollowResponse {
		return wrap(f.document(model.BundleSettings, "acme/"+pool, version, bundle.Settings{
			Schema: bundle.Schema, Pool: "acme/" + pool, CollectEvery: every, Assess: map[string]any{"max_image_age_days": float64(version)},
		}))
	}
	assignment := func(pool string, version int64) *bulkheadv1.FollowResponse {
		return wrap(f.document(model.BundleAssignment, nodeID, version, bundle.Assignment{
			Schema: bundle.Schema, Node: nodeID, Tenant: "acme", Pool: pool, Labels: map[string]string{"zone": "a"}, Cordoned: version > 1,
		}))
	}
	f.send(settings("default", 30, time.Minute))
	f.seen("settings", func() bool { return f.last().GetState().GetSettingsVersion() == 30 })
	if s := m.agent.Status(); s.CollectEvery != "1m0s" {
		t.Errorf("%+v", s)
	}
	// Another pool's settings may have a lower number: the stream opens again without one.
	f.send(assignment("gpu", 2))
	<-f.follows
	f.seen("a stream without settings", func() bool {
		r := f.streams[len(f.streams)-1]
		return r.GetSettingsVersion() == 0 && r.GetAssignmentVersion() == 2
	})
	f.send(settings("gpu", 20, 2*time.Minute))
	f.seen("the pool's settings", func() bool { return f.last().GetState().GetSettingsVersion() == 20 })
	if s := m.agent.Status(); s.CollectEvery != "2m0s" || s.Pool != "gpu" || !s.Cordoned || s.Labels["zone"] != "a" {
		t.Errorf("%+v", s)
	}
	// Back in the first pool, its older settings are older still.
	f.send(assignment("default", 3))
	<-f.follows
	f.send(settings("default", 29, 3*time.Minute))
	f.seen("that older settings are refused", func() bool { return f.found("node/bundle-refused", "settings") != nil })
	f.send(settings("default", 30, time.Minute))
	f.seen("that the same ones are good again", func() bool { return f.last().GetState().GetSettingsVersion() == 30 })
}

func TestDamagedDocumentsOnDisk(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	stop := m.run()
	<-f.follows
	if m.mu.Lock(); len(m.unsound) > 0 {
		t.Errorf("what there never was is unsound: %v", m.unsound)
	}
	m.mu.Unlock()
	f.send(wrap(f.policies(5, "five.cedar")))
	f.seen("version 5", func() bool { return f.last().GetState().GetPoliciesVersion() == 5 })
	stop()
	path := filepath.Join(m.dir, "documents", "policies.json")
	b, err := os.ReadFile(path)
	check(t, err)
	for name, content := range map[string]string{"no JSON": "{", "changed": strings.Replace(string(b), `"version":5`, `"version":6`, 1), "gone": ""} {
		check(t, os.WriteFile(path, []byte(content), 0o600))
		if content == "" {
			check(t, os.Remove(path))
		}
		m.sets, m.unsound = nil, nil
		f.mu.Lock()
		clear(f.findings)
		f.mu.Unlock()
		stop := m.run()
		f.seen(name, func() bool {
			x := f.found("node/bundle-refused", "policies")
			return x != nil && strings.Contains(x.GetText(), "disk") && f.last().GetState().GetPoliciesVersion() == 0
		})
		if m.policies() != "" {
			t.Errorf("%s: in force: %s", name, m.policies())
		}
		m.mu.Lock()
		if !slices.Equal(m.unsound, []model.BundleKind{model.BundlePolicies}) {
			t.Errorf("%s: unsound: %v", name, m.unsound)
		}
		m.mu.Unlock()
		stop()
	}
	m.run()
	f.eventually("a stream", func() bool { return m.agent.Status().Connected })
	for len(f.follows) > 0 {
		<-f.follows
	}
	f.send(wrap(f.policies(4, "four.cedar")))
	f.send(wrap(f.policies(5, "five.cedar")))
	f.seen("that the server mends it", func() bool { return f.last().GetState().GetPoliciesVersion() == 5 })
	if m.policies() != "5 five.cedar" {
		t.Errorf("in force: %s", m.policies())
	}
}

func TestADocumentThatCantBeKeptIsNotInForce(t *testing.T) {
	f, m := newFake(t), newMachine(t)
	m.join(f)
	m.run()
	<-f.follows
	in := filepath.Join(m.dir, "documents")
	check(t, os.WriteFile(in, nil, 0o600)) // where the directory should be
	f.send(wrap(f.policies(5, "five.cedar")))
	f.seen("that it can't be written", func() bool { return f.found("node/document-unkept", "policies") != nil })
	if m.policies() != "" || m.loads > 0 || m.agent.Status().Policies != 0 {
		t.Errorf("in force: %s", m.policies())
	}
	check(t, os.Remove(in))
	<-f.follows // it is opened again
	f.send(wrap(f.policies(5, "five.cedar")))
	f.seen("that it is in force", func() bool {
		return f.last().GetState().GetPoliciesVersion() == 5 && f.found("node/document-unkept", "policies").GetOver()
	})
}

package maintenance

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/model"
)

func facts(pairs ...string) map[string][]byte {
	out := map[string][]byte{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = []byte(pairs[i+1])
	}
	return out
}

func member(name string, drained bool, pairs ...string) Member {
	m := &model.Member{ID: "id-" + name, Name: name, Tenant: "acme", Health: model.HealthUp, Cordoned: drained, Drained: drained}
	return MemberOf(m, facts(pairs...))
}

func manager(name string, pairs ...string) Member {
	return member(name, false, append([]string{
		FactNodeID, `"M` + name + `"`, FactCluster, `"C1"`, FactManager, `true`, FactNodes, `[{"id":"W1"},{"id":"W2"}]`,
	}, pairs...)...)
}

func TestSwarms(t *testing.T) {
	all := []Member{
		manager("m1"),
		member("w1", true, FactNodeID, `"W1"`), // its cluster is known by the manager
		member("w2", false, FactNodeID, `"W2"`, FactCluster, `"C1"`),  // by its certificate
		member("w3", true, FactNodeID, `"W3"`),                        // of nobody's swarm
		member("w4", true, FactNodeID, `"W4"`, FactCluster, `"C2"`),   // of another one, without a manager here
		member("plain", true),                                         // no swarm
		member("bad", true, FactNodeID, `"../x"`, FactCluster, `{`),   // nonsense
		member("twin", true, FactNodeID, `"W5"`, FactCluster, `"C1"`), // two say the same
		member("twin2", false, FactNodeID, `"W5"`, FactCluster, `"C1"`),
		member("liar", false, FactNodeID, `"L"`, FactCluster, `"C1"`, FactManager, `"yes"`), // no manager
	}
	swarms := Swarms(all)
	if len(swarms) != 2 || len(swarms["C2"].Managers) != 0 || len(swarms["C1"].Managers) != 1 {
		t.Fatalf("%+v", swarms)
	}
	want := bundle.Maintenance{
		Schema: bundle.Schema, Tenant: "acme", Cluster: "C1", Managers: []string{"id-m1"},
		Nodes: []bundle.MaintenanceNode{
			{ID: "W1", Name: "w1", Want: model.WantDrain}, {ID: "L", Name: "liar"}, {ID: "Mm1", Name: "m1"}, {ID: "W2", Name: "w2"},
		},
	}
	if got := swarms["C1"].Document("acme"); !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
	slices.Reverse(all)
	if got := Swarms(all)["C1"].Document("acme"); !reflect.DeepEqual(got, want) {
		t.Errorf("in another order: %+v", got)
	}
}

func TestDocumentIsBounded(t *testing.T) {
	s := &Swarm{Cluster: "C"}
	for range MostNodes + 5 {
		s.Nodes = append(s.Nodes, Member{SwarmID: "a", Name: "a"})
	}
	s.Nodes[MostNodes+4] = Member{SwarmID: "z", Name: "z", Want: model.WantDrain}
	d := s.Document("acme")
	if len(d.Nodes) != MostNodes || d.Nodes[0].ID != "z" {
		t.Errorf("%d nodes, the first %+v", len(d.Nodes), d.Nodes[0])
	}
	if _, _, err := bundle.Encode(d); err != nil {
		t.Error(err)
	}
}

func TestTell(t *testing.T) {
	report := func(acts bool, detail string, nodes ...model.MaintenanceOf) *model.Maintenance {
		return &model.Maintenance{Orchestrator: model.OrchestratorSwarm, Cluster: "C1", Acts: acts, Detail: detail, Nodes: nodes}
	}
	worker := func(want string) Member {
		return Member{ID: "id-w1", Name: "w1", SwarmID: "W1", Cluster: "C1", Want: want}
	}
	lead := func(name string, up bool, r *model.Maintenance) Member {
		return Member{ID: "id-" + name, Name: name, SwarmID: "M" + name, Cluster: "C1", Manager: true, Up: up, Report: r}
	}
	of := func(want string, state model.MaintenanceState, detail string) model.MaintenanceOf {
		return model.MaintenanceOf{ID: "W1", Want: want, State: state, Is: "drain", Was: "active", Detail: detail, Since: now}
	}
	twin := Member{ID: "id-twin", Name: "twin", SwarmID: "W1", Cluster: "C1"}
	kube := func(want string, acts bool, nodes ...model.MaintenanceOf) Member {
		return Member{ID: "id-k", Name: "k", Want: want, Report: &model.Maintenance{Orchestrator: "kubernetes", Acts: acts, Detail: "forbidden", Nodes: nodes}}
	}
	for name, c := range map[string]struct {
		of    Member
		all   []Member
		state model.MaintenanceState // "" for nothing to say
		by    string
		part  string
	}{
		"nothing wanted":               {of: Member{ID: "x"}},
		"no orchestrator":              {of: Member{ID: "x", Want: "drain"}, state: "shown", part: "no swarm"},
		"unknown swarm":                {of: Member{ID: "x", SwarmID: "X", Want: "drain"}, state: "nobody", part: "no manager of its swarm is a node of this tenant"},
		"no manager":                   {of: worker("drain"), all: []Member{worker("drain")}, state: "nobody", part: "no manager"},
		"a copy":                       {of: worker("drain"), all: []Member{worker("drain"), twin, lead("m1", true, nil)}, state: "nobody", part: "copy"},
		"not yet":                      {of: worker("drain"), all: []Member{worker("drain"), lead("m1", true, report(true, ""))}, state: "pending", by: "m1"},
		"silent":                       {of: worker("drain"), all: []Member{worker("drain"), lead("m1", false, nil)}, state: "nobody", part: "nothing is heard of the managers of its swarm: m1"},
		"switched off":                 {of: worker("drain"), all: []Member{worker("drain"), lead("m1", true, report(false, "it is off"))}, state: "nobody", part: "m1: it is off"},
		"off and silent":               {of: worker("drain"), all: []Member{worker("drain"), lead("m1", true, report(false, "off")), lead("m2", false, nil)}, state: "nobody", part: "m2; no manager's agent can act: m1: off"},
		"applied":                      {of: worker("drain"), all: []Member{worker("drain"), lead("m1", true, report(true, "", of("drain", "applied", "")))}, state: "applied", by: "m1", part: "it is drain on swarm, and was active"},
		"done by one of two":           {of: worker("drain"), all: []Member{worker("drain"), lead("m1", true, report(true, "", of("drain", "failed", "refused"))), lead("m2", true, report(true, "", of("drain", "applied", "")))}, state: "applied", by: "m2"},
		"refused":                      {of: worker("drain"), all: []Member{worker("drain"), lead("m1", true, report(true, "", of("drain", "failed", "the engine refused")))}, state: "failed", by: "m1", part: "the engine refused"},
		"by hand":                      {of: worker("drain"), all: []Member{worker("drain"), lead("m1", true, report(true, "", of("drain", "by_hand", "somebody")))}, state: "by_hand", by: "m1", part: "somebody"},
		"of the wish before":           {of: worker("cordon"), all: []Member{worker("cordon"), lead("m1", true, report(true, "", of("drain", "applied", "")))}, state: "pending", by: "m1"},
		"not given back yet":           {of: worker(""), all: []Member{worker(""), lead("m1", true, report(true, "", of("drain", "applied", "")))}, state: "pending", by: "m1"},
		"given back":                   {of: worker(""), all: []Member{worker(""), lead("m1", true, report(true, "", model.MaintenanceOf{ID: "W1", State: "applied", Is: "active"}))}, state: "applied", by: "m1", part: "active"},
		"an older word":                {of: worker(""), all: []Member{worker(""), lead("m1", true, report(true, "", model.MaintenanceOf{ID: "W1", State: "by_hand", Since: then})), lead("m2", true, report(true, "", model.MaintenanceOf{ID: "W1", State: "applied", Is: "active", Since: now}))}, state: "applied", by: "m2"},
		"the word of one that is gone": {of: worker("drain"), all: []Member{worker("drain"), lead("m1", false, report(true, "", of("drain", "applied", ""))), lead("m2", true, report(true, "", of("drain", "failed", "no quorum")))}, state: "failed", by: "m2", part: "no quorum"},
		"kubernetes":                   {of: kube("drain", true, model.MaintenanceOf{Want: "drain", State: "applied", Is: "drained"}), state: "applied", by: "k", part: "drained on kubernetes"},
		"kubernetes, not yet":          {of: kube("drain", true), state: "pending", by: "k"},
		"kubernetes, no right":         {of: kube("drain", false), state: "nobody", part: "forbidden"},
		"kubernetes, nothing":          {of: kube("", true)},
		"a report of another one's":    {of: worker("drain"), all: []Member{worker("drain"), lead("m1", true, &model.Maintenance{Cluster: "C9", Acts: true, Nodes: []model.MaintenanceOf{of("drain", "applied", "")}})}, state: "pending", by: "m1"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Tell(&c.of, Swarms(c.all))
			if got == nil {
				if c.state != "" {
					t.Fatalf("nothing is said; want %s", c.state)
				}
				return
			}
			if got.State != c.state || got.By != c.by || !strings.Contains(got.Text.EN, c.part) || (got.Text.EN == "") != (got.Text.ZH == "") {
				t.Errorf("%+v", got)
			}
		})
	}
}

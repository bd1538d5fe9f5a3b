package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// stocked has two nodes in acme with a container, an image and a network each, and one that went.
func stocked(t *testing.T) (*world, *clients) {
	t.Helper()
	w, c := owned(t)
	now := time.Now()
	if err := w.store.CreateNode(t.Context(), w.member("acme", "second", "second", now)); err != nil {
		t.Fatal(err)
	}
	for _, node := range []string{"acme-node", "second"} {
		have := model.Container{
			ID: "web1", Name: "web", State: "running", Workload: model.Workload{Privileged: true, Image: model.ImageRef{Ref: "nginx:1", ID: "sha256:aa"}},
			Endpoints: []model.Endpoint{{Network: "front", IPv4: "10.0.0.2"}},
		}
		old := have
		old.ID = "web0"
		w.put(node, now, &model.Snapshot{Containers: []model.Container{old}})
		w.put(node, now.Add(time.Second), &model.Snapshot{
			Containers: []model.Container{have, {ID: "db1", Name: "db", State: "exited"}},
			Images:     []model.Image{{ID: "sha256:aa", Tags: []string{"nginx:1"}, UsedBy: []string{"web1"}}},
			Networks:   []model.Network{{ID: "net1", Name: "front", Driver: "bridge", Containers: []string{"web"}}},
		})
	}
	return w, c
}

func (w *world) put(node string, now time.Time, s *model.Snapshot) {
	w.t.Helper()
	s.Schema, s.Node = model.SnapshotSchema, model.Node{ID: node, Name: node}
	set, err := facts.Split(s)
	if err != nil {
		w.t.Fatal(err)
	}
	have, err := w.store.FactDigests(w.t.Context(), node)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, u := range facts.Diff(have, set, now, 1<<20) {
		if err := w.store.ApplyFacts(w.t.Context(), node, &u, now); err != nil {
			w.t.Fatal(err)
		}
	}
}

func TestInventoryLists(t *testing.T) {
	_, c := stocked(t)
	ctx := as(t, "bhs_owner")
	all, err := c.inventory.ListContainers(ctx, listing("", `name = "web" AND gone = false`, ""))
	if err != nil || len(all.GetContainers()) != 2 || all.GetReadAt() == nil {
		t.Fatalf("%v %v", all, err)
	}
	web := all.GetContainers()[0]
	if web.GetImage() != "nginx:1" || web.GetRisks()[0] != "privileged" || web.GetNetworks()[0] != "front" || web.GetTenant() != "acme" || web.GetNodeName() == "" {
		t.Errorf("%v", web)
	}
	if gone, err := c.inventory.ListContainers(ctx, listing("", `gone = true AND node = "second"`, "")); err != nil || len(gone.GetContainers()) != 1 || gone.GetContainers()[0].GetGone() == nil {
		t.Errorf("%v %v", gone, err)
	}
	if users, err := c.inventory.ListContainers(ctx, listing("", `image = "sha256:aa" AND state = "running" AND gone = false`, "")); err != nil || len(users.GetContainers()) != 2 {
		t.Errorf("%v %v", users, err)
	}
	short := listing("", "", "")
	short.Page.ReadMask, short.Page.Size = only("name"), 5000
	images, err := c.inventory.ListImages(ctx, short)
	if err != nil || len(images.GetImages()) != 2 || images.GetImages()[0].GetName() != "nginx:1" || images.GetImages()[0].GetNode() != "" {
		t.Errorf("%v %v", images, err)
	}
	// From page to page, each once.
	seen := map[string]bool{}
	page := listing("", "", "")
	for page.Page.Size = 1; ; {
		res, err := c.inventory.ListNetworks(ctx, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range res.GetNetworks() {
			seen[n.GetNode()] = true
		}
		if page.Page.Token = res.GetNextPage(); page.Page.Token == "" {
			break
		}
	}
	if len(seen) != 2 {
		t.Errorf("%v", seen)
	}
	for _, filter := range []string{`state = "x"`, `summary = "x"`, "gone = 7"} {
		if _, err := c.inventory.ListImages(ctx, listing("", filter, "")); codeOf(t, err) != "invalid" {
			t.Errorf("%s: %v", filter, err)
		}
	}
}

func TestInventoryDetails(t *testing.T) {
	w, c := stocked(t)
	ctx := as(t, "bhs_owner")
	d, err := c.inventory.GetContainer(ctx, &bulkheadv1.ObjectOfNode{Node: "second", Id: "web1"})
	if err != nil {
		t.Fatal(err)
	}
	switch {
	case d.GetImage().GetName() != "nginx:1":
		t.Errorf("its image is %v", d.GetImage())
	case len(d.GetNetworks()) != 1 || d.GetNetworks()[0].GetId() != "net1":
		t.Errorf("its networks are %v", d.GetNetworks())
	case len(d.GetFormer()) != 1 || d.GetFormer()[0].GetId() != "web0":
		t.Errorf("before it was %v", d.GetFormer())
	case d.GetFact().GetFields()["name"].GetStringValue() != "web" || d.GetReceived() == nil:
		t.Errorf("the node says %v", d.GetFact())
	}
	old, err := c.inventory.GetContainer(ctx, &bulkheadv1.ObjectOfNode{Node: "second", Id: "web0"})
	if err != nil || old.GetFact() != nil || old.GetContainer().GetGone() == nil || len(old.GetFormer()) != 0 {
		t.Errorf("%v %v", old, err)
	}
	image, err := c.inventory.GetImage(ctx, &bulkheadv1.ObjectOfNode{Node: "second", Id: "sha256:aa"})
	if err != nil || len(image.GetContainers()) != 1 || image.GetContainers()[0].GetNode() != "second" || image.GetFact() == nil {
		t.Errorf("%v %v", image, err)
	}
	network, err := c.inventory.GetNetwork(ctx, &bulkheadv1.ObjectOfNode{Node: "second", Id: "net1"})
	if err != nil || len(network.GetContainers()) != 1 || network.GetContainers()[0].GetName() != "web" {
		t.Errorf("%v %v", network, err)
	}
	for _, of := range []*bulkheadv1.ObjectOfNode{{Node: "second", Id: "none"}, {Node: "none", Id: "web1"}, {Node: "globex-node", Id: "c-globex-container"}} {
		if _, err := c.inventory.GetContainer(ctx, of); codeOf(t, err) != "not_found" {
			t.Errorf("%v: %v", of, err)
		}
	}
	// Another tenant's things are in no list.
	w.account("other", "globex", strong(), model.RoleOwner)
	theirs, err := c.inventory.ListContainers(as(t, "bhs_other"), listing("", "", ""))
	if err != nil || len(theirs.GetContainers()) != 1 || theirs.GetContainers()[0].GetTenant() != "globex" {
		t.Errorf("%v %v", theirs, err)
	}
}

// A container that starts anew all the time leaves no more behind than is shown.
func TestFormerContainersAreBounded(t *testing.T) {
	w, c := stocked(t)
	now := time.Now()
	for i := range 60 {
		w.put("second", now.Add(time.Duration(i)*time.Minute), &model.Snapshot{Containers: []model.Container{{ID: fmt.Sprint("turn", i), Name: "web", State: "running"}}})
	}
	d, err := c.inventory.GetContainer(as(t, "bhs_owner"), &bulkheadv1.ObjectOfNode{Node: "second", Id: "turn59"})
	if err != nil || len(d.GetFormer()) != 50 || d.GetFormer()[0].GetId() != "turn58" {
		t.Errorf("%d %v", len(d.GetFormer()), err)
	}
}

package judge_test

import (
	"strings"
	"testing"

	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
	"github.com/bulkhead-security/bulkhead/model"
)

func service(image string, mounts ...mount.Mount) *swarm.ServiceSpec {
	return &swarm.ServiceSpec{TaskTemplate: swarm.TaskSpec{ContainerSpec: &swarm.ContainerSpec{Image: image, Mounts: mounts}}}
}

// newService asks for a service of somebody, with what the swarm is known for.
func newService(t *testing.T, who *call.Subject, b *swarm.ServiceSpec, here string) *call.Ask {
	t.Helper()
	a := ask(t, who, "POST", "/services/create")
	a.Body, a.Object = b, &call.Object{Kind: route.Service, Name: "web", New: true}
	a.Swarm = &call.Swarm{Node: "n1", Image: here}
	return a
}

// A developer's service is pinned to what was judged, and is the developer's with all that the engine makes for it.
func TestServicesArePinned(t *testing.T) {
	l := &log{}
	b := service("app:1", mount.Mount{Type: mount.TypeVolume, Source: "data", Target: "/d"}, mount.Mount{Type: mount.TypeVolume, Target: "/anonymous"})
	a := newService(t, dev("dev"), b, "app@sha256:1")
	if err := newJudge(t, l).Judge(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	c := b.TaskTemplate.ContainerSpec
	if c.Image != "app@sha256:1" || !a.Swarm.Here || b.TaskTemplate.Placement == nil || b.TaskTemplate.Placement.Constraints[0] != "node.id==n1" || len(a.Warnings) != 2 {
		t.Errorf("%+v %+v %v", c, b.TaskTemplate.Placement, a.Warnings)
	}
	for _, labels := range []map[string]string{b.Labels, c.Labels, c.Mounts[0].VolumeOptions.Labels, c.Mounts[1].VolumeOptions.Labels} {
		if labels[call.LabelOwner] != "dev" || labels[call.LabelTenant] != "acme" {
			t.Errorf("%v", labels)
		}
	}
	// Again, as a client sends what it was shown: nothing is added.
	again := newService(t, dev("dev"), b, "app@sha256:1")
	if err := newJudge(t, l).Judge(t.Context(), again); err != nil || len(b.TaskTemplate.Placement.Constraints) != 1 || len(again.Warnings) != 0 {
		t.Errorf("%v %v %v", err, b.TaskTemplate.Placement, again.Warnings)
	}
}

// A path of the host is judged as this host's, also where the swarm gets more nodes later.
func TestServicesWithPathsStay(t *testing.T) {
	for _, c := range []struct {
		m    mount.Mount
		here bool
	}{
		{mount.Mount{Type: mount.TypeBind, Source: "/srv", Target: "/d", ReadOnly: true}, true},
		{mount.Mount{Type: mount.TypeTmpfs, Target: "/d"}, false},
		{mount.Mount{Type: mount.TypeCluster, Source: "c", Target: "/d"}, false},
	} {
		b := service("app@sha256:1", c.m)
		a := newService(t, dev("dev"), b, "app@sha256:1")
		if err := newJudge(t, &log{}).Judge(t.Context(), a); err != nil || a.Swarm.Here != c.here || (b.TaskTemplate.Placement != nil) != c.here {
			t.Errorf("%s: %v %+v %+v", c.m.Type, err, a.Swarm, b.TaskTemplate.Placement)
		}
	}
}

// onNode keeps a service on a node.
func onNode(b *swarm.ServiceSpec, constraint string) *swarm.ServiceSpec {
	b.TaskTemplate.Placement = &swarm.Placement{Constraints: []string{constraint}}
	return b
}

func TestServicesThatCannotBeDecided(t *testing.T) {
	many := uint64(1001)
	for _, c := range []struct {
		name, why string
		b         *swarm.ServiceSpec
		here      string
	}{
		{"an image of another node", "pull it first", service("far:1"), ""},
		{"the beginning of an id of another node's image", "pull it first", service("sha256:a"), ""},
		{"a template in a volume's name", "{{", service("app@sha256:1", mount.Mount{Type: mount.TypeVolume, Source: "{{.Service.Name}}", Target: "/d"}), ""},
		{"a template in a volume's options", "{{", service("app@sha256:1", mount.Mount{Type: mount.TypeVolume, Source: "d", Target: "/d", VolumeOptions: &mount.VolumeOptions{
			DriverConfig: &mount.Driver{Name: "local", Options: map[string]string{"o": "size={{.Service.Name}}"}},
		}}), ""},
		{"a volume, on another node", "is kept on another", onNode(service("app@sha256:1", mount.Mount{Type: mount.TypeVolume, Source: "d", Target: "/d"}), "node.id == n2"), ""},
		{"too many tasks", "1000", &swarm.ServiceSpec{Mode: swarm.ServiceMode{Replicated: &swarm.ReplicatedService{Replicas: &many}}, TaskTemplate: service("app@sha256:1").TaskTemplate}, ""},
		{"too many tasks of a job", "1000", &swarm.ServiceSpec{Mode: swarm.ServiceMode{ReplicatedJob: &swarm.ReplicatedJob{TotalCompletions: &many}}, TaskTemplate: service("app@sha256:1").TaskTemplate}, ""},
	} {
		l := &log{}
		err := newJudge(t, l).Judge(t.Context(), newService(t, dev("dev"), c.b, c.here))
		if err == nil || !strings.Contains(err.Error(), c.why) || len(l.records) != 1 || l.records[0].Outcome != model.OutcomeRefused {
			t.Errorf("%s: %v %+v", c.name, err, l.records)
		}
	}
	// Whoever may see the host as a whole decides by himself.
	root := dev("root")
	root.Principal.Roles, root.Principal.Tenant, root.Principal.Auth.MFA = []string{model.RoleAdministrator}, model.SystemTenant, true
	b := service("far:1", mount.Mount{Type: mount.TypeVolume, Source: "d", Target: "/d"})
	if err := newJudge(t, &log{}).Judge(t.Context(), newService(t, root, b, "")); err != nil || b.TaskTemplate.Placement != nil || b.TaskTemplate.ContainerSpec.Image != "far:1" {
		t.Errorf("%v %+v", err, b.TaskTemplate)
	}
	// Of a service that one may not know nothing is said, whatever the body is.
	a := ask(t, dev("dev"), "POST", "/services/web/update?version=1")
	a.Body, a.Object, a.Swarm = service("far:1"), of(route.Service, "web", "globex", "victor"), &call.Swarm{Node: "n1"}
	if err := newJudge(t, &log{}).Judge(t.Context(), a); err == nil || strings.Contains(err.Error(), "pull it first") {
		t.Errorf("%v", err)
	}
}

// A rollback can't be changed on its way, so that it is refused where it would have to be.
func TestRollbackIsJudgedAsItIs(t *testing.T) {
	back := func(labels map[string]string, image string) error {
		a := ask(t, dev("dev"), "POST", "/services/web/update?version=1&rollback=previous")
		b := service(image)
		b.Labels, b.TaskTemplate.ContainerSpec.Labels = labels, labels
		a.Body, a.Object, a.Swarm = b, of(route.Service, "web", "acme", "dev"), &call.Swarm{Node: "n1", Image: "app@sha256:1"}
		return newJudge(t, &log{}).Judge(t.Context(), a)
	}
	own := map[string]string{call.LabelTenant: "acme", call.LabelOwner: "dev"}
	if err := back(own, "app@sha256:1"); err != nil {
		t.Error(err)
	}
	if err := back(own, "app:1"); err == nil || !strings.Contains(err.Error(), "not pinned") {
		t.Error(err)
	}
	if err := back(nil, "app@sha256:1"); err == nil || !strings.Contains(err.Error(), "not its owner's") {
		t.Error(err)
	}
}

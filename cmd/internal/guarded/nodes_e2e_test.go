//go:build e2e

package guarded

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// nodes are a swarm of a manager and a worker, with a guard on each. The engines have a network each, and meet over a cable.
type nodes struct {
	*testing.T
	manager, worker *guarded
	id              string // the worker's, in the swarm
}

const sleeps = "trap exit TERM; cat /run/secrets/own-secret /c; echo said; sleep 600 & wait"

// TestGuardedNodes: what a developer makes through the guard of a manager runs on a worker as it was judged, and is the developer's there
// too; what the profile or the owner of something else refuses does not get there; nobody but who answers for the swarm changes it.
func TestGuardedNodes(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			began := time.Now()
			n := newNodes(t, kind)
			n.step("a service of a single node stays there", n.staysAlone)
			n.step("join", n.join)
			n.step("the swarm itself", n.notTheirs)
			n.step("a service on the worker", n.runsThere)
			n.step("what is refused", n.refused)
			n.step("networks", n.networks)
			n.step("update and rollback", n.updates)
			t.Logf("took %s", time.Since(began).Round(time.Second))
		})
	}
}

func (n *nodes) step(name string, f func()) {
	n.Helper()
	began := time.Now()
	f()
	n.Logf("%s: %s", name, time.Since(began).Round(100*time.Millisecond))
}

func newNodes(t *testing.T, kind lab.Kind) *nodes {
	t.Helper()
	hosts, err := lab.NewHosts(t.Context(), 2)
	fine(t, err)
	t.Cleanup(func() { fine(t, hosts.Remove(context.Background())) })
	n := &nodes{T: t}
	for i, g := range []**guarded{&n.manager, &n.worker} {
		*g = newGuardedOn(t, kind, []string{"h1", "h2"}[i], hosts.All()[i])
		(*g).people(person("alice", "acme", model.RoleDeveloper), person("bob", "globex", model.RoleDeveloper), person("carol", "acme", model.RoleDeveloper),
			person("root", model.SystemTenant, model.RoleAdministrator))
	}
	return n
}

// both are the guards.
func (n *nodes) both() []*guarded { return []*guarded{n.manager, n.worker} }

// on puts a service on the worker.
func (n *nodes) on(args ...string) []string {
	return append([]string{"service", "create", "-d", "--no-resolve-image", "--stop-grace-period", "1s", "--constraint", "node.id==" + n.id}, args...)
}

// inside is where a task of a service runs on a node, for somebody.
func (n *nodes) inside(g *guarded, who, service, env string) string {
	n.Helper()
	for range 150 {
		out, err := g.docker(who, "ps", "-q", "--filter", "label=com.docker.swarm.service.name="+service)
		for _, id := range strings.Fields(out) {
			if err != nil {
				break
			}
			if env == "" {
				return id
			}
			if out, err := g.docker(who, "inspect", "--format", "{{json .Config.Env}}", id); err == nil && strings.Contains(out, env) {
				return id
			}
		}
		time.Sleep(200 * time.Millisecond)
	}
	out, _ := n.manager.docker("root", "service", "ps", "--no-trunc", service)
	n.Fatalf("%s does not run on %s for %s with %q: %s", service, g.id, who, env, out)
	return ""
}

// says waits until a command of the administrator at the manager says something.
func (n *nodes) says(want string, args ...string) {
	n.Helper()
	var out string
	for range 300 {
		if out, _ = n.manager.docker("root", args...); strings.Contains(out, want) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
	n.Fatalf("docker %s says %q; want %q", strings.Join(args, " "), out, want)
}

// staysAlone makes a service that mounts a path of the host, which is judged as one of the only node: it is the path of no other that comes later.
func (n *nodes) staysAlone() {
	n.Helper()
	n.manager.may("root", "initialized", "swarm", "init", "--advertise-addr", n.manager.at, "--listen-addr", n.manager.at+":2377")
	n.manager.may("alice", "", "service", "create", "-d", "--no-resolve-image", "--name", "stays", "--stop-grace-period", "0s",
		"--mount", "type=bind,source=/srv,target=/s,readonly", "busybox:1", "sleep", "600")
	n.inside(n.manager, "alice", "stays", "")
}

// join adds the worker, and empties the manager for a moment: what belongs there waits.
func (n *nodes) join() {
	n.Helper()
	token := n.manager.may("root", "SWMTKN-", "swarm", "join-token", "-q", "worker")
	for _, g := range n.both() {
		g.mayNot("alice", "outside of the caller", "swarm", "join", "--token", token, "--advertise-addr", n.worker.at, n.manager.at+":2377")
	}
	n.worker.may("root", "joined", "swarm", "join", "--token", token, "--advertise-addr", n.worker.at, "--listen-addr", n.worker.at+":2377", n.manager.at+":2377")
	n.id = n.worker.may("root", "", "info", "--format", "{{.Swarm.NodeID}}")
	n.says("Ready", "node", "ls", "--filter", "id="+n.id)
	n.manager.may("root", "", "node", "update", "--availability", "drain", n.manager.node())
	n.says("no suitable node", "service", "ps", "--no-trunc", "stays")
	n.manager.may("root", "", "node", "update", "--availability", "active", n.manager.node())
	n.inside(n.manager, "alice", "stays", "")
	if out := n.worker.may("root", "", "ps", "-aq"); out != "" {
		n.Errorf("on the worker: %s", out)
	}
	n.manager.may("alice", "", "service", "rm", "stays")
}

// notTheirs: tokens, keys and the state of nodes are for whoever answers for the hosts, whichever guard is asked.
func (n *nodes) notTheirs() {
	n.Helper()
	before := n.manager.may("root", "SWMTKN-", "swarm", "join-token", "-q", "manager")
	for _, g := range n.both() {
		for _, who := range []string{"alice", "bob"} {
			for _, args := range [][]string{
				{"swarm", "join-token", "worker"},
				{"swarm", "join-token", "--rotate", "manager"},
				{"swarm", "unlock-key"},
				{"swarm", "ca"},
				{"swarm", "update", "--autolock=true"},
				{"swarm", "leave"},
				{"swarm", "leave", "--force"},
				{"swarm", "init", "--force-new-cluster"},
				{"node", "inspect", n.id},
				{"node", "ps", n.id},
				{"node", "update", "--availability", "drain", n.id},
				{"node", "promote", n.id},
				{"node", "rm", "--force", n.id},
			} {
				out, err := g.docker(who, args...)
				if err == nil || strings.Contains(out, "SWMTKN-1-") || strings.Contains(out, "SWMKEY-1-") {
					n.Errorf("%s at %s: docker %s: %v: %s", who, g.id, strings.Join(args, " "), err, out)
				}
			}
			if out := g.may(who, "active", "info", "--format", "{{json .Swarm}}"); strings.Contains(out, n.manager.at) || strings.Contains(out, n.worker.at) {
				n.Errorf("%s sees at %s: %s", who, g.id, out)
			}
		}
	}
	if out := n.manager.may("alice", n.id, "node", "ls", "--format", "{{json .}}"); strings.Contains(out, n.manager.at) || strings.Contains(out, quoted(n.manager.host())) {
		n.Errorf("alice sees %s", out)
	}
	if after := n.manager.may("root", "", "swarm", "join-token", "-q", "manager"); after != before {
		n.Error("the token is another one")
	}
	if out := n.manager.may("root", "Ready Active", "node", "ls", "--filter", "id="+n.id, "--format", "{{.Status}} {{.Availability}} {{.ManagerStatus}}"); out != "Ready Active" {
		n.Errorf("the worker is %s", out)
	}
}

// runsThere: a task on the worker is its owner's at the worker's guard.
func (n *nodes) runsThere() {
	n.Helper()
	m, w := n.manager, n.worker
	file := m.write("secret", "s3cret")
	for _, kind := range []string{"secret", "config"} {
		m.may("alice", "", kind, "create", "own-"+kind, file)
		m.may("bob", "", kind, "create", "bobs-"+kind, file)
	}
	m.may("alice", "", "network", "create", "-d", "overlay", "lan")
	m.may("alice", "", n.on("--name", "web", "--network", "lan", "--secret", "own-secret", "--config", "source=own-config,target=/c",
		"--mount", "type=volume,target=/anonymous", "busybox:1", "sh", "-c", sleeps)...)
	id := n.inside(w, "alice", "web", "")
	for _, want := range []string{`"io.bulkhead.owner":"alice"`, `"io.bulkhead.tenant":"acme"`} {
		w.may("alice", want, "inspect", "--format", "{{json .Config.Labels}}", id)
	}
	w.may("alice", "s3cret", "exec", id, "cat", "/run/secrets/own-secret", "/c")
	w.may("alice", "said", "logs", id)
	w.may("root", "said", "logs", id)
	w.mayNot("alice", "profile_baseline/", "exec", "--privileged", id, "id")
	w.may("alice", "lan", "network", "ls")
	if out := w.may("alice", "", "volume", "ls", "-q"); len(strings.Fields(out)) != 1 {
		n.Errorf("volumes of alice on the worker: %s", out)
	}
	if out := m.may("alice", "", "ps", "-aq"); out != "" {
		n.Errorf("on the manager: %s", out)
	}
	for _, who := range []string{"bob", "carol"} {
		n.nothingThere(who, id)
	}
	// Each guard has the records of its own host.
	if !recorded(w, "alice", "ContainerExec", model.OutcomeAllowed) || !recorded(w, "alice", "ContainerExec", model.OutcomeRefused) || recorded(m, "alice", "ContainerExec", "") {
		n.Error("an exec on the worker is in no log, or in the manager's")
	}
	// The manager tells of the task.
	m.may("alice", "web.1", "service", "ps", "web")
	n.says("Running", "service", "ps", "web")
	m.may("alice", "said", "service", "logs", "web")
	task := m.may("alice", "", "service", "ps", "-q", "--no-trunc", "web")
	m.may("alice", "said", "service", "logs", task)
	m.may("root", n.id, "inspect", "--type", "task", "--format", "{{.NodeID}}", task)
}

func recorded(g *guarded, who, action string, outcome model.Outcome) bool {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	return slices.ContainsFunc(g.log.records, func(r model.Record) bool {
		return r.Actor == who && r.Action == action && (outcome == "" || r.Outcome == outcome)
	})
}

// nothingThere: somebody else, of the tenant or of another one, knows nothing of alice's service on either node.
func (n *nodes) nothingThere(who, id string) {
	n.Helper()
	m, w := n.manager, n.worker
	task := m.may("root", "", "service", "ps", "-q", "--no-trunc", "web")
	for _, args := range [][]string{{"ps", "-aq", "--no-trunc"}, {"volume", "ls", "-q"}, {"network", "ls", "--format", nameOnly}} {
		if out := w.may(who, "", args...); strings.Contains(out, id) || strings.Contains(out, quoted("lan")) || args[0] == "volume" && out != "" {
			n.Errorf("%s sees on the worker: %s", who, out)
		}
	}
	for _, args := range [][]string{
		{"exec", id, "id"},
		{"logs", id},
		{"inspect", id},
		{"stop", id},
		{"rm", id},
		{"cp", id + ":/c", "-"},
		{"top", id},
		{"commit", id},
		{"run", "--rm", "--network", "lan", "busybox:1", "true"},
		{"run", "--rm", "--volumes-from", id, "busybox:1", "true"},
	} {
		w.mayNot(who, "", args...)
	}
	for _, args := range [][]string{
		{"service", "ps", "web"},
		{"service", "logs", "web"},
		{"service", "logs", task},
		{"inspect", "--type", "task", task},
		{"service", "inspect", "web"},
		{"service", "update", "-d", "--env-add", "X=1", "web"},
		{"service", "rollback", "-d", "web"},
		{"service", "scale", "-d", "web=0"},
		{"service", "rm", "web"},
		n.on("--name", "joins", "--network", "lan", "busybox:1", "true"),
	} {
		m.mayNot(who, "", args...)
	}
	if out := m.may(who, "", "service", "ls", "--format", nameOnly) + m.may(who, "", "network", "ls", "--format", nameOnly); strings.Contains(out, quoted("web")) || strings.Contains(out, quoted("lan")) {
		n.Errorf("%s sees %s", who, out)
	}
}

// refused: nothing that the profile or its owner keeps from a developer gets to the worker by way of the manager.
func (n *nodes) refused() {
	n.Helper()
	for _, c := range []struct {
		why  string
		args []string
	}{
		{"profile_baseline/capabilities", []string{"--cap-add", "SYS_ADMIN"}},
		{"profile_baseline/capabilities", []string{"--cap-add", "ALL"}},
		{"profile_baseline/host-root", []string{"--mount", "type=bind,source=/,target=/h,readonly"}},
		{"profile_baseline/unstable-binds", []string{"--mount", "type=bind,source=/srv,target=/s,readonly"}},
		{"profile_baseline/host-namespaces", []string{"--network", "host"}},
		{"profile_baseline/", []string{"--mount", "type=volume,target=/v,volume-driver=local,volume-opt=type=none,volume-opt=device=/,volume-opt=o=bind"}},
		{"is kept on another", []string{"--mount", "type=volume,source=data,target=/v"}},
		{"{{", []string{"--mount", "type=volume,source={{.Node.ID}},target=/v"}},
		{"io.bulkhead.owner", []string{"--container-label", "io.bulkhead.owner=bob"}},
		{"", []string{"--secret", "bobs-secret"}},
		{"", []string{"--config", "bobs-config"}},
	} {
		n.manager.mayNot("alice", c.why, n.on(append(append([]string{"--name", "bad"}, c.args...), "busybox:1", "true")...)...)
	}
	n.manager.mayNot("alice", "pull it first", n.on("--name", "bad", "elsewhere:1", "true")...)
	n.byID()
	// Where no profile refuses it, the swarm's own network of hosts is one like others.
	free := *n.manager
	free.dir, free.profile = filepath.Join(free.dir, "free"), "custom"
	fine(n.T, os.MkdirAll(free.dir, 0o700))
	free.people(person("free", model.SystemTenant, model.RoleAdministrator))
	free.may("free", "", n.on("--name", "hosts", "--network", "host", "busybox:1", "sleep", "600")...)
	n.inside(n.worker, "root", "hosts", "")
	free.may("free", "hosts", "service", "rm", "hosts")
	if out := n.manager.may("root", "", "service", "ls", "--filter", "name=bad"); strings.Contains(out, "bad") {
		n.Errorf("it was made: %s", out)
	}
}

// byID names what is another's by its id, which the command line does not: it looks names up first.
func (n *nodes) byID() {
	n.Helper()
	cli, err := client.New(client.WithHost("unix://" + n.manager.socket("alice")))
	fine(n.T, err)
	defer cli.Close()
	secret := n.manager.may("bob", "", "secret", "inspect", "--format", "{{.ID}}", "bobs-secret")
	config := n.manager.may("bob", "", "config", "inspect", "--format", "{{.ID}}", "bobs-config")
	for name, change := range map[string]func(*swarm.ContainerSpec){
		"a secret": func(c *swarm.ContainerSpec) {
			c.Secrets = []*swarm.SecretReference{{SecretID: secret, SecretName: "bobs-secret", File: &swarm.SecretReferenceFileTarget{Name: "s", UID: "0", GID: "0", Mode: 0o400}}}
		},
		"a configuration": func(c *swarm.ContainerSpec) {
			c.Configs = []*swarm.ConfigReference{{ConfigID: config, ConfigName: "bobs-config", File: &swarm.ConfigReferenceFileTarget{Name: "c", UID: "0", GID: "0", Mode: 0o400}}}
		},
		"the engine's socket": func(c *swarm.ContainerSpec) {
			c.Mounts = []mount.Mount{{Type: mount.TypeBind, Source: n.worker.engine.Socket, Target: "/s"}}
		},
	} {
		spec := swarm.ServiceSpec{Annotations: swarm.Annotations{Name: "bad"}, TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{Image: "busybox:1"}, Placement: &swarm.Placement{Constraints: []string{"node.id==" + n.id}},
		}}
		change(spec.TaskTemplate.ContainerSpec)
		if _, err := cli.ServiceCreate(n.Context(), client.ServiceCreateOptions{Spec: spec}); err == nil || strings.Contains(err.Error(), "bobs-") {
			n.Errorf("%s: %v", name, err)
		}
	}
	// A network of others by its name is what one is that is not there.
	n.manager.may("bob", "", "network", "create", "-d", "overlay", "bobs-lan")
	for i, name := range []string{"bobs-lan", "lans-bob"} {
		spec := swarm.ServiceSpec{Annotations: swarm.Annotations{Name: "bad"}, TaskTemplate: swarm.TaskSpec{
			ContainerSpec: &swarm.ContainerSpec{Image: "busybox:1"}, Networks: []swarm.NetworkAttachmentConfig{{Target: "lan"}, {Target: name}},
		}}
		_, err := cli.ServiceCreate(n.Context(), client.ServiceCreateOptions{Spec: spec})
		if want := "network " + name + " not found (/TaskTemplate/Networks/1/Target)"; err == nil || !strings.Contains(err.Error(), want) || !cerrdefs.IsInvalidArgument(err) {
			n.Errorf("%d: %v; want %s", i, err, want)
		}
	}
}

// networks that containers may join by hand come to a worker with the first task on them: before, the name is nobody's there.
func (n *nodes) networks() {
	n.Helper()
	m, w := n.manager, n.worker
	m.may("alice", "", "network", "create", "-d", "overlay", "--attachable", "open")
	join := []string{"run", "--rm", "--network", "open", "busybox:1", "sh", "-c", "echo joined"}
	for _, who := range []string{"alice", "bob"} {
		w.mayNot(who, "network open not found", join...)
	}
	m.may("alice", "joined", join...)
	m.mayNot("bob", "", join...)
	m.may("alice", "", n.on("--name", "there", "--network", "open", "busybox:1", "sleep", "600")...)
	n.inside(w, "alice", "there", "")
	w.may("alice", "joined", join...)
	for _, who := range []string{"bob", "carol"} {
		w.mayNot(who, "network open not found", join...)
	}
	m.may("alice", "", "service", "rm", "there")
}

// changes is a command about a service that the swarm may be changing at that moment: then it is tried again.
func (n *nodes) changes(who string, args ...string) (string, error) {
	n.Helper()
	for range 50 {
		if out, err := n.manager.docker(who, args...); err == nil || !strings.Contains(out, "out of sequence") {
			return out, err
		}
		time.Sleep(200 * time.Millisecond)
	}
	return "", errors.New("the swarm changes it all the time")
}

func (n *nodes) changed(who string, args ...string) {
	n.Helper()
	if out, err := n.changes(who, args...); err != nil {
		n.Errorf("%s: docker %s: %v: %s", who, strings.Join(args, " "), err, out)
	}
}

func (n *nodes) notChanged(who, why string, args ...string) {
	n.Helper()
	if out, err := n.changes(who, args...); err == nil || !strings.Contains(out, why) {
		n.Errorf("%s: docker %s: %v: %s; want a refusal with %q", who, strings.Join(args, " "), err, out, why)
	}
}

// updates: a service's new specification is judged as its first was, and so is what it goes back to.
func (n *nodes) updates() {
	n.Helper()
	m, w := n.manager, n.worker
	n.changed("alice", "service", "update", "-d", "--env-add", "A=1", "--no-resolve-image", "web")
	id := n.inside(w, "alice", "web", "A=1")
	w.may("alice", `"io.bulkhead.owner":"alice"`, "inspect", "--format", "{{json .Config.Labels}}", id)
	for _, c := range []struct {
		why  string
		args []string
	}{
		{"profile_baseline/capabilities", []string{"--cap-add", "SYS_ADMIN"}},
		{"profile_baseline/unstable-binds", []string{"--mount-add", "type=bind,source=/srv,target=/s,readonly"}},
		{"profile_baseline/host-namespaces", []string{"--network-add", "host"}},
		{"io.bulkhead.owner", []string{"--container-label-add", "io.bulkhead.owner=bob"}},
		{"", []string{"--secret-add", "bobs-secret"}},
	} {
		n.notChanged("alice", c.why, append(append([]string{"service", "update", "-d", "--no-resolve-image"}, c.args...), "web")...)
	}
	n.changed("alice", "service", "rollback", "-d", "web")
	m.may("alice", "null", "service", "inspect", "--format", "{{json .Spec.TaskTemplate.ContainerSpec.Env}}", "web")
	// Past the guard it was given more, and that was taken back: there is no way back to it.
	m.direct("version")
	n.changed("direct", "service", "update", "-d", "--mount-add", "type=bind,source=/srv,target=/s,readonly", "--no-resolve-image", "web")
	n.changed("direct", "service", "update", "-d", "--mount-rm", "/s", "--no-resolve-image", "web")
	n.notChanged("alice", "profile_baseline/unstable-binds", "service", "rollback", "-d", "web")
	id = n.inside(w, "alice", "web", "")
	w.mayNot("bob", "No such container", "exec", id, "id")
	m.may("alice", "web", "service", "rm", "web")
}

//go:build e2e

package guarded

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestGuardedSwarm: in a swarm, a developer works with own services, secrets and stacks, and with nothing of others, on both engines.
func TestGuardedSwarm(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			g := newGuarded(t, kind)
			g.people(person("alice", "acme", model.RoleDeveloper), person("bob", "globex", model.RoleDeveloper),
				person("oscar", "acme", model.RoleOperator), person("root", model.SystemTenant, model.RoleAdministrator))
			g.mayNot("alice", "outside of the caller", "swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
			g.may("root", "initialized", "swarm", "init", "--advertise-addr", "127.0.0.1", "--listen-addr", "127.0.0.1:2377")
			g.swarmItself()
			g.ownSecrets()
			g.ownServices()
			g.ownVolumes()
			g.ownStack()
			g.may("root", "left", "swarm", "leave", "--force")
		})
	}
}

// swarmItself: its tokens, keys and machines are for whoever answers for the host.
func (g *guarded) swarmItself() {
	g.Helper()
	for _, who := range []string{"root"} {
		g.may(who, "SWMTKN-", "swarm", "join-token", "-q", "worker")
		g.may(who, "SWMTKN-", "swarm", "join-token", "-q", "--rotate", "manager")
		g.may(who, "SWMKEY-", "swarm", "update", "--autolock=true")
		g.may(who, "SWMKEY-", "swarm", "unlock-key", "-q")
		g.may(who, "Swarm updated", "swarm", "update", "--autolock=false", "--cert-expiry", "720h")
		g.may(who, "Ready", "node", "ls")
		g.may(who, "Availability", "node", "inspect", "--pretty", "self")
		g.may(who, "", "node", "update", "--label-add", "zone=secret", g.node())
	}
	for _, who := range []string{"alice", "bob"} {
		for _, args := range [][]string{
			{"swarm", "join-token", "worker"},
			{"swarm", "join-token", "--rotate", "manager"},
			{"swarm", "unlock-key"},
			{"swarm", "update", "--cert-expiry", "1h"},
			{"swarm", "ca"},
			{"swarm", "leave", "--force"},
			{"node", "inspect", "self"},
			{"node", "update", "--availability", "drain", g.node()},
			{"node", "promote", g.node()},
			{"node", "rm", "--force", g.node()},
			{"node", "ls", "--filter", "node.label=zone=secret"},
		} {
			g.mayNot(who, "", args...)
		}
		if out := g.may(who, g.node(), "node", "ls", "--format", "{{json .}}"); strings.Contains(out, "secret") || strings.Contains(out, quoted(g.host())) {
			g.Errorf("%s sees %s", who, out)
		}
		if out := g.may(who, "active", "info", "--format", "{{json .Swarm}}"); strings.Contains(out, "127.0.0.1") {
			g.Errorf("%s sees %s", who, out)
		}
	}
}

func (g *guarded) node() string {
	g.Helper()
	return g.may("root", "", "info", "--format", "{{.Swarm.NodeID}}")
}

func (g *guarded) host() string {
	g.Helper()
	return g.may("root", "", "node", "inspect", "self", "--format", "{{.Description.Hostname}}")
}

// nameOnly has the command line list names alone, quoted: an id is random letters, which have any short name in them some day.
const nameOnly = "{{json .Name}}"

func quoted(name string) string { return `"` + name + `"` }

// write makes a file for the command line.
func (g *guarded) write(name, text string) string {
	g.Helper()
	path := filepath.Join(g.dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		g.Fatal(err)
	}
	return path
}

// ownSecrets: secrets and configurations have an owner, which nobody changes.
func (g *guarded) ownSecrets() {
	g.Helper()
	file := g.write("secret", "s3cret")
	for _, kind := range []string{"secret", "config"} {
		g.may("alice", "", kind, "create", "--label", "a=b", "own-"+kind, file)
		g.may("alice", "own-"+kind, kind, "ls")
		for _, want := range []string{`"io.bulkhead.owner":"alice"`, `"io.bulkhead.tenant":"acme"`, `"a":"b"`} {
			g.may("alice", want, kind, "inspect", "--format", "{{json .Spec.Labels}}", "own-"+kind)
		}
		g.may("root", "own-"+kind, kind, "ls")
		if out := g.may("bob", "", kind, "ls"); strings.Contains(out, "own-") {
			g.Errorf("bob sees %s", out)
		}
		g.mayNot("bob", "", kind, "inspect", "own-"+kind)
		g.mayNot("bob", "", kind, "rm", "own-"+kind)
		g.mayNot("bob", "", kind, "create", "--label", "io.bulkhead.owner=alice", "forged", file)
		g.mayNot("alice", "", kind, "create", "--label", "io.bulkhead.tenant=globex", "forged", file)
	}
	g.mayNot("alice", "plugin", "secret", "create", "--driver", "vault", "driven")
}

// runs waits until a service has a running task, and gives its container.
func (g *guarded) runs(who, service string) string {
	g.Helper()
	for range 150 {
		out, err := g.docker(who, "ps", "-q", "--filter", "label=com.docker.swarm.service.name="+service)
		if err == nil && out != "" {
			return strings.Fields(out)[0]
		}
		time.Sleep(200 * time.Millisecond)
	}
	out, _ := g.docker("root", "service", "ps", "--no-trunc", service)
	g.Fatalf("%s does not run for %s: %s", service, who, out)
	return ""
}

// ownServices: what a service runs is its owner's, and what it may run is what a container may.
func (g *guarded) ownServices() {
	g.Helper()
	g.may("alice", "", "network", "create", "-d", "overlay", "lan")
	g.may("alice", "verify", "service", "create", "--name", "web", "--network", "lan", "--secret", "own-secret", "--config", "source=own-config,target=/c",
		"--stop-grace-period", "0s", "--no-resolve-image", "busybox:1", "sh", "-c", "cat /run/secrets/own-secret; echo said; sleep 600")
	id := g.runs("alice", "web")
	g.may("alice", "s3cret", "exec", id, "cat", "/run/secrets/own-secret", "/c")
	g.may("alice", "said", "logs", id)
	g.may("alice", "said", "service", "logs", "web")
	g.may("alice", "web.1", "service", "ps", "web")
	g.may("alice", "web", "service", "ls")
	g.may("alice", `"io.bulkhead.owner":"alice"`, "service", "inspect", "--format", "{{json .Spec.Labels}}", "web")
	g.may("oscar", "web", "service", "ls")
	g.may("root", "said", "service", "logs", "web")
	if out := g.may("bob", "", "service", "ls", "--format", nameOnly) + g.may("bob", "", "ps", "-a", "--format", "{{json .Names}}"); strings.Contains(out, "web") {
		g.Errorf("bob sees %s", out)
	}
	for _, args := range [][]string{
		{"exec", id, "id"},
		{"logs", id},
		{"service", "logs", "web"},
		{"service", "ps", "web"},
		{"service", "inspect", "web"},
		{"service", "rollback", "-d", "web"},
		{"service", "update", "-d", "--env-add", "X=1", "web"},
		{"service", "scale", "-d", "web=0"},
		{"service", "rm", "web"},
		{"service", "create", "-d", "--name", "joins", "--network", "lan", "--no-resolve-image", "busybox:1", "true"},
		{"service", "create", "-d", "--name", "takes", "--secret", "own-secret", "--no-resolve-image", "busybox:1", "true"},
		{"service", "create", "-d", "--name", "takes", "--config", "own-config", "--no-resolve-image", "busybox:1", "true"},
		{"service", "create", "-d", "--name", "forged", "--container-label", "io.bulkhead.owner=alice", "--no-resolve-image", "busybox:1", "true"},
	} {
		g.mayNot("bob", "", args...)
	}
	for _, args := range [][]string{
		{"--mount", "type=bind,source=/,target=/h"},
		{"--cap-add", "SYS_ADMIN"},
		{"--network", "host"},
		{"--sysctl", "kernel.msgmax=1"},
		{"--replicas", "1001"},
		{"--mount", "type=volume,source={{.Service.Name}},target=/v"},
		{"--mount", `type=volume,target=/v,volume-driver=local,volume-opt=type=tmpfs,volume-opt=device={{index .Service.Labels "d"}},"volume-opt=o=size={{index .Service.Labels ""o""}}"`, "--label", "d=/", "--label", "o=1m,bind"},
	} {
		g.mayNot("alice", "", append(append([]string{"service", "create", "-d", "--name", "bad"}, args...), "--no-resolve-image", "busybox:1", "true")...)
	}
	g.mayNot("alice", "pull it first", "service", "create", "-d", "--name", "bad", "--no-resolve-image", "elsewhere:1", "true")
	g.rollsBack()
	g.may("alice", "web", "service", "rm", "web")
}

// rollsBack: what a service goes back to is judged like what it is.
func (g *guarded) rollsBack() {
	g.Helper()
	g.may("alice", "web", "service", "update", "-d", "--env-add", "A=1", "--no-resolve-image", "web")
	g.may("alice", "web", "service", "rollback", "-d", "web")
	// The host's own people gave it more, and took that back.
	g.direct("service", "update", "-d", "--mount-add", "type=bind,source=/,target=/h,readonly", "--no-resolve-image", "web")
	g.direct("service", "update", "-d", "--mount-rm", "/h", "--no-resolve-image", "web")
	g.mayNot("alice", "profile_baseline/host-root", "service", "rollback", "-d", "web")
	g.may("alice", "null", "service", "inspect", "--format", "{{json .Spec.TaskTemplate.ContainerSpec.Mounts}}", "web")
}

// direct goes past the guard.
func (g *guarded) direct(args ...string) string {
	g.Helper()
	if err := os.Symlink(g.engine.Socket, g.socket("direct")); err != nil && !os.IsExist(err) {
		g.Fatal(err)
	}
	return g.may("direct", "", args...)
}

// ownVolumes: a volume of a service is its owner's, and its name stays so while the service names it.
func (g *guarded) ownVolumes() {
	g.Helper()
	g.may("bob", "", "volume", "create", "bobs")
	g.mayNot("alice", "", "service", "create", "-d", "--name", "reads", "--mount", "type=volume,source=bobs,target=/v", "--no-resolve-image", "busybox:1", "true")
	g.may("alice", "", "service", "create", "-d", "--name", "keeps", "--replicas", "0", "--mount", "type=volume,source=later,target=/v", "--mount", "type=volume,target=/anonymous",
		"--stop-grace-period", "0s", "--no-resolve-image", "busybox:1", "sleep", "600")
	g.may("alice", "node.id==", "service", "inspect", "--format", "{{json .Spec.TaskTemplate.Placement.Constraints}}", "keeps")
	g.may("alice", `"io.bulkhead.owner":"alice"`, "volume", "inspect", "--format", "{{json .Labels}}", "later")
	g.may("alice", "later", "volume", "rm", "later")
	g.mayNot("bob", "", "volume", "create", "later")
	g.mayNot("bob", "", "run", "--rm", "-v", "later:/v", "busybox:1", "true")
	g.may("alice", "keeps", "service", "scale", "-d", "keeps=1")
	g.runs("alice", "keeps")
	if out := g.may("alice", "later", "volume", "ls", "-q"); len(strings.Fields(out)) != 2 {
		g.Errorf("volumes of alice: %s", out)
	}
	if out := g.may("bob", "", "volume", "ls", "-q"); out != "bobs" {
		g.Errorf("bob sees %s", out)
	}
	g.may("alice", "keeps", "service", "rm", "keeps")
}

// ownStack: a Compose file as a stack.
func (g *guarded) ownStack() {
	g.Helper()
	g.write("stack-file", "text")
	file := g.write("stack.yaml", `version: "3.8"
services:
  web:
    image: busybox:1
    command: sleep 600
    stop_grace_period: 0s
    configs: [c]
    secrets: [s]
    networks: [n]
    volumes: ["data:/data"]
networks: {n: {}}
volumes: {data: {}}
configs: {c: {file: ./stack-file}}
secrets: {s: {file: ./stack-file}}
`)
	deploy := []string{"stack", "deploy", "--resolve-image", "never", "-c", file, "st"}
	g.may("alice", "Creating service st_web", deploy...)
	g.runs("alice", "st_web")
	g.may("alice", "Updating service st_web", deploy...)
	g.may("alice", "st", "stack", "ls")
	g.may("alice", "st_web", "stack", "services", "st")
	g.may("alice", "st_web", "stack", "ps", "st")
	if out := g.may("bob", "", "stack", "ls", "--format", nameOnly) + g.may("bob", "", "network", "ls", "--format", nameOnly); strings.Contains(out, quoted("st")) || strings.Contains(out, "st_n") {
		g.Errorf("bob sees %s", out)
	}
	g.mayNot("bob", "", "stack", "ps", "st")
	_, _ = g.docker("bob", "stack", "rm", "st") // there is nothing of that name for bob, which is no error everywhere
	g.may("alice", "st_web", "service", "ls")
	g.may("alice", "Removing service st_web", "stack", "rm", "st")
}

//go:build e2e

package guarded

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/vishvananda/netns"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestGuardedHarden: what guard.harden adds is in the container, in what the client is told and in the record; what asks for as much itself stays
// as it is, and without the options nothing is added. On both engines.
func TestGuardedHarden(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			g := newGuarded(t, kind)
			image, digest := g.published()
			t.Run("off", func(t *testing.T) { g.with(t, config.GuardHarden{}).leavesAlone(image) })
			all := config.GuardHarden{
				NoNewPrivileges: true, DropCapabilities: []string{"ALL"}, ReadOnlyRoot: true, Memory: 64 << 20, PIDs: 50, CPUs: 0.5, PinDigest: true,
			}
			t.Run("on", func(t *testing.T) {
				h := g.with(t, all)
				pinned := strings.TrimSuffix(image, ":1") + "@" + digest
				h.hardens(image, pinned)
				h.lowers(pinned)
				h.leavesStricter(pinned)
			})
		})
	}
}

// with opens the developer's socket with these options, until the test ends.
func (g *guarded) with(t *testing.T, harden config.GuardHarden) *guarded {
	t.Helper()
	h := &guarded{T: t, dir: g.dir, id: g.id, engine: g.engine, log: &memory{}, harden: harden}
	h.people(person("alice", "acme", model.RoleDeveloper))
	return h
}

// published pushes an image to a registry, so that its name has a digest on every engine, and gives both.
func (g *guarded) published() (image, digest string) {
	g.Helper()
	l := g.listenInside()
	server := &http.Server{Handler: registry.New(registry.Logger(log.New(io.Discard, "", 0)))}
	go func() { _ = server.Serve(l) }()
	g.Cleanup(func() { _ = server.Close() })
	cli, err := g.engine.Client()
	if err != nil {
		g.Fatal(err)
	}
	defer cli.Close()
	name := l.Addr().String() + "/app"
	if _, err := lab.Load(g.Context(), cli, lab.Image{Tag: name + ":1"}); err != nil {
		g.Fatal(err)
	}
	res, err := cli.ImagePush(g.Context(), name+":1", client.ImagePushOptions{RegistryAuth: "e30="})
	if err != nil {
		g.Fatal(err)
	}
	said, err := io.ReadAll(res)
	if err != nil {
		g.Fatal(err)
	}
	in, err := cli.ImageInspect(g.Context(), name+":1")
	if err != nil {
		g.Fatal(err)
	}
	for _, d := range in.RepoDigests {
		if at, digest, ok := strings.Cut(d, "@"); ok && at == name {
			return name + ":1", digest
		}
	}
	g.Fatalf("the image has the digests %q; the engine said of the push: %s", in.RepoDigests, said)
	return "", ""
}

// listenInside listens where the engine's loopback is.
func (g *guarded) listenInside() net.Listener {
	g.Helper()
	type listening struct {
		net.Listener
		err error
	}
	done := make(chan listening)
	go func() {
		runtime.LockOSThread() // and ends with the thread, which is in the other network
		there, err := netns.GetFromPid(g.engine.PID())
		if err == nil {
			defer there.Close()
			err = netns.Set(there)
		}
		var l net.Listener
		if err == nil {
			l, err = net.Listen("tcp", "127.0.0.1:0")
		}
		done <- listening{l, err}
	}()
	l := <-done
	if l.err != nil {
		g.Fatal(l.err)
	}
	return l.Listener
}

// said is what the last record of a container made says was changed.
func (g *guarded) said() string {
	g.log.mu.Lock()
	defer g.log.mu.Unlock()
	for _, r := range slices.Backward(g.log.records) {
		if r.Changes[call.SaidCall] == "POST /containers/create" {
			return r.Changes[call.SaidWarnings]
		}
	}
	g.Error("no container made is in the records")
	return ""
}

// settings are those that harden is about.
func (g *guarded) settings(name string) map[string]string {
	g.Helper()
	var c container.InspectResponse
	if err := json.Unmarshal([]byte(g.may("alice", "", "inspect", "--type", "container", "--format", "{{json .}}", name)), &c); err != nil {
		g.Fatal(err)
	}
	if c.Config == nil || c.HostConfig == nil {
		g.Fatalf("%s has no settings", name)
	}
	h := c.HostConfig
	var pids int64
	if h.PidsLimit != nil {
		pids = max(*h.PidsLimit, 0)
	}
	list := map[string]any{
		"security": h.SecurityOpt, "add": h.CapAdd, "drop": h.CapDrop, "root": h.ReadonlyRootfs, "tmpfs": h.Tmpfs, "memory": h.Memory, "pids": pids, "cpus": h.NanoCPUs,
		"image": c.Config.Image,
	}
	said := map[string]string{}
	for k, v := range list {
		said[k] = strings.ReplaceAll(fmt.Sprint(v), "CAP_", "") // which engines put before names, or not
	}
	return said
}

// creates has the developer make a container, and looks at what it became, what the client was told and what was recorded. Each of changed is said
// to both, and where there is none, nothing is.
func (g *guarded) creates(name string, want map[string]string, changed []string, args ...string) {
	g.Helper()
	out := g.may("alice", "", append([]string{"create", "--name", name}, args...)...)
	if d := cmp.Diff(want, g.settings(name)); d != "" {
		g.Errorf("%s: %s", name, d)
	}
	said := g.said()
	for _, c := range changed {
		if !strings.Contains(out, warns+c) || !strings.Contains(said, c) {
			g.Errorf("%s: the client is told %q, and the record says %q; want %q in both", name, out, said, c)
		}
	}
	if n := strings.Count(out, warns); n != len(changed) || len(changed) == 0 && said != "" || said != "" && strings.Count(said, "; ")+1 != n {
		g.Errorf("%s: %d changes are told, want %d: %q, recorded %q", name, n, len(changed), out, said)
	}
	g.may("alice", "", "rm", name)
}

// warns begins what the client prints of the guard's own warnings.
const warns = "WARNING: bulkhead: "

const tmpfs = "rw,nosuid,nodev,noexec,size=67108864,mode=1777"

// hard is what becomes of a container that asks for nothing.
func hard(pinned string) map[string]string {
	return map[string]string{
		"security": "[no-new-privileges]", "add": "[]", "drop": "[ALL]", "root": "true", "tmpfs": "map[/run:" + tmpfs + " /tmp:" + tmpfs + "]",
		"memory": "67108864", "pids": "50", "cpus": "500000000", "image": pinned,
	}
}

// looks says of itself what it may.
const looks = "busybox grep -E 'NoNewPrivs|CapEff' /proc/self/status; busybox touch /x && echo wrote root; busybox touch /tmp/x && echo wrote tmp"

// leavesAlone: without the options nothing is added.
func (g *guarded) leavesAlone(image string) {
	g.Helper()
	g.creates("plain", map[string]string{
		"security": "[]", "add": "[]", "drop": "[]", "root": "false", "tmpfs": "map[]", "memory": "0", "pids": "0", "cpus": "0", "image": image,
	}, nil, image, "true")
	out := g.may("alice", "wrote tmp", "run", "--rm", image, "sh", "-c", looks)
	if !strings.Contains(out, "NoNewPrivs:\t0") || strings.Contains(out, "CapEff:\t0000000000000000") || !strings.Contains(out, "wrote root") || strings.Contains(out, warns) {
		g.Errorf("without the options: %s", out)
	}
}

// hardens: what asks for nothing gets everything.
func (g *guarded) hardens(image, pinned string) {
	g.Helper()
	changed := []string{
		"no-new-privileges is on", "all capabilities are dropped", "the root file system is read-only", "/tmp is memory of 67108864 bytes",
		"/run is memory of 67108864 bytes", "the limit of memory is 67108864 bytes", "the limit of processes is 50", "the limit of processors is 0.5",
		"the image " + image + " is " + pinned,
	}
	g.creates("plain", hard(pinned), changed, image, "true")
	out := g.may("alice", "wrote tmp", "run", "--name", "ran", image, "sh", "-c", looks)
	if !strings.Contains(out, "NoNewPrivs:\t1") || !strings.Contains(out, "CapEff:\t0000000000000000") || strings.Contains(out, "wrote root") {
		g.Errorf("it ran as %s", out)
	}
	for _, c := range changed {
		if !strings.Contains(out, warns+c) {
			g.Errorf("who runs it is not told %q: %s", c, out)
		}
	}
	if d := cmp.Diff(hard(pinned), g.settings("ran")); d != "" {
		g.Errorf("what ran: %s", d)
	}
	g.may("alice", "", "rm", "ran")
}

// lowers: what asks for more gets what is wanted, and keeps what it asked for by name.
func (g *guarded) lowers(pinned string) {
	g.Helper()
	want := hard(pinned)
	want["add"], want["drop"], want["tmpfs"] = "[CHOWN]", "[NET_RAW ALL]", "map[/run:"+tmpfs+" /tmp:size=1m]"
	g.creates("more", want, []string{
		"no-new-privileges is on", "all capabilities are dropped but for those that were asked for by name", "the root file system is read-only",
		"/run is memory of 67108864 bytes", "the limit of memory is 67108864 bytes", "the limit of processes is 50", "the limit of processors is 0.5",
	}, "--security-opt", "no-new-privileges=false", "--cap-add", "CHOWN", "--cap-drop", "NET_RAW", "--tmpfs", "/tmp:size=1m",
		"--memory", "1g", "--pids-limit", "1000", "--cpus", "1", pinned, "true")
}

// leavesStricter: what asks for the same, or for less, stays as it is.
func (g *guarded) leavesStricter(pinned string) {
	g.Helper()
	same := hard(pinned)
	same["tmpfs"] = "map[/run:size=1m /tmp:size=1m]"
	strict := []string{"--security-opt", "no-new-privileges", "--cap-drop", "ALL", "--read-only", "--tmpfs", "/tmp:size=1m", "--tmpfs", "/run:size=1m"}
	g.creates("same", same, nil, append(slices.Clone(strict), "--memory", "64m", "--pids-limit", "50", "--cpus", "0.5", pinned, "true")...)
	less := maps.Clone(same)
	less["memory"], less["pids"], less["cpus"] = "33554432", "20", "200000000"
	g.creates("less", less, nil, append(slices.Clone(strict), "--memory", "32m", "--pids-limit", "20", "--cpus", "0.2", pinned, "true")...)
}

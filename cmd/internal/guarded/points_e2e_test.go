//go:build e2e

package guarded

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestGuardedPoints: what developers of several tenants can't learn, reach or take by ways that are easily forgotten, on both engines.
func TestGuardedPoints(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			g := newGuarded(t, kind)
			registry := g.registryOfAll()
			g.people(person("alice", "acme", model.RoleDeveloper), person("bob", "globex", model.RoleDeveloper),
				person("sys", model.SystemTenant, model.RoleDeveloper), person("root", model.SystemTenant, model.RoleAdministrator))
			g.steps()
			g.ownBuilds()
			g.takenNames()
			g.ownEvents()
			g.namesOfOthers()
			g.heldByTwo(registry)
			g.readOnlyAbove(kind)
		})
	}
}

// context writes a Dockerfile, and gives the directory.
func (g *guarded) context(dockerfile string) string {
	g.Helper()
	dir, err := os.MkdirTemp(g.dir, "c")
	if err != nil {
		g.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644); err != nil {
		g.Fatal(err)
	}
	return dir
}

// get asks as somebody, or past the guard.
func (g *guarded) get(socket, target string, into any) {
	g.Helper()
	c := &http.Client{Transport: &http.Transport{Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", socket) }}}
	defer c.CloseIdleConnections()
	res, err := c.Get("http://docker" + target)
	if err != nil {
		g.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil || res.StatusCode != http.StatusOK {
		g.Fatalf("%s: %s %v %s", target, res.Status, err, text)
	}
}

// steps of a build that failed are whose the build was: nobody else runs them by id, not even the host's own developers.
func (g *guarded) steps() {
	g.Helper()
	g.mayNot("alice", "", "build", "-t", "alice/failed:1", g.context("FROM busybox:1\nRUN echo secret > /secret\nRUN false\n"))
	var all []struct {
		ID       string `json:"Id"`
		RepoTags []string
		Labels   map[string]string
	}
	g.get(g.engine.Socket, "/images/json?all=1", &all)
	found := 0
	for _, i := range all {
		if len(i.RepoTags) > 0 && !strings.Contains(i.RepoTags[0], "none") {
			continue
		}
		found++
		for _, who := range []string{"bob", "sys"} {
			g.mayNot(who, "No such image", "run", "--rm", i.ID, "cat", "/secret")
			g.mayNot(who, "", "history", i.ID)
		}
	}
	if found == 0 {
		g.Error("the build left nothing behind: it proves nothing")
	}
}

// ownBuilds: the builder keeps one's own steps, and own images are built upon.
func (g *guarded) ownBuilds() {
	g.Helper()
	dir := g.context("FROM busybox:1 AS one\nRUN cat /proc/sys/kernel/random/uuid > /key\nFROM busybox:1\nCOPY --from=one /key /key\n")
	g.may("alice", "", "build", "-t", "alice/base:1", dir)
	g.may("alice", "Using cache", "build", "-t", "alice/base:2", dir)
	g.may("alice", "", "build", "-t", "alice/upon:1", g.context("FROM alice/base:1\nCOPY --from=busybox:1 /bin/busybox /again\nRUN test -s /again\n"))
	mine := g.may("alice", "", "run", "--rm", "alice/upon:1", "cat", "/key")
	g.may("bob", "", "build", "-t", "bob/base:1", dir)
	if theirs := g.may("bob", "", "run", "--rm", "bob/base:1", "cat", "/key"); theirs == mine || len(theirs) < 30 {
		g.Errorf("bob has %q out of the cache; alice has %q", theirs, mine)
	}
	g.mayNot("sys", "", "run", "--rm", "alice/upon:1", "cat", "/key")
	if out := g.may("sys", "", "images"); strings.Contains(out, "alice") {
		g.Errorf("the host's own developers see %s", out)
	}
	g.may("root", "alice/upon", "images")
}

// takenNames: that a name can't be had is all that is told of who has it.
func (g *guarded) takenNames() {
	g.Helper()
	id := strings.TrimSpace(g.may("alice", "", "create", "--name", "taken", "-v", "taken:/d", "busybox:1", "true"))
	id = id[strings.LastIndexByte(id, '\n')+1:]
	for _, args := range [][]string{
		{"create", "--name", "taken", "busybox:1", "true"}, {"volume", "create", "taken"}, {"tag", "busybox:1", "alice/base:1"},
	} {
		out, err := g.docker("bob", args...)
		if err == nil || !strings.Contains(out, "is already in use. Take another name.") || strings.Contains(out, id[:12]) || strings.Contains(out, "alice\"") {
			g.Errorf("bob: %v: %v: %s", args, err, out)
		}
	}
	g.mayNot("alice", id[:12], "create", "--name", "taken", "busybox:1", "true") // her own
}

// ownEvents: of networks there is told what is one's own.
func (g *guarded) ownEvents() {
	g.Helper()
	since := time.Now().Add(-time.Second)
	g.may("alice", "", "network", "create", "hers")
	g.may("bob", "", "network", "create", "his")
	g.may("alice", "", "run", "--name", "on-hers", "--network", "hers", "busybox:1", "true")
	g.may("alice", "", "run", "--name", "on-bridge", "busybox:1", "true")
	out := g.may("alice", "", "events", "--since", since.Format(time.RFC3339), "--until", time.Now().Add(5*time.Second).Format(time.RFC3339),
		"--filter", "type=network", "--format", "{{.Action}} {{.Actor.Attributes.name}}")
	for _, want := range []string{"create hers", "connect hers", "disconnect hers", "connect bridge", "disconnect bridge"} {
		if !strings.Contains(out, want) {
			g.Errorf("alice is not told of %q:\n%s", want, out)
		}
	}
	if strings.Contains(out, "his") {
		g.Errorf("alice is told of bob's:\n%s", out)
	}
}

// readOnlyAbove: a directory of the host that has another mount below it is given read-only only where that is so for all of it.
func (g *guarded) readOnlyAbove(kind lab.Kind) {
	g.Helper()
	dir, err := os.MkdirTemp("/srv", "bulkhead-test-")
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { _ = os.RemoveAll(dir) })
	disk := filepath.Join(dir, "disk")
	if err := os.Mkdir(disk, 0o755); err != nil {
		g.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		g.Fatal(err)
	}
	g.may("alice", "", "run", "--rm", "-v", dir+":/m:ro", "busybox:1", "true")
	closed, err := os.MkdirTemp("/mnt", "bulkhead-test-") // is not in guard.readable_paths
	if err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() { _ = os.RemoveAll(closed) })
	g.mayNot("alice", "closed-binds", "run", "--rm", "-v", closed+":/m:ro", "busybox:1", "true")
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=1m"); err != nil {
		g.Fatal(err)
	}
	g.Cleanup(func() {
		if err := unix.Unmount(disk, unix.MNT_DETACH); err != nil {
			g.Error(err)
		}
	})
	out, err := g.docker("alice", "run", "--rm", "-v", dir+":/m:ro", "busybox:1", "sh", "-c", "echo x > /m/disk/planted")
	if _, serr := os.Stat(filepath.Join(disk, "planted")); serr == nil || err == nil {
		g.Errorf("%s: it wrote below a read-only mount: %v: %s", kind, err, out)
	}
	if kind == lab.Debian && !strings.Contains(out, "open-binds") {
		g.Errorf("it was not the guard that refused: %s", out)
	}
}

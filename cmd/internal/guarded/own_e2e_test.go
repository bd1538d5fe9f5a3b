//go:build e2e

package guarded

import (
	"os"
	"path/filepath"
	"strings"
)

// shares: alice, whose container "web" has a volume at /data, lets other containers of hers into it.
func (g *guarded) shares() {
	g.Helper()
	g.may("alice", "", "exec", "web", "sh", "-c", "echo note > /data/note")
	g.may("alice", "note", "run", "--rm", "--volumes-from", "web", "busybox:1", "cat", "/data/note")
	g.may("alice", "sleep 300", "run", "--rm", "--pid", "container:web", "busybox:1", "ps")
	g.may("alice", "lo", "run", "--rm", "--network", "container:web", "busybox:1", "ip", "link")
	for _, flag := range [][]string{{"--volumes-from", "web"}, {"--pid", "container:web"}, {"--network", "container:web"}, {"--ipc", "container:web"}} {
		g.mayNot("bob", "No such container", append(append([]string{"run", "--rm"}, flag...), "busybox:1", "true")...)
	}
	// It is whose it is that decides, also of what developers may not do at all.
	out := filepath.Join(g.dir, "web.tar")
	g.may("olga", "sha256:", "commit", "web", "olga/copy:1")
	g.may("olga", "olga/copy:1", "rmi", "olga/copy:1")
	g.may("olga", "", "export", "-o", out, "web")
	g.mayNot("oleg", "No such container", "commit", "web", "oleg/copy:1")
	g.mayNot("oleg", "No such container", "export", "-o", out, "web")
}

// prunes: cleaning up images takes one's own that nothing uses, and none of anybody else's.
func (g *guarded) prunes() {
	g.Helper()
	dir := filepath.Join(g.dir, "context")
	for _, who := range []string{"alice", "bob"} {
		for _, text := range []string{"first", "second"} {
			if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM busybox:1\nRUN echo "+text+" "+who+" > /made\n"), 0o644); err != nil {
				g.Fatal(err)
			}
			g.may(who, "", "build", "-t", who+"/pruned:1", dir)
		}
		g.may(who, "", "tag", who+"/pruned:1", who+"/pruned:2")
		if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM busybox:1\nRUN echo "+who+" > /used\n"), 0o644); err != nil {
			g.Fatal(err)
		}
		g.may(who, "", "build", "-t", who+"/used:1", dir)
		g.may(who, "", "run", "-d", "--name", who+"-uses", who+"/used:1", "sleep", "300")
	}
	g.may("alice", "", "run", "-d", "--name", "loud", "alice/loud:1", "sleep", "300")
	nameless := func() int { return len(strings.Fields(g.direct("images", "-q", "--filter", "dangling=true"))) }
	before := nameless()
	g.may("alice", "reclaimed space: 0B", "image", "prune", "-f", "--filter", "until=24h")
	g.mayNot("alice", "invalid filter 'before'", "image", "prune", "-f", "--filter", "before=busybox:1")
	if out := g.may("alice", "deleted: sha256:", "image", "prune", "-f"); nameless() != before-1 {
		g.Errorf("%d images without a name, and %d after alice removed hers: %s", before, nameless(), out)
	}
	g.may("alice", "untagged: alice/pruned:2", "image", "prune", "-af")
	left := g.direct("images", "--format", "{{.Repository}}:{{.Tag}}")
	for _, name := range []string{"busybox:1", "bob/pruned:1", "bob/pruned:2", "bob/used:1", "alice/used:1"} {
		if !strings.Contains(left, name) {
			g.Errorf("%s is gone: %s", name, left)
		}
	}
	if strings.Contains(left, "alice/pruned") {
		g.Errorf("alice's are left: %s", left)
	}
	if !recorded(g, "alice", "ImageDelete", "allowed") {
		g.Error("what was removed is in no log")
	}
	g.may("bob", "deleted: sha256:", "image", "prune", "-f")
	if n := nameless(); n != before-2 {
		g.Errorf("%d images without a name are left, of %d", n, before)
	}
	g.may("alice", "", "rm", "-f", "alice-uses", "loud")
	g.may("bob", "", "rm", "-f", "bob-uses")
}

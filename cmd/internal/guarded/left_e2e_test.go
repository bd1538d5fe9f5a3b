//go:build e2e

package guarded

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// image has somebody build an image with a file that says what it is.
func (g *guarded) image(id, name, says string) {
	g.Helper()
	dir := filepath.Join(g.dir, "context-"+says)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		g.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM busybox:1\nRUN echo "+says+" > /says\nCMD cat /says\n"), 0o644); err != nil {
		g.Fatal(err)
	}
	g.may(id, "", "build", "-t", name, dir)
}

// left makes a container past the guard, with alice's labels: as one is left that nobody held to what was judged.
func (g *guarded) left(name string, rest ...string) {
	g.Helper()
	args := []string{"--host", "unix://" + g.engine.Socket, "create", "--name", name, "--label", "io.bulkhead.tenant=acme", "--label", "io.bulkhead.owner=alice"}
	g.may("alice", "", append(args, rest...)...)
}

// TestWhatIsLeft: a container that was made and that no guard looked at any more is run by nobody who may not run what it is really made of.
func TestWhatIsLeft(t *testing.T) {
	for _, kind := range []lab.Kind{lab.Debian, lab.Current} {
		t.Run(string(kind), func(t *testing.T) {
			g := newGuarded(t, kind)
			g.people(person("alice", "acme", model.RoleDeveloper), person("bob", "globex", model.RoleDeveloper), person("root", model.SystemTenant, model.RoleAdministrator))
			past := func(want string, args ...string) {
				t.Helper()
				g.may("root", want, append([]string{"--host", "unix://" + g.engine.Socket}, args...)...)
			}
			g.image("bob", "bob/app:1", "bobs")
			g.may("bob", "", "volume", "create", "bobs")
			g.left("left", "bob/app:1")
			g.left("mounted", "-v", "bobs:/v", "busybox:1", "true")
			no := "No such image: bob/app:1"
			refused := func() {
				t.Helper()
				g.mayNot("alice", no, "start", "left")
				g.mayNot("alice", no, "restart", "left")
				g.mayNot("alice", no, "cp", "left:/says", "-")
				g.mayNot("alice", "bobs", "start", "mounted")
			}
			refused()
			g.may("root", "bobs", "start", "-a", "left") // who may run it, may
			g.may("alice", "", "rm", "left")
			g.left("left", "bob/app:1")
			// The image's name is alice's by now, or it has none, or it is gone.
			past("", "rmi", "-f", "bob/app:1")
			g.image("alice", "alice/any:1", "any") // by then the name is free
			refused()
			g.image("alice", "bob/app:1", "alices")
			refused()

			// What alice may run she may also when its image has no name left, or is not there.
			g.image("root", "host/app:1", "hosts")
			g.image("alice", "alice/app:1", "first")
			for name, image := range map[string]string{"host/app:1": "hosts", "alice/app:1": "first"} {
				g.may("alice", "", "create", "--name", image, name)
				g.may("alice", image, "start", "-a", image)
			}
			g.image("alice", "alice/app:1", "second")
			g.may("alice", "first", "start", "-a", "first")
			past("", "rmi", "-f", "host/app:1")
			g.image("bob", "host/app:1", "else")
			g.may("alice", "hosts", "start", "-a", "hosts")
			g.may("alice", "", "restart", "hosts")
		})
	}
}

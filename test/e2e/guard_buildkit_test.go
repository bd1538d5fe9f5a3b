//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// builders are people with an account each at a guard, and a command line that builds with BuildKit.
type builders struct {
	*testing.T
	dir, socket string
	docker      string // the newest command line
	plugins     string
}

// Users of the tests; they have no name on this machine.
func (b *builders) uid(name string) uint32 {
	return map[string]uint32{"alice": 4711, "bob": 4712, "carol": 4713}[name]
}

// newBuilders starts an engine and the guard as it is built: alice answers for the host, bob and carol develop, and a policy lets carol use
// BuildKit.
func newBuilders(t *testing.T, kind lab.Kind) *builders {
	t.Helper()
	e, _ := engine(t, kind)
	cli, err := e.Client()
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	if _, err := lab.Load(t.Context(), cli, lab.Image{Tag: "lab/sh:1", Config: v1.Config{Cmd: []string{"sleep", "600"}}}); err != nil {
		t.Fatal(err)
	}
	b := &builders{T: t, dir: shortDir(t)}
	b.must(os.Chmod(b.dir, 0o755))
	b.socket = filepath.Join(b.dir, "run", "g.sock")
	policies := filepath.Join(b.dir, "policies")
	b.must(os.Mkdir(policies, 0o700))
	b.must(os.WriteFile(filepath.Join(policies, "buildkit.cedar"), []byte(`@id("buildkit")
@reason("carol may build with BuildKit")
permit (principal == Bulkhead::User::"carol", action == Bulkhead::Action::"BuildKitUse", resource is Bulkhead::Host);
`), 0o600))
	config := filepath.Join(b.dir, "guard.yaml")
	b.must(os.WriteFile(config, fmt.Appendf(nil, `guard:
  data_dir: %[1]s/data
  engine: %[2]s
  socket: %[3]s
  socket_mode: "0666"
  policies: %[4]s
  accounts:
    - {name: alice, tenant: system, roles: [administrator], users: ["4711"], two_factors: true}
    - {name: bob, tenant: globex, roles: [developer], users: ["4712"]}
    - {name: carol, tenant: acme, roles: [developer], users: ["4713"]}
`, b.dir, e.Socket, b.socket, policies), 0o600))
	b.must(os.MkdirAll(filepath.Join(b.dir, "run"), 0o755))
	b.guard(config)
	b.tools()
	return b
}

func (b *builders) must(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// guard starts it, and waits for its socket.
func (b *builders) guard(config string) {
	b.Helper()
	cmd := exec.Command(binary(b.T), "guard", "docker", "--config", config)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir}
	b.must(cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
		if b.Failed() {
			b.Log(out.String())
		}
	})
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		if _, err := os.Stat(b.socket); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	b.Fatal("the guard has no socket")
}

// tools finds the newest command line and buildx.
func (b *builders) tools() {
	b.Helper()
	clients, err := exec.Command("../../scripts/clients-current").Output()
	b.must(err)
	engines, err := exec.Command("../../scripts/engine-current").Output()
	b.must(err)
	b.docker = filepath.Join(b.dir, "docker")
	b.copy(filepath.Join(strings.TrimSpace(string(clients)), "docker"), b.docker)
	b.plugins = filepath.Join(b.dir, "plugins")
	b.must(os.Mkdir(b.plugins, 0o755))
	b.copy(filepath.Join(strings.TrimSpace(string(engines)), "buildx"), filepath.Join(b.plugins, "docker-buildx"))
}

// copy puts a program where everybody reaches it.
func (b *builders) copy(from, to string) {
	b.Helper()
	text, err := os.ReadFile(from)
	b.must(err)
	b.must(os.WriteFile(to, text, 0o755))
}

// context is a directory with a Dockerfile, for everybody to read.
func (b *builders) context(dockerfile string) string {
	b.Helper()
	dir, err := os.MkdirTemp(b.dir, "c")
	b.must(err)
	b.must(os.Chmod(dir, 0o755))
	b.must(os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o644))
	b.must(os.WriteFile(filepath.Join(dir, "hello"), []byte("hello\n"), 0o644))
	return dir
}

// as runs a command line of somebody.
func (b *builders) as(name, docker string, env []string, args ...string) (string, error) {
	b.Helper()
	home := filepath.Join(b.dir, "home-"+name)
	if err := os.MkdirAll(filepath.Join(home, ".docker"), 0o755); err != nil {
		b.Fatal(err)
	}
	for _, d := range []string{home, filepath.Join(home, ".docker")} {
		b.must(os.Chown(d, int(b.uid(name)), int(b.uid(name))))
	}
	if _, err := os.Lstat(filepath.Join(home, ".docker", "cli-plugins")); err != nil {
		b.must(os.Symlink(b.plugins, filepath.Join(home, ".docker", "cli-plugins")))
	}
	ctx, cancel := context.WithTimeout(b.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, docker, args...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + home, "DOCKER_HOST=unix://" + b.socket, "BUILDKIT_PROGRESS=plain", "DOCKER_CLI_HINTS=false"}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: b.uid(name), Gid: b.uid(name)}}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (b *builders) may(name, want string, args ...string) {
	b.Helper()
	if out, err := b.as(name, b.docker, nil, args...); err != nil || !strings.Contains(out, want) {
		b.Errorf("%s: docker %s: %v: %s; want %q", name, strings.Join(args, " "), err, out, want)
	}
}

func (b *builders) mayNot(name, want string, args ...string) {
	b.Helper()
	out, err := b.as(name, b.docker, nil, args...)
	if err == nil || !strings.Contains(out, want) {
		b.Errorf("%s: docker %s: %v: %s; want a refusal with %q", name, strings.Join(args, " "), err, out, want)
	}
	b.Logf("%s: %s", name, out)
}

// ownPart is what the builder's progress says when it asks for a build's Dockerfile in the part of the session that is for that build alone.
const ownPart = "transferring dockerfile-judged-"

// TestBuildKit: who may use BuildKit builds with it through the guard, as far as the profile lets it, and others are told what to use instead.
func TestBuildKit(t *testing.T) {
	b := newBuilders(t, lab.Current)
	scratch := b.context("FROM scratch\nCOPY hello /hello\n")
	run := b.context("FROM lab/sh:1\nCOPY hello /hello\nRUN cat /hello > /made\n")

	b.may("alice", "", "build", "-t", "alice/scratch:1", scratch)
	b.may("alice", ownPart, "buildx", "build", "-t", "alice/run:1", run)
	b.may("alice", "hello", "run", "--rm", "alice/run:1", "cat", "/made")
	b.may("alice", "", "buildx", "du")
	b.may("alice", "", "buildx", "history", "ls")

	b.mayNot("bob", "DOCKER_BUILDKIT=0", "build", "-t", "bob/run:1", run)
	carols := b.context("FROM lab/sh:1\nCOPY hello /hello\nRUN echo carol > /who && cat /hello > /made\n")
	b.may("carol", "", "build", "-t", "carol/run:1", carols)
	b.may("carol", "hello", "run", "--rm", "carol/run:1", "cat", "/made")
	b.mayNot("bob", "", "run", "--rm", "carol/run:1", "cat", "/made")
	b.mayNot("carol", "", "build", "-t", "lab/sh:1", run)
	b.mayNot("carol", "", "buildx", "du")

	for _, name := range []string{"alice", "carol"} {
		b.mayNot(name, "host-namespaces", "buildx", "build", "--network", "host", "--allow", "network.host", "-t", name+"/host:1", run)
		b.mayNot(name, "profile_baseline/privileged", "buildx", "build", "--allow", "security.insecure", "-t", name+"/all:1", run)
	}
}

// TestBuildKitDockerfile: what a Dockerfile says is judged on its way to the builder, in the sessions that the real clients open.
func TestBuildKitDockerfile(t *testing.T) {
	b := newBuilders(t, lab.Current)
	private := b.context("FROM scratch\nCOPY hello /hello\n")
	if out, err := b.as("bob", b.docker, []string{"DOCKER_BUILDKIT=0"}, "build", "-t", "bob/private:1", private); err != nil {
		t.Fatal(err, out)
	}
	b.may("alice", "", "create", "--name", "base", "lab/sh:1", "true")
	b.may("alice", "", "commit", "--change", "ONBUILD COPY --from=bob/private:1 /hello /x", "base", "onbuild/theirs:1")
	b.may("alice", "", "commit", "--change", "ONBUILD COPY hello /x", "base", "onbuild/good:1")
	b.may("carol", "", "build", "-t", "carol/good:1", b.context("FROM onbuild/good:1\n"))
	b.may("carol", "hello", "run", "--rm", "carol/good:1", "cat", "/x")
	dockerfiles := []struct{ name, text, want string }{
		{"carol", "FROM onbuild/theirs:1\nCOPY hello /y\n", "no such thing on this host"},
		{"carol", "FROM bob/private:1\nCOPY hello /x\n", "no such thing on this host"},
		{"carol", "ARG I=nothing\nFROM scratch AS a\nCOPY hello /x\nFROM ${I}\nCOPY --from=a /x /x\n", "no such thing on this host"},
		{"carol", "FROM scratch\nCOPY --from=bob/private:1 /hello /x\n", "no such thing on this host"},
		{"carol", "FROM localhost:1/base:1\nCOPY hello /x\n", "guard.registries"},
		{"carol", "# syntax=localhost:1/frontend:1\nFROM scratch\nCOPY hello /x\n", "guard.registries"},
		{"alice", "FROM scratch\nADD http://169.254.169.254/latest/meta-data /x\n", "profile_baseline/build-remote"},
		{"carol", "FROM scratch\nADD http://h.invalid/x /x\n", "h.invalid"},
	}
	for i, d := range dockerfiles {
		dir, tag := b.context(d.text), fmt.Sprintf("%s/refused:%d", d.name, i)
		b.mayNot(d.name, d.want, "build", "--build-arg", "I=bob/private:1", "-t", tag, dir)
		b.mayNot(d.name, d.want, "buildx", "build", "--build-arg", "I=bob/private:1", "-t", tag, dir)
		if d.name == "alice" { // who sees that there is something
			b.mayNot(d.name, "audit record: ", "build", "-t", tag, dir)
		}
		b.mayNot(d.name, "", "image", "inspect", tag)
	}

	// Beside a Dockerfile of another name, with arguments and a large context, all goes on as before.
	dir := b.context("not this one")
	b.must(os.WriteFile(filepath.Join(dir, "large"), bytes.Repeat([]byte("0123456789abcdef"), 4<<20), 0o644))
	b.must(os.WriteFile(filepath.Join(dir, "Own.df"), []byte("ARG V=0\nFROM lab/sh:${V}\nCOPY large hello /\nRUN --mount=type=bind,from=lab/sh:1,target=/m wc -c < /large > /size\n"), 0o644))
	b.must(os.WriteFile(filepath.Join(dir, "Own.df.dockerignore"), []byte("Own.df\n"), 0o644))
	for range 2 {
		b.may("carol", "", "build", "-f", filepath.Join(dir, "Own.df"), "--build-arg", "V=1", "-t", "carol/own:1", dir)
	}
	b.may("carol", "67108864", "run", "--rm", "carol/own:1", "cat", "/size")
	b.must(os.Symlink("Own.df", filepath.Join(dir, "Linked.df")))
	b.mayNot("carol", "is a link, or behind one: name the file itself (-f); audit record: ", "buildx", "build", "-f", filepath.Join(dir, "Linked.df"), "--build-arg", "V=1", "-t", "carol/own:2", dir)
}

// TestBuildKitSessions: builds that share a session read their own Dockerfiles in it, and devices do not come over one.
func TestBuildKitSessions(t *testing.T) {
	b := newBuilders(t, lab.Current)
	dir := b.context("FROM scratch\nCOPY hello /one\n")
	b.must(os.WriteFile(filepath.Join(dir, "Two"), []byte("ARG V=0\nFROM lab/sh:${V}\nCOPY hello /two\n"), 0o644))
	b.must(os.WriteFile(filepath.Join(dir, "Evil"), []byte("FROM scratch\nADD http://169.254.169.254/x /x\n"), 0o644))
	bake := func(name string) string {
		text := fmt.Sprintf(`{"group": {"default": {"targets": ["a", "b"]}}, "target": {
			"a": {"context": %[1]q, "tags": ["alice/bake:a"]},
			"b": {"context": %[1]q, "dockerfile": %[2]q, "args": {"V": "1"}, "tags": ["alice/bake:b"]}}}`, dir, name)
		at := filepath.Join(dir, name+".json")
		b.must(os.WriteFile(at, []byte(text), 0o644))
		return at
	}
	b.may("alice", ownPart, "buildx", "bake", "--allow", "fs.read=*", "-f", bake("Two"))
	b.may("alice", "hello", "run", "--rm", "alice/bake:b", "cat", "/two")
	b.mayNot("alice", "build-remote", "buildx", "bake", "--allow", "fs.read=*", "-f", bake("Evil"))

	b.must(syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644))
	b.must(os.WriteFile(filepath.Join(dir, "All"), []byte("FROM scratch\nCOPY . /\n"), 0o644))
	b.mayNot("alice", "name it in .dockerignore", "build", "-f", filepath.Join(dir, "All"), "-t", "alice/pipe:1", dir)
	b.must(os.WriteFile(filepath.Join(dir, ".dockerignore"), []byte("pipe\n"), 0o644))
	b.may("alice", "", "build", "-f", filepath.Join(dir, "All"), "-t", "alice/pipe:1", dir)
}

// TestBuildKitOfTheOldEngine: the same with Debian's engine and its own command line, which asks for BuildKit by POST /build and a session.
func TestBuildKitOfTheOldEngine(t *testing.T) {
	b := newBuilders(t, lab.Debian)
	run := b.context("FROM lab/sh:1\nCOPY hello /hello\nRUN cat /hello > /made\n")
	const old = "/usr/bin/docker"
	build := func(name, want string, ok bool, args ...string) {
		t.Helper()
		out, err := b.as(name, old, []string{"DOCKER_BUILDKIT=1"}, append([]string{"build", "-t", name + "/run:1"}, args...)...)
		if (err == nil) != ok || !strings.Contains(out, want) {
			t.Errorf("%s: %v: %s; want %q", name, err, out, want)
		}
		if !ok {
			t.Logf("%s: %s", name, out)
		}
	}
	build("alice", "", true, run)
	b.may("alice", "hello", "run", "--rm", "alice/run:1", "cat", "/made")
	build("bob", "DOCKER_BUILDKIT=0", false, run)
	carols := b.context("FROM lab/sh:1\nCOPY hello /hello\nRUN echo carol > /who && cat /hello > /made\n")
	build("carol", "", true, carols)
	b.may("carol", "hello", "run", "--rm", "carol/run:1", "cat", "/made")
	b.mayNot("bob", "", "run", "--rm", "carol/run:1", "cat", "/made")
	build("alice", "", false, "--network", "host", run)
	b.may("alice", ownPart, "buildx", "build", "-t", "alice/x:1", run)
	b.mayNot("bob", "DOCKER_BUILDKIT=0", "buildx", "build", "-t", "bob/x:1", run)

	// What the Dockerfile says, and the program that would read it, is asked about here, too.
	build("alice", "build-remote", false, b.context("FROM scratch\nADD http://169.254.169.254/x /x\n"))
	build("carol", "guard.registries", false, b.context("# syntax=localhost:1/frontend:1\nFROM scratch\nCOPY hello /x\n"))
	build("carol", "guard.registries", false, "--build-arg", "BUILDKIT_SYNTAX=localhost:1/frontend:1", b.context("FROM scratch\nCOPY hello /x\n"))
	build("carol", "guard.registries", false, "--build-arg", "I=localhost:1/x:1", b.context("ARG I\nFROM ${I}\nCOPY hello /x\n"))
}

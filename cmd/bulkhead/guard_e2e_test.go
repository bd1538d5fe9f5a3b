//go:build e2e

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/cli"
	"github.com/bulkhead-security/bulkhead/cmd/internal/guarded"
	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
	"github.com/bulkhead-security/bulkhead/identity/authz"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/test/lab"
)

// memory keeps records.
type memory struct {
	mu      sync.Mutex
	records []model.Record
}

func (m *memory) Append(_ context.Context, r model.Record) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.records = append(m.records, r)
	return nil
}

func (m *memory) Later(ctx context.Context, r model.Record) error { return m.Append(ctx, r) }

// last gives the record of who came last, and forgets all.
func (m *memory) last() model.Record {
	m.mu.Lock()
	defer m.mu.Unlock()
	var r model.Record
	if n := len(m.records); n > 0 {
		r = m.records[n-1]
	}
	m.records = nil
	return r
}

// osUser is a process's user and group, with a supplementary group, and Docker's configuration.
type osUser struct {
	uid, gid uint32
	groups   []uint32
	env      []string
	flags    uintptr // of clone(2)
}

// The users of the tests have no name on this machine.
func users() (alice, bob, carol osUser) {
	return osUser{uid: 4711, gid: 4711}, osUser{uid: 4712, gid: 4712, groups: []uint32{4720}}, osUser{uid: 4713, gid: 4713}
}

// behind is a guard in front of a real engine.
type behind struct {
	dir    string
	engine *lab.Engine
	log    *memory
	g      *guarded.Raised
	stop   func() error
	config config.Config
}

// inFront starts a Debian engine and a guard in front of it.
func inFront(t *testing.T, change func(dir string, g *config.Guard)) *behind {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "bh-guard-")
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Chmod(dir, 0o755)) // other users pass
	b := &behind{dir: dir, log: &memory{}}
	b.engine, err = lab.StartEngine(ctx, lab.EngineOptions{Kind: lab.Debian, Private: true, Dir: filepath.Join(dir, "engine")})
	must(t, err)
	t.Cleanup(func() { must(t, b.engine.Stop(context.Background())) })
	b.config = config.Default()
	g := &b.config.Guard
	g.Engine, g.Socket, g.SocketMode, g.SocketGroup = b.engine.Socket, filepath.Join(dir, "run", "docker.sock"), "0666", ""
	g.Limits.Drain = 20 * time.Second
	g.Accounts = []config.GuardAccount{
		{
			Name: "alice", Tenant: "system", Roles: []string{"administrator"}, Users: []string{"4711"}, TwoFactors: true,
		},
		{Name: "staff", Tenant: "acme", Roles: []string{"developer"}, OSGroups: []string{"4720"}},
	}
	if change != nil {
		change(dir, g)
	}
	decider, err := authz.New(authz.Options{})
	must(t, err)
	b.g, err = guarded.Raise(b.config, guarded.Parts{
		Decider: decider, Log: b.log, Tenant: model.SystemTenant, Host: "h1", Dir: filepath.Join(dir, "engine"), Slog: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	must(t, err)
	t.Cleanup(func() { must(t, b.g.Close()) })
	run, end := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- b.g.Run(run) }()
	b.stop = sync.OnceValue(func() error { end(); return <-ended })
	t.Cleanup(func() { must(t, b.stop()) })
	return b
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// docker is Docker's own command line as a user.
func (b *behind) docker(t *testing.T, as osUser, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "docker", args...)
	cmd.Dir = "/"
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "DOCKER_HOST=unix://" + b.config.Guard.Socket}, as.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: as.uid, Gid: as.gid, Groups: as.groups}, Cloneflags: as.flags}
	return cmd
}

func TestGuardKnowsCallersAtTheSocket(t *testing.T) {
	b := inFront(t, nil)
	alice, bob, carol := users()
	contained := alice
	contained.flags = syscall.CLONE_NEWPID
	asRoot := osUser{flags: syscall.CLONE_NEWPID}
	for _, c := range []struct {
		name string
		as   osUser
		id   string
		say  string
	}{
		{"an account", alice, "alice", ""},
		{"a group", bob, "os:4712", ""},
		{"nobody here", carol, "", "uid 4713 of process"},
		{"root, who has no account", osUser{}, "", `adds ` + "`users: [\"root\"]`"},
		{"the same user in another process namespace", contained, "", "another process namespace"},
		{"root of another process namespace", asRoot, "", "from_containers"},
	} {
		out, err := b.docker(t, c.as, "ps").CombinedOutput()
		s := b.log.last()
		if c.id != "" && (err != nil || s.Actor != c.id || s.Credential != fmt.Sprint("Session::peer:", c.as.uid) || !strings.HasPrefix(s.UserAgent, "Docker-Client/")) {
			t.Errorf("%s: %v %s: %+v", c.name, err, out, s)
		}
		if c.id == "" && (err == nil || s.Actor != "" || !strings.Contains(string(out), c.say)) {
			t.Errorf("%s: %v %s: %+v", c.name, err, out, s)
		}
	}
	// Accounts change under a connection that stays, and without a restart.
	more := b.config
	more.Guard.Accounts = append(more.Guard.Accounts, config.GuardAccount{Name: "carol", Tenant: "acme", Roles: []string{"developer"}, Users: []string{"4713"}})
	must(t, b.g.Rights(more, nil))
	if out, err := b.docker(t, carol, "ps").CombinedOutput(); err != nil || b.log.last().Actor != "carol" {
		t.Errorf("%v %s", err, out)
	}
}

// authority writes a CA, and a certificate of 127.0.0.1.
func authority(t *testing.T, dir string) (ca, caKey, cert, key string) {
	t.Helper()
	var parent *x509.Certificate
	var by *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server"} {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		must(t, err)
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i + 1)), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(2, 0, 0),
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: i == 0, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		}
		if i == 0 {
			parent, by = c, k
		}
		der, err := x509.CreateCertificate(rand.Reader, c, parent, k.Public(), by)
		must(t, err)
		private, err := x509.MarshalPKCS8PrivateKey(k)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name+".pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644))
		must(t, os.WriteFile(filepath.Join(dir, name+".key"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600))
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	return at("ca.pem"), at("ca.key"), at("server.pem"), at("server.key")
}

// freePort is a port on loopback that nobody has.
func freePort(t *testing.T) string {
	t.Helper()
	port, err := lab.FreePort()
	must(t, err)
	return fmt.Sprintf("127.0.0.1:%d", port)
}

func TestGuardKnowsCallersOverTLS(t *testing.T) {
	secret, token := accounts.NewToken("ci", time.Now().Add(time.Hour))
	var ca, caKey string
	b := inFront(t, func(dir string, g *config.Guard) {
		ca, caKey, g.TLS.Certificate, g.TLS.Key = authority(t, dir)
		g.TLS.Listen, g.TLS.ClientCA = freePort(t), ca
		g.Accounts = append(g.Accounts, config.GuardAccount{Name: "dave", Tenant: "acme", Roles: []string{"developer"}, Certificates: []string{"cn:dave"}})
		g.Accounts = append(g.Accounts, config.GuardAccount{
			Name: "builds", Tenant: "acme", Roles: []string{"developer"}, Tokens: []config.GuardToken{{ID: "ci", SHA256: token.SHA256, Expires: token.Expires.Format(time.RFC3339)}},
		})
	})
	carol := osUser{uid: 4713, gid: 4713} // whom the socket does not know
	client := func(name string, out io.Writer, args ...string) []string {
		dir := filepath.Join(b.dir, name)
		app := &cli.App{Guard: guard{}, Out: out, Err: t.Output(), In: strings.NewReader(""), Environ: []string{"BULKHEAD_CONFIG=/dev/null"}}
		if code := app.Run(t.Context(), append([]string{"docker", "setup", "--user", name, "--ca", ca, "--ca-key", caKey, "--dir", dir}, args...)); code != 0 {
			t.Fatal(code)
		}
		must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if err == nil {
				err = os.Chown(path, int(carol.uid), int(carol.gid))
			}
			return err
		}))
		return []string{"DOCKER_HOST=tcp://" + b.config.Guard.TLS.Listen, "DOCKER_TLS_VERIFY=1", "DOCKER_CERT_PATH=" + dir}
	}
	ask := func(env ...string) (model.Record, string, error) {
		as := carol
		as.env = env
		out, err := b.docker(t, as, "ps").CombinedOutput()
		return b.log.last(), string(out), err
	}
	s, out, err := ask(client("dave", io.Discard)...)
	if err != nil || s.Actor != "dave" || !strings.HasPrefix(s.Credential, "Certificate::sha256:") || s.Address != "127.0.0.1" {
		t.Errorf("%v %s %+v", err, out, s)
	}
	if s, out, err = ask(client("mallory", io.Discard)...); err == nil || !strings.Contains(out, `certificates: ["cn:mallory"]`) {
		t.Errorf("another's certificate: %v %s %+v", err, out, s)
	}
	withToken := func(token string) []string {
		dir := filepath.Join(b.dir, "token")
		must(t, os.RemoveAll(dir))
		must(t, os.Mkdir(dir, 0o755))
		must(t, os.WriteFile(filepath.Join(dir, "config.json"), fmt.Appendf(nil, `{"HttpHeaders":{"Authorization":"Bearer %s"}}`, token), 0o644))
		b, err := os.ReadFile(ca)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, "ca.pem"), b, 0o644))
		return []string{"DOCKER_CONFIG=" + dir, "DOCKER_CERT_PATH=" + dir, "DOCKER_TLS_VERIFY=1"}
	}
	host := "DOCKER_HOST=tcp://" + b.config.Guard.TLS.Listen
	if s, out, err = ask(append(withToken(secret), host)...); err != nil || s.Actor != "builds" || s.Credential != "Token::ci" {
		t.Errorf("a token: %v %s %+v", err, out, s)
	}
	// The same token counts at the socket, in place of the process.
	if s, out, err = ask(withToken(secret)...); err != nil || s.Actor != "builds" || !strings.Contains(s.Address, "uid=4713") {
		t.Errorf("a token at the socket: %v %s %+v", err, out, s)
	}
	other, _ := accounts.NewToken("x", time.Now())
	if s, out, err = ask(append(withToken(other), host)...); err == nil || !strings.Contains(out, "no account has the bearer token") {
		t.Errorf("a token of nobody: %v %s %+v", err, out, s)
	}
	none := filepath.Join(b.dir, "token")
	must(t, os.Remove(filepath.Join(none, "config.json")))
	if s, out, err = ask(host, "DOCKER_CERT_PATH="+none, "DOCKER_TLS_VERIFY=1"); err == nil || !strings.Contains(out, "neither a client certificate nor a token") {
		t.Errorf("nothing: %v %s %+v", err, out, s)
	}
}

// TestGuardDrains stops the guard while somebody has a terminal open: that goes on until it ends, and its end is asked for; then nobody is let in.
func TestGuardDrains(t *testing.T) {
	b := inFront(t, func(_ string, g *config.Guard) { g.Limits.Drain = 2 * time.Minute }) // longer than the test
	alice, _, _ := users()
	direct, err := b.engine.Client()
	must(t, err)
	defer direct.Close()
	_, err = lab.Load(t.Context(), direct, lab.Image{Tag: "lab/drain:1", Config: v1.Config{Cmd: []string{"sleep", "600"}}})
	must(t, err)
	made, err := direct.ContainerCreate(t.Context(), client.ContainerCreateOptions{Name: "web", Config: &container.Config{Image: "lab/drain:1"}})
	must(t, err)
	_, err = direct.ContainerStart(t.Context(), made.ID, client.ContainerStartOptions{})
	must(t, err)
	cmd := b.docker(t, alice, "exec", "-i", "web", "cat")
	var said bytes.Buffer
	cmd.Stderr = &said
	in, err := cmd.StdinPipe()
	must(t, err)
	outPipe, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	out := bufio.NewReader(outPipe)
	echo := func(line string) {
		t.Helper()
		fmt.Fprintln(in, line)
		if got, err := out.ReadString('\n'); err != nil || got != line+"\n" {
			t.Fatalf("%q, %v, %s", got, err, &said)
		}
	}
	echo("before")
	stopped := make(chan error, 1)
	go func() { stopped <- b.stop() }()
	for range 10 {
		echo("while it stops")
		time.Sleep(100 * time.Millisecond)
	}
	select {
	case err := <-stopped:
		t.Fatal("it did not wait: ", err)
	default:
	}
	must(t, in.Close()) // cat ends, and with it the terminal
	must(t, cmd.Wait())
	select {
	case err := <-stopped:
		must(t, err)
	case <-time.After(30 * time.Second):
		t.Fatal("it waits for nobody")
	}
	if c, err := net.Dial("unix", b.config.Guard.Socket); err == nil {
		c.Close()
		t.Error("it is still open")
	}
}

// TestGuardWithSlowCallers has one user open a hundred connections and say nothing or little; another one works on.
func TestGuardWithSlowCallers(t *testing.T) {
	b := inFront(t, func(_ string, g *config.Guard) { g.Limits.HeaderTime = time.Minute })
	alice, _, _ := users()
	for i := range 100 {
		c, err := net.Dial("unix", b.config.Guard.Socket) // as root
		must(t, err)
		defer c.Close()
		if i%2 == 0 {
			_, err = io.WriteString(c, "GET /_ping HTTP/1.1\r\nHost: x\r\nX-Slow: ")
			must(t, err)
		}
	}
	began := time.Now()
	for range 5 {
		if out, err := b.docker(t, alice, "ps").CombinedOutput(); err != nil {
			t.Fatal(err, string(out))
		}
	}
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("5 calls took %s", took)
	}
}

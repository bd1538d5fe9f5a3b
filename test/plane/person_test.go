//go:build e2e

package plane

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

func binary(t testing.TB) string {
	t.Helper()
	bin := os.Getenv("BULKHEAD_BIN")
	if bin == "" {
		bin = "../../bin/bulkhead"
	}
	bin, err := filepath.Abs(bin)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(bin); err != nil {
		t.Fatalf("no binary: run make build, or set BULKHEAD_BIN: %v", err)
	}
	return bin
}

// serve starts a server on a directory of its own and stops it at the end of the test.
func serve(t testing.TB, args ...string) *lab.Server {
	t.Helper()
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s, err := lab.Serve(t.Context(), binary(t), filepath.Join(t.TempDir(), "data"), port, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the server said:\n%s", tail(s.Log(), 6000))
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// person is somebody with a home, in which the command line keeps what it keeps.
type person struct {
	t      testing.TB
	server *lab.Server
	home   string
	env    []string
	otp    *otp.Key
	step   uint64
}

func newPerson(t testing.TB, s *lab.Server) *person {
	t.Helper()
	return &person{t: t, server: s, home: t.TempDir()}
}

// result is what a command gave.
type result struct {
	stdout, stderr string
	code           int
}

func (p *person) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := p.server.Command(ctx, binary(p.t), args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.home}, p.env...)
	return cmd
}

// run runs the command line to its end.
func (p *person) run(args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 90*time.Second)
	defer cancel()
	cmd := p.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if ctx.Err() != nil || cmd.ProcessState == nil {
		p.t.Fatalf("%v did not end: %v %s", args, err, &errs)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// must runs a command that has to end well.
func (p *person) must(args ...string) string {
	p.t.Helper()
	r := p.run(args...)
	if r.code != 0 {
		p.t.Fatalf("%v ended with %d: %s%s", args, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// ask runs a command with --output json and reads its answer.
func (p *person) ask(into any, args ...string) {
	p.t.Helper()
	out := p.must(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(out), into); err != nil {
		p.t.Fatalf("%v wrote no JSON: %v\n%s", args, err, out)
	}
}

// enrol uses a link up on the command line, with an authenticator app.
func (p *person) enrol(link, name string) {
	p.t.Helper()
	file := filepath.Join(p.home, "password")
	if err := os.WriteFile(file, []byte("correct horse battery "+name+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 90*time.Second)
	defer cancel()
	args := []string{"enrol", link, "--password-file", file}
	if name != "" {
		args = append(args, "--name", name)
	}
	cmd := p.command(ctx, args...)
	in, err := cmd.StdinPipe()
	p.noError(err)
	out, err := cmd.StdoutPipe()
	p.noError(err)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	p.noError(cmd.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if uri := lines.Text(); strings.HasPrefix(uri, "otpauth://") {
			p.otp, err = otp.NewKeyFromURL(uri)
			p.noError(err)
			fmt.Fprintln(in, p.code())
		}
	}
	if err := cmd.Wait(); err != nil {
		p.t.Fatalf("enrol: %v: %s", err, &errs)
	}
	if p.otp == nil {
		p.t.Fatal("enrol showed no otpauth:// address")
	}
}

// invite makes a user of acme and gives the link for them.
func (p *person) invite(name, role string) string {
	p.t.Helper()
	return p.inviteTo(name, role, "acme")
}

// inviteTo makes an account in a tenant and gives its link.
func (p *person) inviteTo(name, role, tenant string) string {
	p.t.Helper()
	var made struct {
		Code string `json:"enrolment_code"`
	}
	p.ask(&made, "users", "create", name, "--tenant", tenant, "--role", role)
	_, ca, _ := strings.Cut(p.server.Link, "&ca=")
	return p.server.URL + "/enrol#code=" + made.Code + "&ca=" + ca
}

func (p *person) noError(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

// secret is the session that the command line keeps.
func (p *person) secret() string {
	p.t.Helper()
	path := filepath.Join(p.home, ".config", "bulkhead", "credentials.json")
	fi, err := os.Stat(path)
	p.noError(err)
	if fi.Mode().Perm() != 0o600 {
		p.t.Errorf("%s has mode %o", path, fi.Mode().Perm())
	}
	var c struct {
		Servers map[string]struct{ Secret string }
	}
	b, err := os.ReadFile(path)
	p.noError(err)
	p.noError(json.Unmarshal(b, &c))
	for _, s := range c.Servers {
		return s.Secret
	}
	p.t.Fatal("no credentials are kept")
	return ""
}

// post calls a method as curl would, with JSON, and gives status and body.
func (p *person) post(secret, method string, body, into any) (int, string) {
	p.t.Helper()
	b, err := json.Marshal(body)
	p.noError(err)
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodPost, p.server.URL+"/bulkhead.v1."+method, bytes.NewReader(b))
	p.noError(err)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Bulkhead-Session", "token")
	if secret != "" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	client := p.server.Client()
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	p.noError(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	p.noError(err)
	if res.StatusCode == http.StatusOK && into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			p.t.Fatalf("%s: %v\n%s", method, err, text)
		}
	}
	return res.StatusCode, string(text)
}

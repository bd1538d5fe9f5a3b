//go:build e2e

package plane

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// answer runs a command and answers what it asks for.
func (p *person) answer(with string, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 90*time.Second)
	defer cancel()
	cmd := p.command(ctx, args...)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(with+"\n"), &out, &errs
	if err := cmd.Run(); cmd.ProcessState == nil {
		p.t.Fatal(args, err)
	}
	return result{out.String(), errs.String(), cmd.ProcessState.ExitCode()}
}

// TestBreakGlass fills the disk with the log under a server whose database is elsewhere, and goes the way of the
// administrator: refused, signed in freshly, the break-glass opened, a change done, room made. Then every record is in the log
// once.
func TestBreakGlass(t *testing.T) {
	_, url := database(t)
	dir := smallDisk(t, 32<<20)
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	const fresh = 20 * time.Second // longer than what is done with a fresh factor
	env := []string{"BULKHEAD_SERVER_SIGN_IN_STEP_UP=" + fresh.String()}
	s, err := lab.Serve(t.Context(), binary(t), filepath.Join(dir, "data"), port, env, "--database", url, "--name", "one")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	enrolled := time.Now()
	l := &load{server: func() *lab.Server { return s }, tenant: "system", token: admin.secret()}
	create := func(name string) (int, string, string) { return l.create(t.Context(), name, name) }
	if status, record, body := create("before"); status != http.StatusOK || !strings.HasPrefix(record, "bulkhead/one/") {
		t.Fatalf("with room: %d %q %s", status, record, body)
	}

	fill := filepath.Join(dir, "fill")
	if err := lab.Fill(fill); err != nil {
		t.Fatal(err)
	}
	status, _, body := create("refused")
	if status == http.StatusOK || !strings.Contains(body, "audit_unavailable") || !strings.Contains(body, "break-glass") {
		t.Errorf("on a full disk: %d %s", status, body)
	}
	time.Sleep(time.Until(enrolled.Add(fresh)))
	open := []string{"audit", "break-glass", "--reason", "the disk is full, ticket 42", "--minutes", "5"}
	if r := admin.run(open...); r.code == 0 || !strings.Contains(r.stderr, "second factor") {
		t.Errorf("without a fresh factor: %d %s%s", r.code, r.stdout, r.stderr)
	}
	if r := admin.answer(admin.code(), "login", "--step-up"); r.code != 0 {
		t.Fatalf("step-up on a full disk: %d %s%s", r.code, r.stdout, r.stderr)
	}
	if out := admin.must(open...); !strings.Contains(out, "open until") {
		t.Error(out)
	}
	l.token = admin.secret()
	for i := range 3 {
		if status, record, body := create(fmt.Sprintf("glass-%d", i)); status != http.StatusOK || record != "" {
			t.Errorf("with the break-glass open: %d %q %s", status, record, body)
		}
	}

	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for len(admin.records("BreakGlassOpened")) == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("the spool is not in the log:\n%s", tail(s.Log(), 3000))
		}
	}
	if status, record, body := create("after"); status != http.StatusOK || !strings.HasPrefix(record, "bulkhead/one/") {
		t.Errorf("with room again: %d %q %s", status, record, body)
	}
	for action, want := range map[string]int{"GroupCreate": 5, "BreakGlassOpened": 1, "AuditBreakGlass": 1} {
		allowed := 0
		for _, r := range admin.records(action) {
			if r.Outcome == "allowed" {
				allowed++
			}
		}
		if allowed != want {
			t.Errorf("%d records of %s, not %d", allowed, action, want)
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	verifyOffline(t, admin, filepath.Join(dir, "data"))
}

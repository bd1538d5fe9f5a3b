//go:build e2e

package plane

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// TestBackupUnderLoad saves a server while it is written to, and brings it back in an empty place: on the same kind of
// database, and on the other.
func TestBackupUnderLoad(t *testing.T) {
	pg, url := database(t)
	for from, args := range map[string][]string{"sqlite": nil, "postgres": {"--database", url}} {
		empty, err := pg.Create(t.Context(), "after-"+from)
		if err != nil {
			t.Fatal(err)
		}
		t.Run("from "+from, func(t *testing.T) { backupUnderLoad(t, args, empty) })
	}
}

func backupUnderLoad(t *testing.T, args []string, empty string) {
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	s, err := lab.Serve(t.Context(), binary(t), dir, port, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	owner, token := tenantOwner(t, s)
	l := &load{server: func() *lab.Server { return s }, token: token, tenant: "acme"}
	l.start(t.Context(), 4)
	time.Sleep(time.Second)
	l.more(t)
	l.mu.Lock()
	before := len(l.changes)
	l.mu.Unlock()
	file := filepath.Join(t.TempDir(), "backup.tar.gz")
	owner.must(append([]string{"backup", file, "--data-dir", dir}, args...)...)
	l.mu.Lock()
	during := len(l.changes) - before
	l.mu.Unlock()
	l.end()
	if before < 10 || during < 1 {
		t.Fatalf("%d changes before the backup and %d meanwhile: the test shows nothing", before, during)
	}
	if fi, err := os.Stat(file); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", fi, err)
	}
	s.Kill() // what comes back takes its place, with its name and address
	for to, into := range map[string][]string{"sqlite": nil, "postgres": {"--database", empty}} {
		t.Run("to "+to, func(t *testing.T) { restored(t, owner, l, before, file, port, into) })
	}
}

// restored brings a server back and looks for all that was acknowledged before the backup.
func restored(t *testing.T, owner *person, l *load, before int, file string, port int, args []string) {
	dir := filepath.Join(t.TempDir(), "data")
	p := *owner
	p.t = t
	p.must(append([]string{"restore", file, "--data-dir", dir}, args...)...)
	s, err := lab.Serve(t.Context(), binary(t), dir, port, nil, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	p.server = s
	if s.Link != "" {
		t.Error("the restored server asks for a first administrator")
	}
	var list struct{ Groups []struct{ Name string } }
	p.ask(&list, "groups", "list", "--limit", "100000")
	stored := map[string]int{}
	for _, g := range list.Groups {
		stored[g.Name]++
	}
	for _, c := range l.changes[:before] {
		if stored[c.name] != 1 {
			t.Errorf("the group %s of before the backup is there %d times", c.name, stored[c.name])
		}
	}
	// What was saved is whole: each group that is there has its record.
	var have []change
	for _, c := range l.changes {
		if stored[c.name] == 1 {
			have = append(have, c)
		}
	}
	checkRecords(t, p.records("GroupCreate"), have)
	l2 := &load{server: func() *lab.Server { return s }, token: l.token, tenant: "acme"}
	if status, _, body := l2.create(t.Context(), "after", "after"); status != 200 {
		t.Errorf("a change at the restored server: %d %s", status, body)
	}
	p.enrolled(t)
	if r := p.run("backup", filepath.Join(t.TempDir(), "again.tar.gz"), "--data-dir", dir); r.code != 0 && args == nil {
		t.Errorf("the restored server can't be saved: %s", r.stderr)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	verifyOffline(t, &p, dir)
}

// enrolled signs in anew with password and code: the sealed secrets can be opened.
func (p *person) enrolled(t *testing.T) {
	t.Helper()
	var first struct{ Secret string }
	status, body := p.post("", "AuthService/SignIn", map[string]any{"tenant": "acme", "name": "olga", "password": "correct horse battery olga"}, &first)
	if status != 200 {
		t.Fatalf("sign in: %d %s", status, body)
	}
	if status, body := p.post(first.Secret, "AuthService/VerifyCode", map[string]any{"code": p.code()}, nil); status != 200 {
		t.Errorf("the second factor at the restored server: %d %s", status, body)
	}
}

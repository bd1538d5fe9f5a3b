//go:build e2e

package plane

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// kills is how often the server is killed on each database: a few in `make test`, a hundred in `make soak`.
func kills(t *testing.T) int {
	n, err := strconv.Atoi(os.Getenv("BULKHEAD_KILLS"))
	if err != nil {
		return 6
	}
	t.Logf("%d kills", n)
	return n
}

// TestKilledUnderLoad kills the server again and again while writers write. Nothing that was acknowledged may be lost, in
// the store or in the log, and nothing may be there twice.
func TestKilledUnderLoad(t *testing.T) {
	for name, args := range databases(t) {
		t.Run(name, func(t *testing.T) { killedUnderLoad(t, args) })
	}
}

func killedUnderLoad(t *testing.T, args []string) {
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "data")
	start := func() *lab.Server {
		s, err := lab.Serve(t.Context(), binary(t), dir, port, nil, args...)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	var now atomic.Pointer[lab.Server]
	now.Store(start())
	defer func() { now.Load().Kill() }()

	owner, token := tenantOwner(t, now.Load())
	l := &load{server: now.Load, token: token, tenant: "acme"}
	l.start(t.Context(), 8)
	seed := rand.New(rand.NewPCG(1, 2)) // the same moments in each run, as far as the machine allows
	for range kills(t) {
		time.Sleep(time.Duration(50+seed.IntN(400)) * time.Millisecond)
		now.Load().Kill()
		now.Store(start())
	}
	time.Sleep(300 * time.Millisecond)
	l.more(t)
	l.end()
	owner.server = now.Load()
	checkLoad(t, owner, l)
	if err := now.Load().Stop(); err != nil {
		t.Error(err)
	}
	verifyOffline(t, owner, dir)
	now.Store(start()) // for the deferred end
}

// tenantOwner makes the tenant acme with an owner, and a token of the owner's that may write groups.
func tenantOwner(t *testing.T, s *lab.Server) (*person, string) {
	t.Helper()
	admin := newPerson(t, s)
	admin.enrol(s.Link, "admin")
	admin.must("tenants", "create", "acme")
	owner := newPerson(t, s)
	owner.enrol(admin.invite("olga", "owner"), "olga")
	var token struct{ Secret string }
	owner.ask(&token, "tokens", "create", "load", "--scope", "GroupCreate", "--scope", "GroupList", "--scope", "AuditRead", "--scope", "AuditExport", "--days", "1")
	return owner, token.Secret
}

// checkLoad compares what was acknowledged with what the server has.
func checkLoad(t *testing.T, p *person, l *load) {
	t.Helper()
	for _, w := range l.wrong {
		t.Error("wrong answer:", w)
	}
	if len(l.changes) < 10 {
		t.Fatalf("only %d changes were acknowledged: the test shows nothing", len(l.changes))
	}
	var list struct{ Groups []struct{ Name string } }
	p.ask(&list, "groups", "list", "--limit", "100000")
	stored := map[string]int{}
	for _, g := range list.Groups {
		stored[g.Name]++
	}
	for _, c := range l.changes {
		if stored[c.name] != 1 {
			t.Errorf("the acknowledged group %s is there %d times", c.name, stored[c.name])
		}
	}
	if len(stored) != len(l.changes) {
		t.Errorf("there are %d groups, %d were asked for", len(stored), len(l.changes))
	}
	checkRecords(t, p.records("GroupCreate"), l.changes)
}

// checkRecords looks for each acknowledged change in the log, and for records that are there twice.
func checkRecords(t *testing.T, records []record, changes []change) {
	t.Helper()
	if err := doubled(records); err != nil {
		t.Error(err)
	}
	outcomes, made := map[string]string{}, map[string]bool{}
	for _, r := range records {
		outcomes[r.ID] = r.Outcome
		if r.Outcome == "allowed" && !strings.HasPrefix(r.Reason, "answered again") {
			made[r.Event.Unmapped.Changes["group.name"]] = true
		}
	}
	replayed := 0
	for _, c := range changes {
		switch {
		case !made[c.name]:
			t.Errorf("no record says that the acknowledged group %s was made", c.name)
		case c.record == "": // the answer was kept from before, and so was the record
			replayed++
		case outcomes[c.record] != "allowed":
			t.Errorf("the record %s of the acknowledged group %s is not in the log: %q", c.record, c.name, outcomes[c.record])
		}
	}
	t.Logf("%d changes acknowledged, %d of them after a restart, %d records", len(changes), replayed, len(records))
}

// doubled says which record is in the log in two places.
func doubled(records []record) error {
	places := map[string]string{}
	for _, r := range records {
		uid := r.Event.Metadata.UID
		if before, twice := places[uid]; uid == "" || twice {
			return fmt.Errorf("the record %q at %s is also at %q", uid, r.ID, before)
		}
		places[uid] = r.ID
	}
	return nil
}

type record struct {
	ID, Action, Outcome, Reason string // ID is the place: ORIGIN/INDEX
	ActorName                   string `json:"actor_name"`
	Event                       struct {
		Metadata struct{ UID string } // the record's own id
		Unmapped struct{ Changes map[string]string }
		Request  struct {
			Agent string `json:"user_agent"`
		} `json:"http_request"`
	}
}

// records gives all records of an action, once the index has caught up with the log. It follows each replica's log in its order
// and tries again after up to ten seconds, so a record that is made now comes after all that were made before.
func (p *person) records(action string) []record {
	p.t.Helper()
	search := func(filter string) []record {
		var found struct{ Records []record }
		p.ask(&found, "audit", "search", "--filter", filter, "--limit", "1000000")
		return found.Records
	}
	marker := fmt.Sprintf("marker-%d", time.Now().UnixNano())
	p.run("assessments", "show", marker) // there is none; that it was asked for is recorded
	for deadline := time.Now().Add(time.Minute); len(search(fmt.Sprintf("resource = %q", marker))) == 0; time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatal("a minute later the index has not caught up with the log")
		}
	}
	before := search(fmt.Sprintf("action = %q", action))
	for { // another replica's log has no marker
		time.Sleep(500 * time.Millisecond)
		now := search(fmt.Sprintf("action = %q", action))
		if len(now) == len(before) {
			return now
		}
		before = now
	}
}

// verifyOffline verifies a copy of the audit log with the public key alone.
func verifyOffline(t *testing.T, p *person, dir string) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "audit", "*.pub"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("there is no public key of a log in %s: %v", dir, err)
	}
	key, err := os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	r := p.run("audit", "verify", "--dir", strings.TrimSuffix(logs[0], ".pub"), "--key", strings.TrimSpace(string(key)))
	if r.code != 0 {
		t.Errorf("verify ended with %d: %s%s", r.code, r.stdout, r.stderr)
	}
}

// smallDisk is a disk of its own that can be filled.
func smallDisk(t *testing.T, size int64) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "small")
	if err := lab.SmallDisk(dir, size); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.UnmountDisk(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestFullDisk fills the disk under a running server: changes are refused with the reason, nothing is lost, and with
// space it goes on without a restart.
func TestFullDisk(t *testing.T) {
	dir := smallDisk(t, 96<<20)
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	s, err := lab.Serve(t.Context(), binary(t), filepath.Join(dir, "data"), port, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Kill()
	owner, token := tenantOwner(t, s)
	l := &load{server: func() *lab.Server { return s }, token: token, tenant: "acme"}
	l.start(t.Context(), 2)
	l.more(t)
	l.end()

	fill := filepath.Join(dir, "fill")
	if err := lab.Fill(fill); err != nil {
		t.Fatal(err)
	}
	var refused []string
	for i := range 200 {
		status, _, body := l.create(t.Context(), fmt.Sprintf("full-%d", i), fmt.Sprintf("full-%d", i))
		if status == http.StatusOK {
			l.changes = append(l.changes, change{name: fmt.Sprintf("full-%d", i), acked: true})
			continue
		}
		refused = append(refused, fmt.Sprint(status, " ", body))
		break
	}
	if len(refused) == 0 {
		t.Fatal("the disk was full and every change was acknowledged")
	}
	if !slices.ContainsFunc([]string{"audit_unavailable", `"unavailable"`}, func(code string) bool { return strings.Contains(refused[0], code) }) {
		t.Errorf("the refusal does not say why: %s", refused[0])
	}
	if err := os.Remove(fill); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(time.Minute)
	for {
		status, _, body := l.create(t.Context(), "after", "after")
		if status == http.StatusOK {
			l.changes = append(l.changes, change{name: "after", acked: true})
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("a minute after there was space again: %d %s", status, body)
		}
		time.Sleep(200 * time.Millisecond)
	}
	var list struct{ Groups []struct{ Name string } }
	owner.ask(&list, "groups", "list", "--limit", "100000")
	have := map[string]int{}
	for _, g := range list.Groups {
		have[g.Name]++
	}
	for _, c := range l.changes {
		if have[c.name] != 1 {
			t.Errorf("the acknowledged group %s is there %d times", c.name, have[c.name])
		}
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	verifyOffline(t, owner, filepath.Join(dir, "data"))
}

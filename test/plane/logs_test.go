//go:build e2e

package plane

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/test/lab"
)

// replica is a server that is stopped and started again on the same directory.
type replica struct {
	t    *testing.T
	dir  string
	port int
	args []string
	*lab.Server
}

func newReplica(t *testing.T, name string, args ...string) *replica {
	t.Helper()
	port, err := lab.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{t: t, dir: filepath.Join(t.TempDir(), name), port: port, args: append(args, "--name", name)}
	r.start()
	t.Cleanup(func() { r.stop() })
	return r
}

func (r *replica) start() {
	r.t.Helper()
	var err error
	if r.Server, err = lab.Serve(r.t.Context(), binary(r.t), r.dir, r.port, nil, r.args...); err != nil {
		r.t.Fatal(err)
	}
}

func (r *replica) stop() {
	r.t.Helper()
	if r.Server == nil {
		return
	}
	if err := r.Server.Stop(); err != nil {
		r.t.Error(err)
	}
	r.Server = nil
}

// log is the directory of the replica's log.
func (r *replica) log(name string) string { return filepath.Join(r.dir, "audit", name) }

// metric is a line of the metrics on the admin socket.
func (r *replica) metric(name string) string {
	r.t.Helper()
	c := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{Dial: func(string, string) (net.Conn, error) {
		return net.Dial("unix", filepath.Join(r.dir, "admin.sock"))
	}}}
	defer c.CloseIdleConnections()
	res, err := c.Get("http://admin/metrics")
	if err != nil {
		r.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, name) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

type logState struct {
	Origin   string
	Size     string
	Problems []string
	Verified string
}

// verify has the replica verify its log and compare the others', and gives what is known of each.
func (p *person) verify(r *replica) map[string]logState {
	p.t.Helper()
	p.server = r.Server
	secret := p.secret()
	var found struct{ Logs []logState }
	if status, body := p.post(secret, "AuditService/VerifyLogs", struct{}{}, &found); status != http.StatusOK {
		p.t.Fatalf("VerifyLogs: %d %s", status, body)
	}
	out := map[string]logState{}
	for _, l := range found.Logs {
		out[l.Origin] = l
	}
	return out
}

// grow writes records into the replica's log.
func (p *person) grow(r *replica, prefix string, n int) {
	p.t.Helper()
	p.server = r.Server
	secret := p.secret()
	for i := range n {
		if status, body := p.post(secret, "GroupService/CreateGroup", map[string]any{"group": map[string]any{"name": fmt.Sprintf("%s-%d", prefix, i)}}, nil); status != http.StatusOK {
			p.t.Fatalf("CreateGroup: %d %s", status, body)
		}
	}
}

// TestLogThatWentBackAndRegrew takes back a replica's log behind the backs of all, with all that its owner keeps on its own disk,
// and lets it outgrow what the other replica keeps of it. The other one says so, with the place.
func TestLogThatWentBackAndRegrew(t *testing.T) {
	for name, back := range map[string]func(t *testing.T, dir, earlier string){
		"rolled back": func(t *testing.T, dir, earlier string) {
			if err := os.CopyFS(dir, os.DirFS(earlier)); err != nil {
				t.Fatal(err)
			}
		},
		"truncated": func(*testing.T, string, string) {}, // nothing is left of it
	} {
		t.Run(name, func(t *testing.T) {
			_, url := database(t)
			one := newReplica(t, "one", "--database", url)
			admin := newPerson(t, one.Server)
			admin.enrol(one.Link, "admin")
			two := newReplica(t, "two", "--database", url, "--master-key-file", filepath.Join(one.dir, "master.key"))

			admin.grow(one, "a", 20)
			admin.verify(one)
			kept := admin.verify(two)["bulkhead/one"].Size // the first that is kept
			one.stop()
			earlier := filepath.Join(t.TempDir(), "earlier")
			if err := os.CopyFS(earlier, os.DirFS(one.log("one"))); err != nil {
				t.Fatal(err)
			}
			one.start()
			admin.grow(one, "b", 30)
			admin.verify(one)
			state := admin.verify(two)["bulkhead/one"]
			if len(state.Problems) > 0 || state.Size == kept {
				t.Fatalf("before anything was done: %+v, first kept %s", state, kept)
			}

			one.stop()
			for _, path := range []string{one.log("one"), filepath.Join(one.dir, "checkpoints")} {
				if err := os.RemoveAll(path); err != nil {
					t.Fatal(err)
				}
			}
			back(t, one.log("one"), earlier)
			one.start()
			admin.grow(one, "c", 60)
			own := admin.verify(one)["bulkhead/one"]
			if !strings.Contains(strings.Join(own.Problems, "; "), "forked: bulkhead/") {
				t.Errorf("the owner finds %+v", own)
			}
			admin.verify(two)
			admin.server = two.Server
			var found struct {
				Records []struct{ Origin, Reason string }
			}
			place := "it was rewritten between entry " + kept + " and entry "
			if name == "truncated" {
				place = "it was rewritten between entry 0 and entry "
			}
			// Who looks before it has grown again finds it rolled back, first.
			forked := func() bool {
				for _, r := range found.Records {
					if strings.HasPrefix(r.Reason, "forked: bulkhead/two keeps a signed checkpoint over ") && strings.Contains(r.Reason, place) {
						return true
					}
				}
				return false
			}
			for range 300 { // the index is a moment behind
				admin.ask(&found, "audit", "search", "--filter", `action = "AuditProblemFound" AND origin = "bulkhead/two"`)
				if forked() {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if !forked() {
				t.Fatalf("the other replica noticed %+v, without the place %q:\n%s", found.Records, place, tail(two.Log(), 3000))
			}
			if m := two.metric(`bulkhead_audit_log_problems{log="bulkhead/one"}`); m == "" || strings.HasSuffix(m, " 0") {
				t.Errorf("the gauge says %q", m)
			}
			if r := admin.run("audit", "verify"); r.code != 2 || !strings.Contains(r.stdout, place) {
				t.Errorf("audit verify ended with %d: %s%s", r.code, r.stdout, r.stderr)
			}
		})
	}
}

// TestVerifyJobReachesEveryReplica changes an entry on a replica's disk and runs the job: whichever replica has it, both verify.
func TestVerifyJobReachesEveryReplica(t *testing.T) {
	_, url := database(t)
	one := newReplica(t, "one", "--database", url)
	admin := newPerson(t, one.Server)
	admin.enrol(one.Link, "admin")
	two := newReplica(t, "two", "--database", url, "--master-key-file", filepath.Join(one.dir, "master.key"))
	admin.grow(two, "a", 5)
	admin.grow(one, "b", 5)
	for _, r := range []*replica{one, two} {
		name := filepath.Base(r.dir)
		bundles, err := filepath.Glob(filepath.Join(r.log(name), "tile/entries/000.p/*"))
		if err != nil || len(bundles) == 0 {
			t.Fatal(bundles, err)
		}
		for _, path := range bundles {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(strings.Replace(string(b), "GroupCreate", "GroupCreatf", 1)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	type job struct{ ID, State, Result string }
	var before struct{ Jobs []job }
	admin.server = one.Server
	deadline := time.Now().Add(4 * time.Minute)
	for { // the one of the start may still run, and one that is asked for meanwhile is the same
		admin.ask(&before, "jobs", "list", "--filter", `kind = "audit_verify"`)
		if len(before.Jobs) > 0 && before.Jobs[0].State == "completed" || time.Now().After(deadline) {
			break
		}
		time.Sleep(500 * time.Millisecond)
	}
	var made job
	admin.ask(&made, "jobs", "run", "audit_verify")
	for made.State != "completed" {
		if time.Now().After(deadline) {
			t.Fatalf("the job did not end: %+v", made)
		}
		time.Sleep(500 * time.Millisecond)
		var list struct{ Jobs []job }
		admin.ask(&list, "jobs", "list", "--filter", `kind = "audit_verify"`)
		made = list.Jobs[0]
	}
	for _, origin := range []string{"bulkhead/one", "bulkhead/two"} {
		line := ""
		for l := range strings.Lines(made.Result) {
			if strings.HasPrefix(l, origin+": ") {
				line = l
			}
		}
		if !strings.Contains(line, "entries verified") || !strings.Contains(line, "PROBLEM entry changed: ") {
			t.Errorf("the job says of %s: %q", origin, made.Result)
		}
	}
}

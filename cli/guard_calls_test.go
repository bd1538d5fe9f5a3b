package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/guard/calls"
	"github.com/bulkhead-security/bulkhead/guard/judge"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/test/judged"
)

// watched is the log of a guard that observes, with its public key beside it as the guard writes it.
func watched(t *testing.T, origin string) (*judged.Guard, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "audit")
	g := judged.New(t, dir, origin, judge.Parts{Host: "h1", Mode: judge.Observe})
	for i := range 3 {
		g.Run("dev", fmt.Sprint("web", i), judged.Plain())
	}
	g.Run("eve", "bad", judged.Privileged())
	g.Run("dev", "worse\x1b[2J", judged.Privileged())
	g.Export("eve", "web")
	g.StopFails("dev", "web")
	// The signed checkpoint over the last record comes a moment after it.
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if c, err := g.Log.Checkpoint(t.Context()); err == nil && c.Size == g.Log.Size() {
			break
		} else if time.Now().After(end) {
			t.Fatal(c, err)
		}
	}
	if err := os.WriteFile(dir+".pub", []byte(g.Key+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return g, dir
}

func TestGuardCallsOfALog(t *testing.T) {
	g, dir := watched(t, "bulkhead/guard/h1")
	s := newShell(t)
	list := func(args ...string) *bulkheadv1.ListGuardCallsResponse {
		t.Helper()
		code, out, errs := s.run(t, append([]string{"guard", "calls", "--log", dir, "-o", "json"}, args...)...)
		res := &bulkheadv1.ListGuardCallsResponse{}
		if code != ExitOK || protojson.Unmarshal([]byte(out), res) != nil {
			t.Fatalf("%v: exit %d: %s%s", args, code, out, errs)
		}
		return res
	}
	all := list().GetCalls()
	if len(all) != 8 || all[0].GetOutcome() != "failed" || all[7].GetResource().GetId() != "h1/web0" || !strings.HasPrefix(all[0].GetId(), "bulkhead/guard/h1/") {
		t.Fatalf("%v", all)
	}
	for args, want := range map[string]int{
		"--outcome would_refuse": 2, "--outcome refused": 1, "--actor eve": 2, "--actor id-eve --outcome would_refuse": 1, "--action ContainerCreate": 5,
		"--rule profile_baseline/privileged": 2, "--rule profile_baseline": 0, "--since 1h --limit 3": 3, "--until 2020-01-01": 0, "--key " + g.Key: 8, "--key " + dir + ".pub": 8,
	} {
		if got := list(strings.Fields(args)...).GetCalls(); len(got) != want {
			t.Errorf("%s: %d calls", args, len(got))
		}
	}
	code, out, _ := s.run(t, "guard", "calls", "--log", dir)
	for _, want := range []string{"would refuse", "profile_baseline/privileged", "leave out --privileged", "eve", "POST /containers/create", "Container bad"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	if code != ExitOK || strings.Contains(out, "\x1b") {
		t.Errorf("exit %d: %q", code, out)
	}
}

func TestGuardCallsOfALogIsVerifiedFirst(t *testing.T) {
	_, dir := watched(t, "bulkhead/guard/h1")
	other, _ := watched(t, "bulkhead/guard/h1")
	s := newShell(t)
	bare := filepath.Join(t.TempDir(), "none")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"calls --log " + dir + " --key " + other.Key, ExitNo, "not what was signed"},
		{"preview --log " + dir + " --key " + other.Key, ExitNo, "not what was signed"},
		{"calls --log " + bare, ExitError, "--key"},
		{"calls --log " + dir + " --key " + bare, ExitError, "public key"},
		{"calls --log " + dir + " --node n1", ExitError, "--node and --log"},
		{"preview --log " + dir + " --node n1", ExitError, "--node and --log"},
		{"calls --log " + dir + " --server https://localhost:1", ExitError, "none of the others"},
		{"calls --log " + dir + " --outcome good", ExitError, "would_refuse"},
		{"calls --log " + dir + " --limit 0", ExitError, "--limit"},
		{"preview --log " + dir + " --since later", ExitError, "--since"},
	} {
		code, out, errs := s.run(t, append([]string{"guard"}, strings.Fields(c.args)...)...)
		if code == ExitOK || c.code == ExitNo && code != ExitNo || !strings.Contains(errs, c.want) || strings.Contains(out, "ContainerCreate") {
			t.Errorf("%s: exit %d: %s%s", c.args, code, out, errs)
		}
	}
}

func TestGuardPreviewOfALog(t *testing.T) {
	_, dir := watched(t, "bulkhead/guard/h1")
	s := newShell(t)
	code, out, errs := s.run(t, "guard", "preview", "--log", dir, "-o", "json")
	res := &bulkheadv1.PreviewGuardResponse{}
	if code != ExitOK || protojson.Unmarshal([]byte(out), res) != nil {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	if res.GetCalls() != 7 || res.GetRead() != 8 || len(res.GetRules()) != 3 {
		t.Fatalf("%v", res)
	}
	i := slices.IndexFunc(res.GetRules(), func(r *bulkheadv1.GuardRule) bool { return r.GetRule() == "profile_baseline/host-namespaces" })
	r := res.GetRules()[max(i, 0)]
	if i < 0 || r.GetWouldRefuse() != 2 || r.GetRefused() != 0 || r.GetPeople() != 2 || r.GetRequirement() != "8.5.c" || !strings.Contains(r.GetReason(), "namespace") || len(r.GetRecords()) != 2 {
		t.Errorf("%v", r)
	}
	code, out, _ = s.run(t, "guard", "preview", "--log", dir)
	if code != ExitOK || !strings.Contains(out, "(none permits)") || !strings.Contains(out, "7 calls since") || !strings.Contains(out, "refused in enforce") {
		t.Errorf("exit %d: %s", code, out)
	}
}

func (p *plane) ListGuardCalls(_ context.Context, r *bulkheadv1.ListGuardCallsRequest) (*bulkheadv1.ListGuardCallsResponse, error) {
	p.saw(r)
	out := &bulkheadv1.ListGuardCallsResponse{}
	if r.GetPage().GetToken() == "" { // a part of the log in which nothing was found
		out.NextPage = "further"
		return out, nil
	}
	for i := range p.guarded {
		if c := calls.Of(&p.guarded[i]); c != nil && len(out.GetCalls()) < int(r.GetPage().GetSize()) {
			out.Calls = append(out.Calls, c)
		}
	}
	return out, nil
}

func (p *plane) PreviewGuard(_ context.Context, r *bulkheadv1.PreviewGuardRequest) (*bulkheadv1.PreviewGuardResponse, error) {
	p.saw(r)
	var v calls.Preview
	for i := range p.guarded {
		v.Add(calls.Of(&p.guarded[i]))
	}
	return &bulkheadv1.PreviewGuardResponse{Rules: v.Rules(nil), Calls: 9, Read: 10, Truncated: true, Since: r.GetSince()}, nil
}

func (p *plane) ListGuards(_ context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListGuardsResponse, error) {
	p.saw(r)
	if r.GetPage().GetToken() == "" {
		return &bulkheadv1.ListGuardsResponse{NextPage: "further"}, nil
	}
	return &bulkheadv1.ListGuardsResponse{Guards: []*bulkheadv1.Guard{
		{Node: "n1", NodeName: "web-1", Up: true, Mode: "observe", Profile: "baseline", Lock: "open", Status: "not_met", Started: timestamppb.Now()},
		{Node: "n2", NodeName: "web-2", Lock: "unknown"},
	}}, nil
}

func TestGuardOfTheFleet(t *testing.T) {
	p := newPlane(t)
	g, _ := watched(t, "bulkhead/node/n1")
	p.guarded = g.Records()
	s := p.signedIn(t, "bhs_first")
	node := strings.Repeat("ab", 16)
	code, out, errs := s.run(t, "guard", "calls", "--node", node, "--actor", "eve", "--outcome", "refused", "--rule", `x"y`, "--since", "24h", "--limit", "2", "--tenant", "acme")
	if code != ExitOK || strings.Count(out, "\n") != 3 || !strings.Contains(out, "n1") {
		t.Fatalf("exit %d: %s%s", code, out, errs)
	}
	asked, is := p.seen[len(p.seen)-1].(*bulkheadv1.ListGuardCallsRequest)
	want := `actor_name = "eve" AND outcome = "refused" AND rule = "x\"y" AND node = "` + node + `"`
	if !is || asked.GetPage().GetFilter() != want || asked.GetSince() == nil || asked.GetTenant() != "acme" || asked.GetPage().GetToken() != "further" {
		t.Errorf("%v", asked)
	}
	code, out, errs = s.run(t, "guard", "preview", "--node", node)
	preview, is := p.seen[len(p.seen)-1].(*bulkheadv1.PreviewGuardRequest)
	if code != ExitOK || !is || preview.GetNode() != node || preview.GetSince() == nil || !strings.Contains(out, "profile_baseline/privileged") || !strings.Contains(errs, "shorter time") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	code, out, errs = s.run(t, "guard", "list")
	if code != ExitOK || !strings.Contains(out, "web-1") || !strings.Contains(out, "observe") || !strings.Contains(out, "none") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}
	code, out, _ = s.run(t, "guard", "list", "-o", "json")
	if code != ExitOK || !json.Valid([]byte(out)) {
		t.Errorf("exit %d: %s", code, out)
	}
}

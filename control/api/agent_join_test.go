package api_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestJoinSecrets(t *testing.T) {
	secret, hash := api.NewJoinSecret()
	other, _ := api.NewJoinSecret()
	again, err := api.JoinHash(secret)
	if err != nil || !bytes.Equal(hash, again) || secret == other || !strings.HasPrefix(secret, "bhj_") || len(secret) != 68 {
		t.Errorf("%d %v", len(secret), err)
	}
	for _, bad := range []string{"", "bhj_", secret + "0", secret[:67], strings.ToUpper(secret), "bhj_" + strings.ToUpper(secret[4:]), "bht_" + secret[4:], secret[:67] + "x"} {
		if _, err := api.JoinHash(bad); model.CodeOf(err) != model.CodeUnauthenticated {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestTokensThatAreNotGood(t *testing.T) {
	for name, change := range map[string]func(*model.JoinToken){
		"expired": func(t *model.JoinToken) { t.Expires = t.Created },
		"revoked": func(t *model.JoinToken) { t.Revoked = t.Created },
		"used":    func(t *model.JoinToken) { t.Used, t.UsedBy = t.Created, "n1" },
		"unknown": func(t *model.JoinToken) { t.SecretHash = []byte("another") },
		"no token at all": func(t *model.JoinToken) {
			t.SecretHash = nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			y := newYard(t)
			secret := y.token("one", change)
			if name == "no token at all" {
				secret = "hello"
			}
			_, err := y.join(t, "web1", func(r *bulkheadv1.JoinRequest) { r.Token = secret })
			if d := refusedAs(t, err); d.GetCode() != "unauthenticated" || d.GetRemediation() == "" {
				t.Error(d)
			}
			r := y.last(t)
			if len(y.records) != 1 || r.Action != "NodeJoin" || r.Outcome != model.OutcomeRefused || r.Address == "" || len(y.members) != 0 {
				t.Errorf("%+v", y.records)
			}
			if known := name == "expired" || name == "revoked" || name == "used"; known != (r.Tenant == "acme" && r.Resource.ID == "one") {
				t.Errorf("%+v", r)
			}
			if strings.Contains(r.Reason, secret) || strings.Contains(err.Error(), secret) {
				t.Error("the secret shows")
			}
		})
	}
}

func TestStolenJoinToken(t *testing.T) {
	y := newYard(t)
	secret := y.token("one")
	m := y.joined(t, "web1", func(r *bulkheadv1.JoinRequest) { r.Token = secret })
	for range 3 {
		_, err := y.join(t, "thief", func(r *bulkheadv1.JoinRequest) { r.Token = secret })
		if refusedAs(t, err).GetCode() != "unauthenticated" {
			t.Error(err)
		}
	}
	e := y.told(model.EventJoinFail)
	if len(e) != 1 || e[0].Node != m.res.GetNode() || e[0].Severity != "high" || !strings.Contains(e[0].Text.EN, "192.0.2.7") || !strings.Contains(e[0].Text.EN, "127.0.0.1") ||
		!strings.Contains(e[0].Text.EN, "thief") {
		t.Errorf("%+v", e)
	}
	if len(y.records) != 4 {
		t.Errorf("%d records", len(y.records))
	}
	if _, err := m.Report(t.Context(), y.report()); err != nil {
		t.Errorf("the node itself: %v", err)
	}
}

func TestReplayedRequest(t *testing.T) {
	y := newYard(t)
	m := y.joined(t, "web1")
	second := y.token("two")
	replay := func(r *bulkheadv1.JoinRequest) { r.Token, r.Csr = second, m.csr }
	_, err := y.join(t, "web2", replay)
	if d := refusedAs(t, err); d.GetCode() != "exists" || d.GetField() != "csr" {
		t.Error(d)
	}
	if r := y.last(t); r.Outcome != model.OutcomeFailed || r.Of != y.records[1].ID || y.records[1].Outcome != model.OutcomeAllowed || len(y.told(model.EventJoinFail)) != 1 {
		t.Errorf("%+v", y.records)
	}
	// The key of a node that was removed, too.
	delete(y.members, m.res.GetNode())
	if _, err := y.join(t, "web2", replay); refusedAs(t, err).GetCode() != "exists" {
		t.Error(err)
	}
	if !y.tokens["two"].Used.IsZero() || len(y.members) != 0 {
		t.Error("a refused join used up its token")
	}
	for _, csr := range [][]byte{[]byte("hello"), append(bytes.Clone(m.csr), 1)} {
		if _, err := y.join(t, "web2", func(r *bulkheadv1.JoinRequest) { r.Token, r.Csr = second, csr }); refusedAs(t, err).GetField() != "csr" {
			t.Error(err)
		}
		if r := y.last(t); r.Outcome != model.OutcomeRefused || r.Resource != (model.Ref{Type: "JoinToken", ID: "two"}) {
			t.Errorf("%+v", r)
		}
	}
	if _, err := y.join(t, "web2", func(r *bulkheadv1.JoinRequest) { r.Token = second }); err != nil {
		t.Error(err)
	}
}

func TestNames(t *testing.T) {
	y := newYard(t)
	m := y.joined(t, "web1")
	id := m.res.GetNode()
	y.change(id, func(n *model.Member) {
		n.Health, n.LastSeen = model.HealthSilent, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	})
	_, err := y.join(t, "web1", func(r *bulkheadv1.JoinRequest) { r.Token = y.token("two") })
	d := refusedAs(t, err)
	if d.GetCode() != "exists" || !strings.Contains(d.GetRemediation(), "bulkhead nodes join-token --replaces "+id) || !strings.Contains(err.Error(), "silent") ||
		!strings.Contains(err.Error(), "2026-01-02T03:04:05Z") || y.last(t).Outcome != model.OutcomeRefused {
		t.Errorf("%v %v", err, d)
	}
	// Another tenant's names are its own.
	if _, err := y.join(t, "web1", func(r *bulkheadv1.JoinRequest) {
		r.Token = y.token("g", func(t *model.JoinToken) { t.Tenant = "globex" })
	}); err != nil {
		t.Error(err)
	}
	replacing := func(name, replaces string) (*machine, error) {
		return y.join(t, name, func(r *bulkheadv1.JoinRequest) {
			r.Token = y.token("r-"+name+replaces, func(t *model.JoinToken) { t.Replaces = replaces })
		})
	}
	if _, err := replacing("web3", id); refusedAs(t, err).GetField() != "name" {
		t.Error(err)
	}
	if _, err := replacing("web1", "nobody"); refusedAs(t, err).GetCode() != "not_found" {
		t.Error(err)
	}
	for _, other := range y.members {
		if other.Tenant == "globex" {
			if _, err := replacing("web1", other.ID); refusedAs(t, err).GetCode() != "not_found" {
				t.Errorf("replaces another tenant's node: %v", err)
			}
		}
	}
	fresh, err := replacing("web1", id)
	if err != nil || fresh.res.GetNode() == id {
		t.Fatal(err)
	}
	if e := y.told(model.EventRevoked); len(e) != 1 || e[0].Node != id || !strings.Contains(e[0].Text.EN, fresh.res.GetNode()) {
		t.Errorf("%+v", e)
	}
	if _, err := fresh.Report(t.Context(), y.report()); err != nil {
		t.Error(err)
	}
	if _, err := m.Report(t.Context(), y.report()); refusedAs(t, err).GetCode() != "unauthenticated" {
		t.Errorf("the replaced node: %v", err)
	}
}

// TestPoolThatWasDeleted: a token outlives its pool, and is of no use without it.
func TestPoolThatWasDeleted(t *testing.T) {
	y := newYard(t)
	pool := &model.Pool{ID: "acme/web", Tenant: "acme", Name: "web"}
	secret := y.token("one", func(t *model.JoinToken) { t.Pool = "web" })
	join := func() (*machine, error) {
		return y.join(t, "web1", func(r *bulkheadv1.JoinRequest) { r.Token = secret })
	}
	_, err := join()
	d := refusedAs(t, err)
	if d.GetCode() != "not_found" || d.GetField() != "token" || !strings.Contains(err.Error(), `the pool "web"`) || !strings.Contains(d.GetRemediation(), "pools create web") {
		t.Errorf("%v %v", err, d)
	}
	if r := y.last(t); len(y.records) != 1 || r.Outcome != model.OutcomeRefused || r.Resource != (model.Ref{Type: "JoinToken", ID: "one"}) || !strings.Contains(r.Reason, "not_found") {
		t.Errorf("%+v", y.records)
	}
	if !y.tokens["one"].Used.IsZero() || len(y.members) != 0 {
		t.Error("a refused join used up its token")
	}
	if err := y.store.CreatePool(t.Context(), pool); err != nil {
		t.Fatal(err)
	}
	m, err := join()
	if err != nil || y.members[m.res.GetNode()].Pool != "web" {
		t.Errorf("%v %+v", err, y.members)
	}
}

func TestClonedMachines(t *testing.T) {
	y := newYard(t)
	a := y.joined(t, "web1")
	b := y.joined(t, "web2", func(r *bulkheadv1.JoinRequest) { r.Machine = a.res.GetNode() })
	c := y.joined(t, "web3", func(r *bulkheadv1.JoinRequest) { r.Machine = "" })
	ids := map[string]bool{a.res.GetNode(): true, b.res.GetNode(): true, c.res.GetNode(): true}
	if len(ids) != 3 || y.members[b.res.GetNode()].Machine != a.res.GetNode() || len(b.res.GetNode()) != 32 {
		t.Errorf("%v", ids)
	}
}

func TestNoRecordNoJoin(t *testing.T) {
	y := newYard(t)
	y.auditErr = errors.New("disk full")
	_, err := y.join(t, "web1")
	if d := refusedAs(t, err); d.GetCode() != "audit_unavailable" || len(y.members) != 0 || !y.tokens["token-web1"].Used.IsZero() {
		t.Errorf("%v %v", d, y.members)
	}
}

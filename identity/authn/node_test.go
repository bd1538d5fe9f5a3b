package authn

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// registry has one node and reads certificates that are written as serial/key, with "expired " before them where they are.
type registry struct {
	m    *model.Member
	down error
	used []string
	told []string
	now  time.Time
}

func (r *registry) Node(_ context.Context, id string) (*model.Member, error) {
	if r.down != nil {
		return nil, r.down
	}
	if r.m == nil || id != r.m.ID {
		return nil, &model.Error{Code: model.CodeNotFound, Message: "no such node"}
	}
	m := *r.m
	return &m, nil
}

func (r *registry) UseCertificate(_ context.Context, id, serial string) error {
	r.used = append(r.used, id+" "+serial)
	r.m.Previous = ""
	return nil
}

func (r *registry) Verify(certificate []byte, _ time.Time, grace time.Duration) (model.NodeCertificate, error) {
	text, expired := strings.CutPrefix(string(certificate), "expired ")
	serial, key, ok := strings.Cut(text, "/")
	if !ok || expired && grace == 0 {
		return model.NodeCertificate{}, errors.New("forged")
	}
	return model.NodeCertificate{ID: "n1", Serial: serial, KeyHash: []byte(key), Expired: expired, Ends: r.now}, nil
}

func newRegistry(t *testing.T) (*registry, *Nodes) {
	t.Helper()
	r := &registry{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), m: &model.Member{
		ID: "n1", Tenant: "acme", Name: "web", KeyHash: []byte("key"), Serial: "s3", Previous: "s2", Health: model.HealthUp,
	}}
	n, err := NewNodes(NodeOptions{
		Store: r, Authority: r, Grace: time.Hour, Clock: func() time.Time { return r.now },
		Reused: func(_ context.Context, m *model.Member, serial string) { r.told = append(r.told, m.Name+" "+serial) },
	})
	if err != nil {
		t.Fatal(err)
	}
	return r, n
}

func TestNodes(t *testing.T) {
	for name, x := range map[string]struct {
		certificate string
		change      func(*registry)
		expiredToo  bool
		code        model.Code
		reused      bool
		unknown     bool // the node is not given with the error
	}{
		"newest":                       {certificate: "s3/key"},
		"the one before":               {certificate: "s2/key"},
		"an older one":                 {certificate: "s1/key", code: model.CodeUnauthenticated, reused: true},
		"the one before, used up":      {certificate: "s2/key", change: func(r *registry) { r.m.Previous = "" }, code: model.CodeUnauthenticated, reused: true},
		"no serial":                    {certificate: "/key", change: func(r *registry) { r.m.Previous = "" }, code: model.CodeUnauthenticated, reused: true},
		"forged":                       {certificate: "forged", code: model.CodeUnauthenticated, unknown: true},
		"nothing":                      {certificate: "", code: model.CodeUnauthenticated, unknown: true},
		"another key":                  {certificate: "s3/other", code: model.CodeUnauthenticated},
		"revoked":                      {certificate: "s3/key", change: func(r *registry) { r.m.Revoked = r.now }, code: model.CodeUnauthenticated},
		"revoked, for its renewal":     {certificate: "s3/key", change: func(r *registry) { r.m.Health = model.HealthRevoked }, expiredToo: true, code: model.CodeUnauthenticated},
		"removed":                      {certificate: "s3/key", change: func(r *registry) { r.m = nil }, code: model.CodeUnauthenticated, unknown: true},
		"expired":                      {certificate: "expired s3/key", code: model.CodeUnauthenticated},
		"expired, for its renewal":     {certificate: "expired s3/key", expiredToo: true},
		"expired and old, for renewal": {certificate: "expired s1/key", expiredToo: true, code: model.CodeUnauthenticated, reused: true},
		"the store is down":            {certificate: "s3/key", change: func(r *registry) { r.down = errors.New("no route") }, code: model.CodeUnavailable, unknown: true},
	} {
		t.Run(name, func(t *testing.T) {
			r, n := newRegistry(t)
			if x.change != nil {
				x.change(r)
			}
			p, m, err := n.AuthenticateNode(t.Context(), []byte(x.certificate), x.expiredToo)
			if model.CodeOf(err) != x.code || (len(r.told) == 1) != x.reused {
				t.Fatalf("%v, told %v", err, r.told)
			}
			if err != nil {
				if p.ID != "" || (m == nil) != x.unknown {
					t.Errorf("%+v %+v", p, m)
				}
				return
			}
			if p.Ref != (model.Ref{Type: "Node", ID: "n1"}) || p.Tenant != "acme" || p.Name != "web" || !slices.Equal(p.Roles, []string{"node"}) ||
				!slices.Equal(p.Hosts, []string{"n1"}) || p.Credential.Type != "Certificate" || p.Auth.MFA || p.Scopes != nil || m.ID != "n1" ||
				!bytes.Equal(m.KeyHash, []byte("key")) {
				t.Errorf("%+v %+v", p, m)
			}
		})
	}
}

// TestRenewedCertificate: the answer of a renewal may be lost, so the one before counts until the newest is used.
func TestRenewedCertificate(t *testing.T) {
	r, n := newRegistry(t)
	try := func(certificate string, good bool) {
		t.Helper()
		if _, _, err := n.AuthenticateNode(t.Context(), []byte(certificate), false); good != (err == nil) {
			t.Errorf("%s: %v", certificate, err)
		}
	}
	try("s2/key", true)
	try("s2/key", true)
	if len(r.used) != 0 {
		t.Error(r.used)
	}
	try("s3/key", true)
	try("s3/key", true)
	if !slices.Equal(r.used, []string{"n1 s3"}) {
		t.Errorf("told the store %v", r.used)
	}
	try("s2/key", false)
	try("s2/key", false)
	try("s3/key", true)
	if !slices.Equal(r.told, []string{"web s2"}) {
		t.Errorf("told %v", r.told)
	}
	r.now = r.now.Add(2 * time.Hour)
	if try("s2/key", false); len(r.told) != 2 {
		t.Errorf("not told again after hours: %v", r.told)
	}
	r.m.Revoked = r.now
	try("s3/key", false)
}

package accounts

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// machine is a directory of users in memory.
type machine struct {
	users  map[uint32]OSUser
	groups map[uint32]string
}

// User implements Directory.
func (m machine) User(uid uint32) (OSUser, error) {
	if uid == 13 {
		return OSUser{}, errors.New("the disk is broken")
	}
	return m.users[uid], nil
}

// Group implements Directory.
func (m machine) Group(gid uint32) (string, error) { return m.groups[gid], nil }

// Number implements Directory.
func (m machine) Number(name string) (uint32, error) {
	for n, u := range m.users {
		if u.Name == name {
			return n, nil
		}
	}
	return 0, errors.New("unknown user " + name)
}

func here() machine {
	return machine{
		users: map[uint32]OSUser{
			0: {"root", []uint32{0}}, 1000: {"alice", []uint32{1000, 50}}, 1001: {"bob", []uint32{1001, 50, 60}}, 1002: {"carol", []uint32{1002}},
			1003: {"dave", []uint32{1003, 50, 70}}, 1004: {"1000", []uint32{1004}},
		},
		groups: map[uint32]string{0: "root", 50: "developers", 60: "operators", 70: "others", 1000: "alice", 1001: "bob", 1002: "carol", 1003: "dave"},
	}
}

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func accounts(t *testing.T, d ...Definition) (*Accounts, *clock) {
	t.Helper()
	c := &clock{time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)}
	a, err := New(Options{Definitions: d, Users: here(), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return a, c
}

func local(p *Peer, header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/_ping", nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	return r.WithContext(WithPeer(r.Context(), p))
}

func TestPeers(t *testing.T) {
	a, _ := accounts(t,
		Definition{Name: "root", Tenant: "system", Roles: []string{"administrator"}, Users: []string{"0"}, TwoFactors: true},
		Definition{Name: "alice", ID: "0198-alice", Tenant: "acme", Roles: []string{"owner"}, Users: []string{"alice"}},
		Definition{Name: "devs", Tenant: "acme", Roles: []string{"developer"}, Groups: []string{"g1"}, OSGroups: []string{"developers", "999"}, TwoFactors: true},
		Definition{Name: "ops", Tenant: "acme", Roles: []string{"operator", "developer"}, Hosts: []string{"h1"}, OSGroups: []string{"60"}},
		Definition{Name: "foreigners", Tenant: "globex", OSGroups: []string{"others"}},
		Definition{Name: "portainer", Tenant: "acme", Users: []string{"5000"}, FromContainers: true, TwoFactors: true},
		Definition{Name: "by-number", Tenant: "acme", Users: []string{"2000"}},
	)
	for _, c := range []struct {
		name string
		peer Peer
		id   string // "" where it is refused
		say  string // in the error, or the roles
		mfa  bool
	}{
		{"by number", Peer{PID: 7, UID: 0}, "root", "administrator", true},
		{"by name, the own account before the groups'", Peer{PID: 7, UID: 1000, GID: 1000}, "0198-alice", "owner", false},
		{"two groups together, and one factor is one", Peer{PID: 7, UID: 1001, GID: 1001}, "os:bob", "developer operator", false},
		{"no group", Peer{PID: 7, UID: 1002, GID: 1002}, "", "uid 1002 (carol) of process 7, groups carol(1002): no account has this user", false},
		{"groups of two tenants", Peer{PID: 7, UID: 1003, GID: 1003}, "", "two tenants", false},
		{"a group of the process that the files say otherwise of", Peer{PID: 7, UID: 1002, GID: 50, Groups: []uint32{50, 60}}, "", "no account", false},
		{"a group of a directory elsewhere", Peer{PID: 7, UID: 1002, GID: 1002, Groups: []uint32{999}}, "os:carol", "developer", true},
		{"a user of a directory elsewhere", Peer{PID: 7, UID: 3000, GID: 3000, Groups: []uint32{50}}, "os:3000", "developer", true},
		{"a user without a name", Peer{PID: 7, UID: 2000, GID: 2000}, "by-number", "", false},
		{"a name that looks like a number is none", Peer{PID: 7, UID: 1004, GID: 1004}, "", "uid 1004 (1000)", false},
		{"nobody", Peer{PID: 7, UID: overflowID, GID: 50}, "", "user namespace", false},
		{"nobody's group", Peer{PID: 7, UID: 4000, GID: overflowID}, "", "no account", false},
		{"root of a container", Peer{PID: 7, UID: 0, Foreign: true, Why: "it is in a container"}, "", "from_containers", false},
		{"a developer in a container", Peer{PID: 7, UID: 1001, GID: 1001, Foreign: true, Why: "it is in a container"}, "", "uid 1001 (bob)", false},
		{"a container that is allowed to", Peer{PID: 7, UID: 5000, Foreign: true, Why: "it is in a container"}, "portainer", "", false},
		{"the machine's files can't be read", Peer{PID: 7, UID: 13}, "", "the disk is broken", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := a.Identify(local(&c.peer, "User-Agent", "Docker-Client/29"))
			if c.id == "" {
				if err == nil || !strings.Contains(err.Error(), c.say) {
					t.Errorf("%v, %v", s, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			p := s.Principal
			if p.ID != c.id || p.Type != "User" || strings.Join(p.Roles, " ") != c.say || p.Auth.MFA != c.mfa || slices.Contains(p.Auth.AMR, "mfa") != c.mfa ||
				p.Credential.Type != "Session" || p.Credential.ID != "peer:"+text(c.peer.UID) || s.Address != c.peer.String() || s.UserAgent != "Docker-Client/29" {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestTokens(t *testing.T) {
	secret, token := NewToken("ci", time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	a, c := accounts(t, Definition{Name: "builds", Tenant: "acme", Roles: []string{"developer"}, Tokens: []Token{token}},
		Definition{Name: "root", Tenant: "system", Users: []string{"root"}})
	root := &Peer{PID: 7, UID: 0}
	s, err := a.Identify(local(root, "Authorization", "bearer "+secret))
	if err != nil || s.Principal.ID != "builds" || s.Principal.Credential.Type != "Token" || s.Principal.Credential.ID != "ci" || s.Principal.Auth.MFA {
		t.Fatalf("%+v, %v", s, err)
	}
	other, _ := NewToken("x", c.at)
	for _, h := range [][]string{
		{"Authorization", "Bearer " + other},
		{"Authorization", "Bearer " + secret[:52]},
		{"Authorization", "Bearer x"},
		{"Authorization", "Basic " + secret},
		{"Authorization", "Bearer"},
		{"Authorization", ""},
		{"Authorization", "Bearer " + secret, "Authorization", "Bearer " + secret},
		{"Authorization", "Bearer " + secret + "," + secret},
		{"Authorization", "Bearer a.b.c"},
		{"Authorization", "Bearer e30.e30.e30"},
		{"Authorization", "Bearer " + strings.Repeat("x", mostBearer+1)},
	} {
		a.throttle.clear("uid 0")
		if s, err := a.Identify(local(root, h...)); err == nil {
			t.Errorf("%.80q is %v, and root's own account must not count in its place", h, s.Principal.ID)
		}
	}
	c.at = token.Expires
	if _, err := a.Identify(local(root, "Authorization", "Bearer "+secret)); err == nil || !strings.Contains(err.Error(), "good until") {
		t.Errorf("after its end: %v", err)
	}
}

// TestRefused: an account that does not count is nobody, whichever way its holder comes, and others go on.
func TestRefused(t *testing.T) {
	secret, token := NewToken("ci", time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC))
	cert := newAuthority(t).make(t, "alice", "")
	d := Definition{Name: "alice", Tenant: "acme", Users: []string{"alice"}, Tokens: []Token{token}, Certificates: []string{"cn:alice"}}
	carol := Definition{Name: "carol", Tenant: "acme", Users: []string{"carol"}}
	a, _ := accounts(t, d, carol)
	alice := &Peer{PID: 7, UID: 1000, GID: 1000}
	ways := map[string]func() (*call.Subject, error){
		"peer":        func() (*call.Subject, error) { return a.Identify(local(alice)) },
		"token":       func() (*call.Subject, error) { return a.Identify(local(alice, "Authorization", "Bearer "+secret)) },
		"certificate": func() (*call.Subject, error) { return a.ByCertificate(cert) },
	}
	for name, way := range ways {
		if s, err := way(); err != nil || s.Principal.ID != "alice" {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.Refused = "that one is disabled"
	if err := a.Set([]Definition{d, carol}); err != nil {
		t.Fatal(err)
	}
	for name, way := range ways {
		if _, err := way(); err == nil || !strings.Contains(err.Error(), "the account alice of the tenant acme, and that one is disabled") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if s, err := a.Identify(local(&Peer{PID: 8, UID: 1002, GID: 1002})); err != nil || s.Principal.ID != "carol" {
		t.Errorf("carol: %v", err)
	}
}

func TestGuessesWait(t *testing.T) {
	secret, token := NewToken("ci", time.Date(2027, 12, 1, 0, 0, 0, 0, time.UTC))
	a, c := accounts(t, Definition{Name: "builds", Tenant: "acme", Tokens: []Token{token}})
	guess := func(uid uint32, token string) error {
		_, err := a.Identify(local(&Peer{PID: 7, UID: uid}, "Authorization", "Bearer "+token))
		return err
	}
	for range freeGuesses + 1 {
		if err := guess(1, "x"); err == nil || strings.Contains(err.Error(), "try again in") {
			t.Fatal(err)
		}
	}
	if err := guess(1, "y"); err == nil || !strings.Contains(err.Error(), "try again in") {
		t.Errorf("a wrong token while it waits: %v", err)
	}
	if err := guess(1, secret); err != nil {
		t.Errorf("a right token waits for others' guesses: %v", err)
	}
	if err := guess(2, secret); err != nil {
		t.Errorf("somebody else waits too: %v", err)
	}
	c.at = c.at.Add(time.Second)
	if err := guess(1, secret); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	if err := guess(1, "x"); err == nil || strings.Contains(err.Error(), "try again in") {
		t.Errorf("a right one did not clear the count: %v", err)
	}
	for i := range mostSources + 100 {
		a.throttle.failed(text(uint32(i)))
	}
	if n := a.throttle.by.Len(); n > mostSources {
		t.Errorf("%d sources are kept", n)
	}
}

func TestCertificates(t *testing.T) {
	ca := newAuthority(t)
	alice, robot, both := ca.make(t, "alice", "spiffe://acme/alice"), ca.make(t, "robot", ""), ca.make(t, "robot", "spiffe://acme/alice")
	a, c := accounts(t,
		Definition{Name: "alice", Tenant: "acme", Certificates: []string{"uri:spiffe://acme/alice"}},
		Definition{Name: "robot", Tenant: "acme", Certificates: []string{"cn:robot"}},
	)
	ask := func(cert *x509.Certificate) (*call.Subject, error) {
		r := httptest.NewRequest(http.MethodGet, "/_ping", nil)
		r.RemoteAddr = "192.0.2.7:4711"
		r.TLS = &tls.ConnectionState{}
		if cert != nil {
			r.TLS.PeerCertificates, r.TLS.VerifiedChains = []*x509.Certificate{cert}, [][]*x509.Certificate{{cert, ca.own}}
		}
		return a.Identify(r)
	}
	s, err := ask(alice)
	if err != nil || s.Principal.ID != "alice" || s.Principal.Credential.Type != "Certificate" || s.Principal.Credential.ID != Fingerprint(alice) || s.Address != "192.0.2.7" {
		t.Fatalf("%+v, %v", s, err)
	}
	if s, err = ask(robot); err != nil || s.Principal.ID != "robot" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err = ask(both); err == nil || !strings.Contains(err.Error(), "two accounts") {
		t.Errorf("both: %v", err)
	}
	if _, err = ask(ca.make(t, "mallory", "")); err == nil || !strings.Contains(err.Error(), `certificates: ["cn:mallory"]`) {
		t.Errorf("unknown: %v", err)
	}
	if _, err = ask(nil); err == nil || !strings.Contains(err.Error(), "docker setup") {
		t.Errorf("without: %v", err)
	}
	c.at = alice.NotAfter
	if _, err = ask(alice); err == nil || !strings.Contains(err.Error(), "is good from") {
		t.Errorf("after its end: %v", err)
	}
	if err := a.Set([]Definition{{Name: "pinned", Tenant: "acme", Certificates: []string{"sha256:" + strings.ToUpper(Fingerprint(robot)[7:])}}}); err != nil {
		t.Fatal(err)
	}
	c.at = robot.NotBefore
	if s, err = ask(robot); err != nil || s.Principal.ID != "pinned" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestDefinitionsThatAreRefused(t *testing.T) {
	day := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	sum := strings.Repeat("ab", 32)
	claims := map[string]string{"sub": "x"}
	for _, c := range []struct {
		say string
		d   []Definition
	}{
		{"name is", []Definition{{Tenant: "acme"}}},
		{"tenant is", []Definition{{Name: "a"}}},
		{"name is", []Definition{{Name: "os:alice", Tenant: "acme"}}},
		{"another account has the id", []Definition{{Name: "a", Tenant: "acme"}, {Name: "b", ID: "a", Tenant: "acme"}}},
		{"roles has", []Definition{{Name: "a", Tenant: "acme", Roles: []string{"admin"}}}},
		{"in the tenant \"system\" only", []Definition{{Name: "a", Tenant: "acme", Roles: []string{"administrator"}}}},
		{"twice", []Definition{{Name: "a", Tenant: "acme", Users: []string{"x", "x"}}}},
		{"has another account", []Definition{{Name: "a", Tenant: "acme", Users: []string{"x"}}, {Name: "b", Tenant: "acme", Users: []string{"x"}}}},
		{"65534", []Definition{{Name: "a", Tenant: "acme", Users: []string{"65534"}}}},
		{"neither a name nor a number", []Definition{{Name: "a", Tenant: "acme", Users: []string{"4294967295"}}}},
		{"neither a name nor a number", []Definition{{Name: "a", Tenant: "acme", Users: []string{"007"}}}},
		{"neither a name nor a number", []Definition{{Name: "a", Tenant: "acme", OSGroups: []string{"a b"}}}},
		{"from_containers", []Definition{{Name: "a", Tenant: "acme", FromContainers: true}}},
		{"it must be uri:", []Definition{{Name: "a", Tenant: "acme", Certificates: []string{"alice"}}}},
		{"no SHA-256", []Definition{{Name: "a", Tenant: "acme", Certificates: []string{"sha256:12"}}}},
		{"has another account", []Definition{{Name: "a", Tenant: "acme", Certificates: []string{"dns:X"}}, {Name: "b", Tenant: "acme", Certificates: []string{"dns:x"}}}},
		{"no SHA-256", []Definition{{Name: "a", Tenant: "acme", Tokens: []Token{{SHA256: "12", Expires: day}}}}},
		{"no expires", []Definition{{Name: "a", Tenant: "acme", Tokens: []Token{{SHA256: sum}}}}},
		{"has another account", []Definition{{Name: "a", Tenant: "acme", Tokens: []Token{{SHA256: sum, Expires: day}, {SHA256: sum, Expires: day}}}}},
		{"https://", []Definition{{Name: "a", Tenant: "acme", OIDC: []OIDC{{Issuer: "http://x", Audience: "y", Claims: claims}}}}},
		{"audience", []Definition{{Name: "a", Tenant: "acme", OIDC: []OIDC{{Issuer: "https://x", Claims: claims}}}}},
		{"claims", []Definition{{Name: "a", Tenant: "acme", OIDC: []OIDC{{Issuer: "https://x", Audience: "y"}}}}},
		{"two CA files", []Definition{{Name: "a", Tenant: "acme", OIDC: []OIDC{{Issuer: "https://x", Audience: "y", Claims: claims}, {Issuer: "https://x", Audience: "z", Claims: claims, CAFile: "f"}}}}},
	} {
		_, err := New(Options{Definitions: c.d, Users: here()})
		if err == nil || !strings.Contains(err.Error(), c.say) || !strings.Contains(err.Error(), "guard.accounts") {
			t.Errorf("%+v: %v, without %q", c.d, err, c.say)
		}
	}
	a, _ := accounts(t, Definition{Name: "root", Tenant: "system", Users: []string{"root"}})
	if err := a.Set([]Definition{{}}); err == nil {
		t.Error("taken")
	}
	if _, err := a.Identify(local(&Peer{UID: 0})); err != nil {
		t.Errorf("the earlier accounts are gone: %v", err)
	}
}

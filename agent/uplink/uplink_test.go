package uplink

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

const pin = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

func TestParseLink(t *testing.T) {
	for text, want := range map[string][2]string{
		"https://h:8443#ca=" + pin:                    {"https://h:8443", pin},
		" https://h/#ca=" + pin + "\n":                {"https://h", pin},
		"https://[2001:db8::1]:8443/sub/":             {"https://[2001:db8::1]:8443/sub", ""},
		"https://h":                                   {"https://h", ""},
		"http://h":                                    {},
		"h:8443":                                      {},
		"https://":                                    {},
		"https://user:secret@h":                       {},
		"https://h?x=1":                               {},
		"https://h#ca=sha256:12":                      {},
		"https://h#ca=" + pin + "&token=bhj_x":        {},
		"https://h#" + pin:                            {},
		"https://h#ca=%zz":                            {},
		"https://h#ca=" + strings.ToUpper(pin[:10]):   {},
		"https://h:8443/#ca=md5:0123456789abcdef0123": {},
	} {
		server, got, err := ParseLink(text)
		if (err == nil) != (want[0] != "") || server != want[0] && err == nil || got != want[1] && err == nil {
			t.Errorf("%q: %q, %q, %v", text, server, got, err)
		}
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add("https://h:8443#ca=" + pin)
	f.Add("https://[::1]/%41#ca=")
	f.Fuzz(func(t *testing.T, text string) {
		server, _, err := ParseLink(text)
		if err != nil {
			return
		}
		if !strings.HasPrefix(server, "https://") || strings.Contains(server, "#") || strings.HasSuffix(server, "/") {
			t.Errorf("%q gives %q", text, server)
		}
		if again, _, err := ParseLink(server); err != nil || again != server {
			t.Errorf("%q gives %q, and that %q, %v", text, server, again, err)
		}
	})
}

func made(t testing.TB, c *x509.Certificate, parent *x509.Certificate, by *ecdsa.PrivateKey) (der []byte, key *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c.SerialNumber, c.NotAfter = big.NewInt(1), time.Now().Add(time.Hour)
	if parent == nil {
		parent, by = c, key
	}
	if der, err = x509.CreateCertificate(rand.Reader, c, parent, key.Public(), by); err != nil {
		t.Fatal(err)
	}
	return der, key
}

func TestVouched(t *testing.T) {
	ca := &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	caDER, caKey := made(t, ca, nil, nil)
	otherDER, _ := made(t, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	ca, err := x509.ParseCertificate(caDER)
	if err != nil {
		t.Fatal(err)
	}
	leaf := func(by *ecdsa.PrivateKey, uris ...string) []byte {
		c := &x509.Certificate{}
		for _, s := range uris {
			u, err := url.Parse(s)
			if err != nil {
				t.Fatal(err)
			}
			c.URIs = append(c.URIs, u)
		}
		der, _ := made(t, c, ca, by)
		return der
	}
	for name, c := range map[string]struct {
		certificate, authority []byte
		node                   string
		good                   bool
	}{
		"good":            {leaf(caKey, "spiffe://d/node/n1"), caDER, "n1", true},
		"of another node": {leaf(caKey, "spiffe://d/node/n2"), caDER, "n1", false},
		"of no node":      {leaf(caKey), caDER, "n1", false},
		"of two":          {leaf(caKey, "spiffe://d/node/n1", "spiffe://d/node/n2"), caDER, "n1", false},
		"no SPIFFE ID":    {leaf(caKey, "https://d/node/n1"), caDER, "n1", false},
		"no node":         {leaf(caKey, "spiffe://d/node/"), caDER, "", false},
		"another CA":      {leaf(caKey, "spiffe://d/node/n1"), otherDER, "n1", false},
		"not of a CA":     {leaf(caKey, "spiffe://d/node/n1"), leaf(caKey), "n1", false},
		"garbage":         {[]byte("x"), caDER, "n1", false},
		"garbage as CA":   {leaf(caKey, "spiffe://d/node/n1"), []byte("x"), "n1", false},
	} {
		if err := Vouched(c.certificate, c.authority, c.node); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDialTriesEveryAddress(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	d := newDialer()
	begun := map[string]bool{}
	d.lookup = func(context.Context, string) ([]string, error) { return []string{"127.0.0.2", "127.0.0.1"}, nil }
	d.connect = func(ctx context.Context, network, at string) (net.Conn, error) {
		if begun[at] = true; strings.HasPrefix(at, "127.0.0.2") {
			return nil, errors.New("nobody there")
		}
		return new(net.Dialer).DialContext(ctx, network, at)
	}
	for range 2 { // wherever it begins
		conn, err := d.dial(t.Context(), "tcp", net.JoinHostPort("server", port))
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
		d.next()
	}
	if len(begun) != 2 {
		t.Errorf("tried %v: it always begins at the same one", begun)
	}
	d.lookup = func(context.Context, string) ([]string, error) { return nil, nil }
	if _, err := d.dial(t.Context(), "tcp", "server:1"); err == nil {
		t.Error("a name without an address")
	}
}

func TestExplain(t *testing.T) {
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	says := func(code model.Code, text string) error {
		e := connect.NewError(connect.CodePermissionDenied, errors.New(text))
		d, err := connect.NewErrorDetail(&bulkheadv1.ErrorDetail{Code: string(code), Remediation: "join again"})
		if err != nil {
			t.Fatal(err)
		}
		e.AddDetail(d)
		return e
	}
	refused := says(model.CodeUnauthenticated, "the node was revoked")
	expired := x509.CertificateInvalidError{Reason: x509.Expired, Cert: &x509.Certificate{NotBefore: now.AddDate(1, 0, 0), NotAfter: now.AddDate(2, 0, 0)}}
	for name, c := range map[string]struct {
		err      error
		want     string
		answered bool
		next     bool
	}{
		"refused":   {refused, "the node was revoked: the control plane refused", true, false},
		"not now":   {says(model.CodeUnavailable, "the database is away"), "the database is away: the control plane can't do it now, and did not refuse it", true, true},
		"no record": {says(model.CodeAuditUnavailable, "no log"), "no log: the control plane can't do it now, and did not refuse it", true, true},
		"too many":  {says(model.CodeTooMany, "the queue is full"), "the queue is full: the control plane can't do it now, and did not refuse it", true, false},
		"mistake":   {says(model.CodeInternal, "the server made a mistake"), "mistake: the control plane failed at it", true, true},
		"clock":     {fmt.Errorf("dial: %w", expired), "2025-01-01T00:00:00Z", false, true},
		"large":     {connect.NewError(connect.CodeResourceExhausted, errors.New("message size 9")), "more than this node takes", false, false},
		"network":   {connect.NewError(connect.CodeUnavailable, errors.New("connection refused")), "not reached", false, true},
		"no answer": {connect.NewError(connect.CodeUnimplemented, errors.New("404")), "not reached", false, true},
	} {
		got := Explain(c.err, "https://h", now)
		if !strings.Contains(got.Error(), c.want) || Answered(got) != c.answered || tryNext(got) != c.next {
			t.Errorf("%s: %v, answered %t, next %t", name, got, Answered(got), tryNext(got))
		}
		if want := name == "refused" || name == "mistake"; Refused(got) != want {
			t.Errorf("%s: refused is %t", name, Refused(got))
		}
		if name == "clock" && !errors.Is(got, ErrClock) {
			t.Error("not told as the clock's")
		}
	}
}

func TestNewRefuses(t *testing.T) {
	for _, list := range [][]string{nil, {"http://h"}, {"https://h", "x"}} {
		if _, err := New(Options{Servers: list}); err == nil {
			t.Errorf("%q", list)
		}
	}
}

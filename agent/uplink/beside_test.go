package uplink

import (
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// TestBeside: a server in the same process is reached where it listens, whatever its name is, and known by the certificate that it
// has at the moment. Another one there gets nothing.
func TestBeside(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.WriteHeader(http.StatusNotFound)
	}))
	s.EnableHTTP2 = true
	pair := func() *tls.Certificate {
		der, key := made(t, &x509.Certificate{DNSNames: []string{"nowhere.invalid"}}, nil, nil)
		return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	}
	var own atomic.Pointer[tls.Certificate]
	own.Store(pair())
	s.TLS = &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return own.Load(), nil }}
	s.StartTLS()
	defer s.Close()
	join := func(known func() (*tls.Certificate, error)) error {
		c, err := New(Options{
			Servers: []string{"https://nowhere.invalid:1"}, Beside: &Beside{Address: s.Listener.Addr().String(), Certificate: known},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, err = c.Join(t.Context(), &bulkheadv1.JoinRequest{Token: "t"})
		return err
	}
	current := func() (*tls.Certificate, error) { return own.Load(), nil }
	for range 2 { // the second time with a new certificate
		if err := join(current); err == nil || asked.Swap(0) != 1 {
			t.Errorf("the server itself was not asked: %v", err)
		}
		own.Store(pair())
	}
	other := pair()
	err := join(func() (*tls.Certificate, error) { return other, nil })
	if err == nil || asked.Load() != 0 || !strings.Contains(err.Error(), "another server") {
		t.Errorf("another server was asked %d times: %v", asked.Load(), err)
	}
}

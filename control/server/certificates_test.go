package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"testing"
)

type certificateKey struct{}

// asking is a server that asks for certificates and answers how many bytes the handler saw of one.
func asking(t *testing.T, ca *x509.Certificate) *stand {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(ca)
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		der, _ := r.Context().Value(certificateKey{}).([]byte)
		fmt.Fprintf(w, "%x resumed=%t", der, r.TLS.DidResume)
	})
	return start(t, h, func(o *Options) {
		o.ClientCAs = pool
		o.WithCertificate = func(ctx context.Context, der []byte) context.Context {
			return context.WithValue(ctx, certificateKey{}, der)
		}
	})
}

func client(t *testing.T, h2 bool, c *tls.Config) *http.Client {
	t.Helper()
	p := new(http.Protocols)
	p.SetHTTP1(!h2)
	p.SetHTTP2(h2)
	c.InsecureSkipVerify = true
	tr := &http.Transport{Protocols: p, TLSClientConfig: c, DisableKeepAlives: true}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func TestClientCertificates(t *testing.T) {
	cert := selfSigned(t)
	leaf, err := x509.ParseCertificate(cert.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	s := asking(t, leaf)
	for _, h2 := range []bool{false, true} {
		var hint [][]byte
		c := client(t, h2, &tls.Config{GetClientCertificate: func(i *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			hint = i.AcceptableCAs
			return cert, nil
		}})
		want := fmt.Sprintf("%x resumed=false", cert.Certificate[0])
		if got := get(t, c, "https://"+s.addr+"/", nil); got.body != want {
			t.Errorf("h2=%t: %s", h2, got.body)
		}
		if len(hint) != 1 || !bytes.Equal(hint[0], leaf.RawSubject) {
			t.Errorf("CAs that are named to clients: %q", hint)
		}
		if got := get(t, client(t, h2, &tls.Config{}), "https://"+s.addr+"/", nil); got.body != " resumed=false" {
			t.Errorf("h2=%t, without a certificate: %s", h2, got.body)
		}
	}
}

// TestSessionsWithACertificateAreNotResumed: the key is proved in each handshake.
func TestSessionsWithACertificateAreNotResumed(t *testing.T) {
	cert := selfSigned(t)
	leaf, _ := x509.ParseCertificate(cert.Certificate[0])
	s := asking(t, leaf)
	with := client(t, false, &tls.Config{
		ClientSessionCache:   tls.NewLRUClientSessionCache(4),
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return cert, nil },
	})
	without := client(t, false, &tls.Config{ClientSessionCache: tls.NewLRUClientSessionCache(4)})
	full := fmt.Sprintf("%x resumed=false", cert.Certificate[0])
	for i, want := range []string{" resumed=false", " resumed=true"} {
		if got := get(t, without, "https://"+s.addr+"/", nil); got.body != want {
			t.Errorf("%d, without a certificate: %s", i, got.body)
		}
		if got := get(t, with, "https://"+s.addr+"/", nil); got.body != full {
			t.Errorf("%d, with one: %.40s", i, got.body)
		}
	}
}

func TestNoCertificateIsAskedFor(t *testing.T) {
	s := start(t, hello, nil)
	asked := false
	c := client(t, false, &tls.Config{GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = true
		return new(tls.Certificate), nil
	}})
	if get(t, c, "https://"+s.addr+"/", nil); asked {
		t.Error("asked")
	}
}

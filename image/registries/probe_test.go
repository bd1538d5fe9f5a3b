package registries

import (
	"context"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/fstest"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// answer is a registry that asks for credentials, or does not.
func answer(anonymous bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(apiHeader, "registry/2.0")
		if r.URL.Path != "/v2/" || r.Header.Get("Authorization") != "" {
			http.NotFound(w, r)
			return
		}
		if !anonymous {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
}

// ask probes the registry at a URL, with its certificate in certs.d where it is to be trusted.
func ask(t *testing.T, server *httptest.Server, host string, trusted bool) model.RegistryProbe {
	t.Helper()
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	if host == "" {
		host = u.Host
	}
	root := fstest.MapFS{}
	if trusted {
		block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
		root["etc/docker/certs.d/"+host+"/ca.crt"] = &fstest.MapFile{Data: block}
	}
	snap := &model.Snapshot{Containers: []model.Container{{Workload: model.Workload{Image: model.ImageRef{Ref: host + "/x:1"}}}}}
	enrich(context.Background(), snap, root, true)
	if len(snap.Registries) != 1 || snap.Registries[0].Probe == nil {
		t.Fatalf("registries: %+v, gaps: %+v", snap.Registries, snap.Gaps)
	}
	return *snap.Registries[0].Probe
}

func TestProbe(t *testing.T) {
	t.Run("trusted", func(t *testing.T) {
		server := httptest.NewTLSServer(answer(false))
		defer server.Close()
		p := ask(t, server, "", true)
		if !p.Reachable || !p.TLS || !p.Verified || p.PlainHTTP || p.Anonymous || p.TLSVersion != "TLS 1.3" || p.NotAfter == "" || p.Error != "" {
			t.Errorf("%+v", p)
		}
	})
	t.Run("anonymous", func(t *testing.T) {
		server := httptest.NewTLSServer(answer(true))
		defer server.Close()
		if p := ask(t, server, "", true); !p.Verified || !p.Anonymous {
			t.Errorf("%+v", p)
		}
	})
	t.Run("unknown authority", func(t *testing.T) {
		server := httptest.NewTLSServer(answer(false))
		defer server.Close()
		if p := ask(t, server, "", false); !p.TLS || p.Verified || p.Error == "" {
			t.Errorf("%+v", p)
		}
	})
	t.Run("certificate of another name", func(t *testing.T) {
		server := httptest.NewTLSServer(answer(false))
		defer server.Close()
		_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
		if p := ask(t, server, "localhost:"+port, true); !p.TLS || p.Verified || p.Error == "" {
			t.Errorf("%+v", p)
		}
	})
	t.Run("plain", func(t *testing.T) {
		server := httptest.NewServer(answer(true))
		defer server.Close()
		if p := ask(t, server, "", false); !p.Reachable || p.TLS || !p.PlainHTTP || !p.Anonymous {
			t.Errorf("%+v", p)
		}
	})
	t.Run("redirect is not followed", func(t *testing.T) {
		followed := false
		other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
		defer other.Close()
		server := httptest.NewServer(http.RedirectHandler(other.URL, http.StatusFound))
		defer server.Close()
		if p := ask(t, server, "", false); p.PlainHTTP || followed {
			t.Errorf("%+v, followed: %v", p, followed)
		}
	})
	t.Run("some web server", func(t *testing.T) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }))
		defer server.Close()
		if p := ask(t, server, "", false); p.PlainHTTP || p.Anonymous {
			t.Errorf("%+v", p)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		server := httptest.NewServer(answer(true))
		server.Close()
		if p := ask(t, server, "", false); p.Reachable || p.Error == "" {
			t.Errorf("%+v", p)
		}
	})
}

// TestProbeSilent holds a registry that accepts and never answers to the deadline.
func TestProbeSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	p := probe(ctx, l.Addr().String(), nil)
	if p.TLS || p.PlainHTTP || p.Error != "no answer in time" || time.Since(start) > 30*time.Second {
		t.Errorf("%+v after %s", p, time.Since(start))
	}
}

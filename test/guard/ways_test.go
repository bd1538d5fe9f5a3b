//go:build e2e

package guard

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// haproxy filters paths and methods as socket proxies for the engine do, and nothing else.
const haproxy = `global
    maxconn 1000
defaults
    mode http
    timeout connect 10s
    timeout client 10m
    timeout server 10m
frontend guard
    bind unix@%[1]s
    http-request deny unless METH_GET || { path,url_dec -m reg -i ^(/v[\d\.]+)?/(containers/create|images/load) }
    http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/containers }
    http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/images }
    http-request allow if { path,url_dec -m reg -i ^(/v[\d\.]+)?/_ping }
    http-request deny
    default_backend engine
backend engine
    server engine unix@%[2]s
`

// way is a way to the engine.
type way struct{ name, socket string }

// startHAProxy starts Debian's HAProxy as a filter of paths before the engine.
func startHAProxy(b *testing.B, dir, at, engine string) {
	b.Helper()
	file := filepath.Join(dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(fmt.Sprintf(haproxy, at, engine)), 0o600); err != nil {
		b.Fatal(err)
	}
	started(b, exec.CommandContext(b.Context(), "/usr/sbin/haproxy", "-db", "-f", file), at)
}

// Where this test's own program is the proxy that looks at nothing: it listens at one socket, and calls another.
const hopAt, hopTo = "BULKHEAD_HOP_AT", "BULKHEAD_HOP_TO"

// TestMain runs the tests, or the proxy.
func TestMain(m *testing.M) {
	at := os.Getenv(hopAt)
	if at == "" {
		os.Exit(m.Run())
	}
	l, err := net.Listen("unix", at)
	if err != nil {
		log.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.Out.URL.Scheme, r.Out.URL.Host = "http", "docker" },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", os.Getenv(hopTo))
		}},
	}
	log.Fatal((&http.Server{Handler: proxy, ReadHeaderTimeout: time.Minute}).Serve(l))
}

// startHop starts the proxy that looks at nothing.
func startHop(b *testing.B, at, engine string) {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), hopAt+"="+at, hopTo+"="+engine)
	started(b, cmd, at)
}

package registries

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"

	"github.com/bulkhead-security/bulkhead/model"
)

const (
	probeTimeout  = 4 * time.Second // for one registry
	probeAtOnce   = 8
	maxProbes     = 64
	maxAnswer     = 64 << 10
	hubAddress    = "registry-1.docker.io"
	apiHeader     = "Docker-Distribution-Api-Version"
	jsonMediaType = "application/json"
)

// probeAll asks every registry, a few at a time.
func probeAll(ctx context.Context, root fs.FS, s *set) *model.Gap {
	hosts := make([]string, 0, len(s.byHost))
	for host := range s.byHost {
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	var gap *model.Gap
	if len(hosts) > maxProbes {
		gap = &model.Gap{
			Path: "/registries", Reason: model.GapLimit,
			Detail: fmt.Sprintf("%d registries were found, the first %d were asked", len(hosts), maxProbes),
		}
		hosts = hosts[:maxProbes]
	}
	var wg conc.WaitGroup // a panic is the collector's
	slots := make(chan struct{}, probeAtOnce)
	for _, host := range hosts {
		e := s.byHost[host]
		pool := trust(root, e.authorities)
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			ctx, cancel := context.WithTimeout(ctx, probeTimeout)
			defer cancel()
			e.Probe = probe(ctx, host, pool)
		})
	}
	wg.Wait()
	return gap
}

// trust is the system's certificate pool with the certificates that the node keeps for the registry.
func trust(root fs.FS, authorities []string) *x509.CertPool {
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	r := &reader{root: root}
	for _, file := range authorities {
		if data, ok := r.read(file); ok {
			pool.AppendCertsFromPEM(data)
		}
	}
	return pool
}

// probe asks one registry over TLS and without. It goes straight to the registry, without a proxy.
func probe(ctx context.Context, host string, pool *x509.CertPool) *model.RegistryProbe {
	if host == dockerHub {
		host = hubAddress
	}
	p := &model.RegistryProbe{}
	state, err := handshake(ctx, withPort(host, "443"), hostname(host))
	if err == nil {
		p.Reachable, p.TLS = true, true
		describe(p, state, hostname(host), pool)
	} else {
		p.Error = reason(err)
		p.Reachable = answered(err)
	}
	if p.TLS {
		a := get(ctx, "https://"+host+"/v2/")
		p.Anonymous = a.registry && a.open
	}
	if a := get(ctx, "http://"+host+"/v2/"); a.registry {
		p.PlainHTTP, p.Reachable = true, true
		p.Anonymous = p.Anonymous || a.open
	}
	return p
}

// handshake does a TLS handshake without verification, which describe does afterwards: a probe wants to know about
// registries with bad certificates and old protocols too, and sends them nothing.
func handshake(ctx context.Context, address, name string) (tls.ConnectionState, error) {
	d := tls.Dialer{Config: unverified(name)}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState(), nil
}

func unverified(name string) *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, ServerName: name} //nolint:gosec // see handshake
}

// describe verifies the certificate as an engine would and notes what was agreed on.
func describe(p *model.RegistryProbe, state tls.ConnectionState, name string, pool *x509.CertPool) {
	p.TLSVersion = tls.VersionName(state.Version)
	if len(state.PeerCertificates) == 0 {
		p.Error = "no certificate"
		return
	}
	leaf := state.PeerCertificates[0]
	p.NotAfter = leaf.NotAfter.UTC().Format(time.DateOnly)
	opts := x509.VerifyOptions{DNSName: name, Roots: pool, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		opts.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(opts); err != nil {
		p.Error = reason(err)
		return
	}
	p.Verified = true
}

// reply is what an answer to /v2/ tells: whether a registry gave it, and to anyone.
type reply struct{ registry, open bool }

// get asks for a path without credentials and follows no redirect. The body is not kept.
func get(ctx context.Context, url string) reply {
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: unverified(""), DisableKeepAlives: true, MaxResponseHeaderBytes: maxAnswer},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return reply{}
	}
	res, err := client.Do(req)
	if err != nil {
		return reply{}
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, maxAnswer))
	return reply{registry: isRegistry(res), open: res.StatusCode == http.StatusOK}
}

// isRegistry tells a registry's answer to /v2/ from that of some web server at the same port.
func isRegistry(res *http.Response) bool {
	switch res.StatusCode {
	case http.StatusOK:
		return res.Header.Get(apiHeader) != "" || strings.HasPrefix(res.Header.Get("Content-Type"), jsonMediaType)
	case http.StatusUnauthorized:
		return res.Header.Get("WWW-Authenticate") != ""
	}
	return false
}

func withPort(host, port string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), port)
}

// answered says that something answered, if not in TLS.
func answered(err error) bool {
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &record) || errors.As(err, &alert)
}

// reason is an error in few words; addresses and stacks of wrapped errors say nothing to the reader.
func reason(err error) string {
	var dns *net.DNSError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.As(err, &dns):
		return "the name does not resolve"
	case errors.As(err, &record):
		return "answers without TLS"
	}
	s := err.Error()
	return s[:min(len(s), 200)]
}

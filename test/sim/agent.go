// Package sim has agents that do no work: they join, follow and report as real ones do, over connections of their own, so that one
// process can be a fleet of thousands. What they report is made up; how they report is not.
package sim

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/mod/sumdb/note"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/agent/uplink"
	"github.com/bulkhead-security/bulkhead/fleet/bundle"
	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// Agent is one simulated agent. Its fields before Join are the caller's to set.
type Agent struct {
	URL   string
	Roots *x509.CertPool
	From  net.IP // address that it connects from; nil for any
	Name  string
	// Dial connects instead of the agent, as a load balancer or DNS would choose a server; nil goes to URL's host.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Host is what it sees. It is shared by all agents: what changes is an agent's own.
	Host *Host
	// Every is how often it reports; Changed how many of its containers started anew each time.
	Every   time.Duration
	Changed int

	Node     string
	key      *ecdsa.PrivateKey
	cert     atomic.Pointer[tls.Certificate]
	verifier note.Verifier
	client   bulkheadv1connect.AgentServiceClient
	http     *http.Client
	run      string

	mu       sync.Mutex
	policies int64
	settings int64
	assigned int64
	acked    int64
	set      facts.Set
	have     map[string]string
	round    int
	told     chan struct{} // a report is due at once
	Reports  atomic.Int64
	Failed   func(error) // told of each failure, where it is set
}

func (a *Agent) fail(err error) {
	if a.Failed != nil {
		a.Failed(err)
	}
}

func (a *Agent) transport() *http.Transport {
	d := &net.Dialer{Timeout: 10 * time.Second}
	if a.From != nil {
		d.LocalAddr = &net.TCPAddr{IP: a.From}
	}
	dial := d.DialContext
	if a.Dial != nil {
		dial = a.Dial
	}
	return &http.Transport{
		DialContext: dial, ForceAttemptHTTP2: true, IdleConnTimeout: 5 * time.Minute, MaxIdleConnsPerHost: 1, ReadBufferSize: 1024, WriteBufferSize: 1024,
		HTTP2: &http.HTTP2Config{SendPingTimeout: 10 * time.Second, PingTimeout: 10 * time.Second},
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: a.Roots,
			GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if c := a.cert.Load(); c != nil {
					return c, nil
				}
				return &tls.Certificate{}, nil
			},
		},
	}
}

// connect is a client like the agent's own.
func (a *Agent) connect() bulkheadv1connect.AgentServiceClient {
	return bulkheadv1connect.NewAgentServiceClient(a.http, a.URL, connect.WithSendGzip(), connect.WithCompressMinBytes(4<<10))
}

// Join turns the token into an identity.
func (a *Agent) Join(ctx context.Context, token string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("simulated agent: %w", err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return fmt.Errorf("simulated agent: %w", err)
	}
	a.key, a.http = key, &http.Client{Transport: uplink.SmallFrames(a.transport())}
	a.client = a.connect()
	res, err := a.client.Join(ctx, &bulkheadv1.JoinRequest{Token: token, Csr: csr, Name: a.Name, Version: "sim"})
	if err != nil {
		return fmt.Errorf("join %s: %w", a.Name, err)
	}
	if a.verifier, err = note.NewVerifier(res.GetPolicyKey()); err != nil {
		return fmt.Errorf("join %s: policy key: %w", a.Name, err)
	}
	a.Node = res.GetNode()
	a.cert.Store(&tls.Certificate{Certificate: [][]byte{res.GetCertificate()}, PrivateKey: key})
	a.http.CloseIdleConnections() // it has no certificate
	a.http = &http.Client{Transport: uplink.SmallFrames(a.transport())}
	a.client = a.connect()
	a.run, a.told = hex.EncodeToString(csr[len(csr)-8:]), make(chan struct{}, 1)
	a.set = a.Host.Facts()
	return nil
}

// SendLog sends a part of what is said to be its audit log.
func (a *Agent) SendLog(ctx context.Context, r *bulkheadv1.SendLogRequest) (*bulkheadv1.SendLogResponse, error) {
	return a.client.SendLog(ctx, r)
}

// Become makes the machine another one, as a change of its settings does; the next report tells of it.
func (a *Agent) Become(h *Host) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.Host, a.set = h, h.Facts()
}

// Run follows and reports until ctx ends.
func (a *Agent) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { a.follow(ctx) })
	tick := time.NewTicker(a.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			wg.Wait()
			a.http.CloseIdleConnections()
			return
		case <-a.told:
		case <-tick.C:
			if err := a.change(); err != nil {
				a.fail(err)
			}
		}
		if err := a.report(ctx); err != nil && ctx.Err() == nil {
			a.fail(err)
		}
	}
}

func (a *Agent) report(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	a.mu.Lock()
	r := &bulkheadv1.ReportRequest{
		Run: a.run, Time: timestamppb.Now(),
		State: &bulkheadv1.AgentState{Version: "sim", PoliciesVersion: a.policies, SettingsVersion: a.settings, AssignmentVersion: a.assigned},
	}
	digests := a.set.Digests()
	updates := facts.Diff(a.have, a.set, time.Now(), 2<<20)
	a.mu.Unlock()
	if len(updates) > 1 {
		return errors.New("simulated facts are small")
	}
	for _, u := range updates {
		r.Facts = &bulkheadv1.FactsUpdate{Base: u.Base, Digest: u.Digest, Removed: u.Removed, Taken: timestamppb.New(u.Taken)}
		for _, f := range u.Set {
			r.Facts.Set = append(r.Facts.Set, &bulkheadv1.Fact{Key: f.Key, Data: f.Data})
		}
	}
	res, err := a.client.Report(ctx, r)
	if err != nil {
		return err
	}
	a.Reports.Add(1)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.acked = max(a.acked, r.GetState().GetPoliciesVersion())
	if a.have = digests; res.GetResync() {
		a.have = nil
	}
	return nil
}

// follow keeps a stream open and takes what comes, as long as it is signed and newer.
func (a *Agent) follow(ctx context.Context) {
	for ctx.Err() == nil {
		a.mu.Lock()
		r := &bulkheadv1.FollowRequest{Run: a.run, PoliciesVersion: a.policies, SettingsVersion: a.settings, AssignmentVersion: a.assigned}
		a.mu.Unlock()
		stream, err := a.client.Follow(ctx, r)
		if err == nil {
			for stream.Receive() {
				if d := stream.Msg().GetDocument(); d != nil {
					a.take(d)
				}
			}
			if err = stream.Err(); err == nil {
				err = errors.New("the server ended the stream")
			}
			_ = stream.Close()
		}
		if ctx.Err() == nil {
			a.fail(fmt.Errorf("follow: %w", err))
		}
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
}

func (a *Agent) take(d *bulkheadv1.SignedDocument) {
	a.mu.Lock()
	defer a.mu.Unlock()
	have := map[string]*int64{"policies": &a.policies, "settings": &a.settings, "assignment": &a.assigned}[d.GetKind()]
	b := &model.Bundle{Kind: model.BundleKind(d.GetKind()), Version: d.GetVersion(), Document: d.GetDocument(), Signature: d.GetSignature()}
	if have == nil {
		a.fail(fmt.Errorf("a document of the kind %q", d.GetKind()))
		return
	}
	// Whose it is does not matter here: what counts is that the signature is good and the version newer.
	b.Scope = scopeOf(d.GetSignature())
	if err := bundle.Accept(b, a.verifier, b.Scope, *have); err != nil {
		a.fail(err)
		return
	}
	*have = d.GetVersion()
	select {
	case a.told <- struct{}{}:
	default:
	}
}

// Policies is the version of the policies that it has.
func (a *Agent) Policies() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.policies
}

// Told is the version of the policies that the server was told it has, and took that.
func (a *Agent) Told() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.acked
}

// Acked is the digest of the facts that the server said it has.
func (a *Agent) Acked() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return facts.Digest(a.have)
}

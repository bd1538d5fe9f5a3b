package drill

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/bulkhead-security/bulkhead/fleet/facts"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// node is a machine's agent as the control plane knows it: it joins with a token, follows and reports over mTLS, at one replica after
// the other. It looks at no machine: its facts are made up.
type node struct {
	id, name string
	planes   []*Plane
	http     *http.Client
	clients  []bulkheadv1connect.AgentServiceClient
	run      string
	set      facts.Set
	have     map[string]string

	calls sync.Mutex // one report at a time

	mu      sync.Mutex
	conns   map[net.Conn]bool
	dead    bool
	at      int                       // the replica that its stream is at
	opened  int                       // streams
	open    bool                      // the stream says that it stands
	answers []*bulkheadv1.ProbeResult // to questions about other nodes
	stop    context.CancelFunc
	ended   chan struct{}
}

// join makes a node of the own tenant, which may come to any of the planes.
func (w *World) join(ctx context.Context, name string, planes ...*Plane) (*node, error) {
	token, err := w.nodes(w.admin).CreateJoinToken(ctx, &bulkheadv1.CreateJoinTokenRequest{Tenant: own, Name: name})
	if err != nil {
		return nil, fmt.Errorf("make a join token: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", name, err)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", name, err)
	}
	stranger := bulkheadv1connect.NewAgentServiceClient(w.plane.HTTP, w.plane.URL)
	res, err := stranger.Join(ctx, &bulkheadv1.JoinRequest{Token: token.GetSecret(), Csr: csr, Name: name, Version: "drill"})
	if err != nil {
		return nil, fmt.Errorf("join %s: %w", name, err)
	}
	n := &node{id: res.GetNode(), name: name, planes: planes, run: uuid.NewString(), conns: map[net.Conn]bool{}}
	n.http = &http.Client{Transport: &http.Transport{
		DialContext: n.dial, ForceAttemptHTTP2: true,
		TLSClientConfig: &tls.Config{
			MinVersion: tls.VersionTLS13, RootCAs: w.plane.Roots,
			Certificates: []tls.Certificate{{Certificate: [][]byte{res.GetCertificate()}, PrivateKey: key}},
		},
	}}
	for _, p := range planes {
		n.clients = append(n.clients, bulkheadv1connect.NewAgentServiceClient(n.http, p.URL))
	}
	n.set, err = facts.Split(&model.Snapshot{
		Schema: model.SnapshotSchema, Taken: w.plane.Now().UTC(), Engine: &model.Engine{Product: "docker"},
		Containers: []model.Container{{ID: "c1", Name: "web", State: "running"}},
	})
	return n, err
}

var errDead = errors.New("the node is dead")

func (n *node) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := (&net.Dialer{Timeout: tryFor}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.dead {
		return nil, errors.Join(errDead, c.Close())
	}
	n.conns[c] = true
	return c, nil
}

// start follows until stop, which says nothing to anybody.
func (n *node) start(ctx context.Context) {
	ctx, n.stop = context.WithCancel(context.WithoutCancel(ctx))
	n.ended = make(chan struct{})
	go func() {
		defer close(n.ended)
		for i := 0; ctx.Err() == nil; i++ {
			n.follow(ctx, i%len(n.clients))
			select {
			case <-ctx.Done():
			case <-time.After(tryEvery):
			}
		}
	}()
}

// die ends its connections at once, as the kernel does when a process is killed.
func (n *node) die() {
	n.mu.Lock()
	n.dead = true
	for c := range n.conns {
		_ = c.Close() // nobody is there to care
	}
	n.mu.Unlock()
	n.stop()
	<-n.ended
	n.http.CloseIdleConnections()
}

func (n *node) follow(ctx context.Context, at int) {
	in, err := n.clients[at].Follow(ctx, &bulkheadv1.FollowRequest{Run: n.run})
	if err != nil {
		return
	}
	defer func() { _ = in.Close() }() // why it ended is known
	for in.Receive() {
		n.mu.Lock()
		if !n.open {
			n.open, n.at = true, at
			n.opened++
		}
		n.mu.Unlock()
		if q := in.Msg().GetProbe(); q != nil {
			go n.probe(ctx, q)
		}
	}
	n.mu.Lock()
	n.open = false
	n.mu.Unlock()
}

// stream is the replica that its stream is open at, and how many there were so far.
func (n *node) stream() (at *Plane, opened int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.open {
		at = n.planes[n.at]
	}
	return at, n.opened
}

// probe looks whether another node's host is there: it is, also where it refuses a connection. All nodes of a drill are on the
// loopback address, and no other is asked.
func (n *node) probe(ctx context.Context, q *bulkheadv1.Probe) {
	reached := false
	for _, a := range q.GetAddresses() {
		if a != loopback {
			continue
		}
		c, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", net.JoinHostPort(a, "9"))
		if err == nil {
			_ = c.Close() // nothing was said
		}
		reached = reached || err == nil || errors.Is(err, syscall.ECONNREFUSED)
	}
	n.mu.Lock()
	n.answers = append(n.answers, &bulkheadv1.ProbeResult{Id: q.GetId(), Reachable: reached})
	n.mu.Unlock()
	_ = n.report(ctx) // an answer that does not arrive is none
}

const loopback = "127.0.0.1"

// report tells its facts to the replica that takes them.
func (n *node) report(ctx context.Context) error {
	n.calls.Lock()
	defer n.calls.Unlock()
	n.mu.Lock()
	answers := n.answers
	n.answers = nil
	n.mu.Unlock()
	now := n.planes[0].Now()
	r := &bulkheadv1.ReportRequest{
		Run: n.run, Time: timestamppb.New(now), Probes: answers,
		State: &bulkheadv1.AgentState{Version: "drill", Addresses: []string{loopback}},
	}
	for _, u := range facts.Diff(n.have, n.set, now, 1<<20) {
		r.Facts = &bulkheadv1.FactsUpdate{Base: u.Base, Digest: u.Digest, Removed: u.Removed, Taken: timestamppb.New(u.Taken)}
		for _, f := range u.Set {
			r.Facts.Set = append(r.Facts.Set, &bulkheadv1.Fact{Key: f.Key, Data: f.Data})
		}
	}
	var all error
	for _, c := range n.clients {
		res, err := c.Report(ctx, r)
		if err != nil {
			all = errors.Join(all, err)
			continue
		}
		if n.have = n.set.Digests(); res.GetResync() {
			n.have = nil
			return errors.New("the server asks for all facts again")
		}
		return nil
	}
	return all
}

// change makes one of its facts new.
func (n *node) change(container string) error {
	b, err := json.Marshal(model.Container{ID: "c1", Name: container, State: "running"})
	if err != nil {
		return fmt.Errorf("a fact of %s: %w", n.name, err)
	}
	f, err := facts.Of("containers/c1", b)
	if err != nil {
		return fmt.Errorf("a fact of %s: %w", n.name, err)
	}
	n.calls.Lock()
	defer n.calls.Unlock()
	n.set[f.Key] = f
	return nil
}

// settle waits until the node follows, was believed, and was judged.
func (w *World) settle(ctx context.Context, n *node) error {
	_, err := until(ctx, setUpFor, func(ctx context.Context) error {
		if at, _ := n.stream(); at == nil {
			return errors.New("its stream is not open")
		}
		if err := n.report(ctx); err != nil {
			return err
		}
		is, err := w.node(ctx, n)
		if err == nil && (is.GetHealth() != string(model.HealthUp) || len(is.GetStatuses()) == 0 || len(is.GetAddresses()) == 0) {
			err = fmt.Errorf("it is %s, with %d statuses and the addresses %v", is.GetHealth(), len(is.GetStatuses()), is.GetAddresses())
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("the node %s is not at work: %w", n.name, err)
	}
	return nil
}

func (w *World) node(ctx context.Context, n *node) (*bulkheadv1.Node, error) {
	return w.nodes(w.admin).GetNode(ctx, &bulkheadv1.Id{Id: n.id})
}

// events are those of a node of one kind, newest first.
func (w *World) events(ctx context.Context, n *node, kind string) ([]*bulkheadv1.Event, error) {
	res, err := w.nodes(w.admin).ListEvents(ctx, &bulkheadv1.ListInTenantRequest{
		Tenant: own, Page: &bulkheadv1.Page{Filter: fmt.Sprintf("node = %q AND kind = %q", n.id, kind), Size: 10},
	})
	return res.GetEvents(), err
}

func (w *World) nodes(p *person) bulkheadv1connect.NodeServiceClient {
	return bulkheadv1connect.NewNodeServiceClient(w.client(p), w.plane.URL)
}

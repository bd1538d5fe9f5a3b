package agent

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/bulkhead-security/bulkhead/agent/spool"
	"github.com/bulkhead-security/bulkhead/agent/state"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// Server is the control plane; *uplink.Client is one.
type Server interface {
	Report(ctx context.Context, r *bulkheadv1.ReportRequest) (*bulkheadv1.ReportResponse, error)
	Follow(ctx context.Context, r *bulkheadv1.FollowRequest, got func(*bulkheadv1.FollowResponse) error) error
	Renew(ctx context.Context, request []byte, keep func(*bulkheadv1.RenewResponse) error) error
	SendLog(ctx context.Context, r *bulkheadv1.SendLogRequest) (*bulkheadv1.SendLogResponse, error)
	SendRecording(ctx context.Context, r *bulkheadv1.SendRecordingRequest) (*bulkheadv1.SendRecordingResponse, error)
	// Server is the address that is talked to now.
	Server() string
}

// Parts are what an agent of a fleet is made of.
type Parts struct {
	Dir    *state.Dir
	Spool  *spool.Spool
	Lost   *spool.Lost // of the spool, where it was damaged
	Server Server
	// Collect gives the node's facts.
	Collect func(ctx context.Context) (*model.Snapshot, error)
	// Appliers put documents into force, by kind, in their order.
	Appliers map[model.BundleKind][]Applier
	// Maintainer acts on the orchestrator; nil leaves it alone.
	Maintainer Maintainer
	// Recordings opens a recording of the node's guard that has ended, encrypted as it is; nil where there is no guard.
	Recordings func(id string) (f io.ReadCloser, size int64, err error)
	Log        NodeLog // the node's audit log; nil for none
	// Ready is called once, when what is on disk is in force; nil for nobody.
	Ready func()
	// Unsound is told, before Ready, of a document that was in force once and can't be put into force again; nil for nobody.
	Unsound func(kind model.BundleKind, err error)
	LogKey  string // its verifier key
	Version string
	// Every is how often facts are collected while no settings say otherwise.
	Every time.Duration
	// Calm is for how long the agent runs before a failure of the run before it is over; zero takes ten minutes.
	Calm time.Duration
	// Addresses are the node's.
	Addresses func() []netip.Addr
	Slog      *slog.Logger
	Now       func() time.Time
}

// Times of the agent's work.
const (
	heartbeat   = 30 * time.Second // a report comes at least so often
	statusEvery = 2 * time.Second
	lastWords   = 3 * time.Second // for what is sent at the end
	skewLimit   = 30 * time.Second
)

// Agent is a member of a fleet at work.
type Agent struct {
	p        Parts
	node     *state.Node
	verifier note.Verifier
	slog     *slog.Logger
	now      func() time.Time
	run      string
	started  time.Time
	follower *Settings // interval and checks that settings give
	probes   *prober
	sends    *sender
	logs     *logSender

	wake   chan struct{} // there is something to report
	retry  chan struct{} // the server is there again: no need to wait for the next try
	renew  chan struct{} // the server asks for it
	wishes chan struct{} // what is wanted of orchestrators may have changed
	fresh  chan struct{} // there is a new certificate: what was refused with the old one may be tried at once
	skew   atomic.Int64  // the server's clock less ours, in nanoseconds

	mu         sync.Mutex
	force      map[model.BundleKind]*model.Bundle // what is in force
	open       map[string]model.Finding           // findings that are not over
	refused    map[model.BundleKind]string        // what was refused last, and recorded
	status     model.AgentStatus
	answers    []*bulkheadv1.ProbeResult
	resync     bool
	maintained *model.Maintenance
}

// New reads how the machine joined. state.ErrNotJoined says that it did not.
func New(p Parts) (*Agent, error) {
	if p.Slog == nil {
		p.Slog = slog.New(slog.DiscardHandler)
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Addresses == nil {
		p.Addresses = Addresses
	}
	p.Calm = cmp.Or(p.Calm, calm)
	node, err := p.Dir.Node()
	if err != nil {
		return nil, err
	}
	verifier, err := node.Verifier()
	if err != nil {
		return nil, fmt.Errorf("the key of documents: %w", err)
	}
	run := make([]byte, 16)
	_, _ = rand.Read(run) // it never fails
	a := &Agent{
		p: p, node: node, verifier: verifier, slog: p.Slog, now: p.Now, run: hex.EncodeToString(run), started: p.Now(),
		follower: newSettings(cmp.Or(p.Every, heartbeat)),
		probes:   &prober{limit: rate.NewLimiter(rate.Every(2*time.Second), 8), own: p.Addresses, slots: make(chan struct{}, 4)},
		sends:    &sender{limit: rate.NewLimiter(rate.Every(time.Second), 8), slots: make(chan struct{}, sendsAtOnce)},
		wake:     make(chan struct{}, 1), retry: make(chan struct{}, 1), renew: make(chan struct{}, 1), fresh: make(chan struct{}, 1),
		wishes: make(chan struct{}, 1),
		force:  map[model.BundleKind]*model.Bundle{}, open: map[string]model.Finding{}, refused: map[model.BundleKind]string{},
	}
	a.logs = &logSender{log: p.Log, key: p.LogKey, server: p.Server, slog: p.Slog, raise: a.raise}
	a.status = model.AgentStatus{
		Schema: model.AgentStatusSchema, Node: node.ID, Name: node.Name, Tenant: node.Tenant, Version: p.Version, PID: pid(), Started: a.started,
	}
	return a, nil
}

// Joined records that the machine has just become a node.
func (a *Agent) Joined(ctx context.Context) {
	a.record(ctx, model.Record{Action: "NodeJoin", Outcome: model.OutcomeAllowed, Changes: map[string]string{"server": a.p.Server.Server()}})
}

// Run works until ctx ends, and then says so to the server, while the stream is still open: a stream that just ends would look like
// an agent that died.
func (a *Agent) Run(ctx context.Context) error {
	a.begin(ctx)
	if a.p.Ready != nil {
		a.p.Ready()
	}
	streaming, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	g, working := errgroup.WithContext(ctx)
	ended := make(chan struct{})
	var broken error
	g.Go(func() error { // ends the others if it fails
		select {
		case <-ended:
			return broken
		case <-working.Done():
			return working.Err()
		}
	})
	go func() {
		defer close(ended)
		// Without a failure it ends when it is cut.
		broken = a.contained("following", a.following)(streaming)
	}()
	for part, loop := range map[string]func(context.Context) error{
		"collecting": a.collecting, "reporting": a.reporting, "renewing": a.renewing, "sending the log": a.logs.run, "telling": a.telling,
		"recovering": a.recovering, "maintaining": a.maintaining,
	} {
		g.Go(func() error { return a.contained(part, loop)(working) })
	}
	err := g.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	var failed *Failed
	if !errors.As(err, &failed) { // else nobody knows in what state it is
		a.end(ctx)
	}
	cut()
	<-ended
	a.connected(false, nil)
	a.tell()
	return err
}

// begin puts into force what is on disk: the control plane is not needed for it.
func (a *Agent) begin(ctx context.Context) {
	a.record(ctx, model.Record{Action: "AgentStart", Outcome: model.OutcomeAllowed, Changes: map[string]string{"version": a.p.Version}})
	if a.p.Lost != nil {
		a.raise(problem{
			kind: "node/spool-lost", severity: model.Medium, subject: "spool",
			en: "The agent's spool was damaged and was moved to " + a.p.Lost.Path + ": findings that waited in it are lost.",
			zh: "代理的暂存文件已损坏，已移至 " + a.p.Lost.Path + "，其中等待发送的发现已丢失。",
		})
	}
	a.tellFailure()
	a.load(ctx)
}

// end says to the server that the agent stops as it was told to, where that is quick.
func (a *Agent) end(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	a.record(ctx, model.Record{Action: "AgentStop", Outcome: model.OutcomeAllowed})
	if err := a.report(ctx, true); err != nil {
		a.slog.Warn("the control plane was not told that the agent stops", "error", err)
	}
	if err := a.logs.rest(ctx); err != nil {
		a.slog.Debug("the end of the audit log is sent at the next start", "error", err)
	}
}

func (a *Agent) soon() { poke(a.wake) }

// poke wakes who waits on a channel with room for one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// record appends to the node's audit log. What can't be written there is logged: a node does not stop enforcing because a disk is
// full.
func (a *Agent) record(ctx context.Context, r model.Record) {
	if a.p.Log == nil {
		return
	}
	if err := a.appendRecord(ctx, r); err != nil {
		a.slog.Error("the node's audit log lacks a record", "action", r.Action, "resource", r.Resource.ID, "outcome", r.Outcome, "error", err)
	}
}

// appendRecord is for what is not done without its record.
func (a *Agent) appendRecord(ctx context.Context, r model.Record) error {
	if a.p.Log == nil {
		return errors.New("the node has no audit log")
	}
	r.Actor, r.ActorName, r.Tenant = a.node.ID, a.node.Name, a.node.Tenant
	if r.Resource == (model.Ref{}) {
		r.Resource = model.Ref{Type: "Node", ID: a.node.ID}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	_, err := a.p.Log.Append(ctx, r)
	return err
}

package api

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"connectrpc.com/connect"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// JoinStore turns a join token into a node.
type JoinStore interface {
	InTx(ctx context.Context, f func(ctx context.Context) error) error
	JoinToken(ctx context.Context, id string) (*model.JoinToken, error)
	JoinTokenBySecret(ctx context.Context, hash []byte) (*model.JoinToken, error)
	UseJoinToken(ctx context.Context, id, node string, when time.Time) error
	CreateNode(ctx context.Context, m *model.Member) error
	ReplaceNode(ctx context.Context, old string, m *model.Member) error
	Pool(ctx context.Context, id string) (*model.Pool, error)
}

// MemberStore knows the nodes.
type MemberStore interface {
	Node(ctx context.Context, id string) (*model.Member, error)
	NodeByName(ctx context.Context, tenant, name string) (*model.Member, error)
	RenewNode(ctx context.Context, id, serial, next string, ends time.Time) error
}

// NodeIssuer is the nodes' CA.
type NodeIssuer interface {
	ParseCSR(der []byte) (spkiHash []byte, err error)
	Issue(csrDER []byte, nodeID string, life time.Duration) (der []byte, serial string, ends time.Time, err error)
	Certificate() []byte
}

// AgentRecorder keeps the audit log.
type AgentRecorder interface {
	Append(ctx context.Context, r model.Record) (model.LogRecord, error)
	Later(ctx context.Context, r model.Record) error
}

// AgentFleet takes what nodes send and gives what they have to take.
type AgentFleet interface {
	Report(ctx context.Context, node *model.Member, r AgentReport) (AgentAnswer, error)
	Follow(ctx context.Context, node *model.Member, have AgentHave, send func(AgentItem) error) error
	Event(ctx context.Context, e model.Event) error
}

// AgentOptions are what the service stands on. All but Log and Now are needed.
type AgentOptions struct {
	Joins     JoinStore
	Nodes     MemberStore
	Authority NodeIssuer
	Audit     AgentRecorder
	Fleet     AgentFleet
	Logs      NodeLogStore
	Transfers PartStore
	Reader    NodeLogReader
	// PolicyKey verifies what nodes have to take.
	PolicyKey string
	// Life is how long certificates last.
	Life time.Duration
	Log  *slog.Logger
	Now  func() time.Time
}

// Agents implements AgentService. The gate has found out which node calls; Join finds that out itself.
type Agents struct {
	o AgentOptions

	mu   sync.Mutex
	told *lru.Cache[string, time.Time] // when trouble of a node was told last
}

const (
	// mostSkew is how far the clock of a node may be off.
	mostSkew = 5 * time.Minute
	// toldAgain is after how long the same trouble of a node is recorded and told again.
	toldAgain = time.Hour
	mostTold  = 1 << 15
)

// NewAgents makes the service.
func NewAgents(o AgentOptions) (*Agents, error) {
	if o.Joins == nil || o.Nodes == nil || o.Authority == nil || o.Audit == nil || o.Fleet == nil || o.Logs == nil || o.Transfers == nil ||
		!o.Reader.whole() || o.PolicyKey == "" || o.Life <= 0 {
		return nil, errors.New("the service for agents lacks a part")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	told, err := lru.New[string, time.Time](mostTold)
	if err != nil {
		return nil, fmt.Errorf("the service for agents: %w", err)
	}
	return &Agents{o: o, told: told}, nil
}

// Renew implements AgentService. The gate has recorded it, and records that it failed.
func (s *Agents) Renew(ctx context.Context, r *bulkheadv1.RenewRequest) (*bulkheadv1.RenewResponse, error) {
	m := gate.Node(ctx)
	hash, err := s.o.Authority.ParseCSR(r.GetCsr())
	if err != nil {
		return nil, badCSR(err)
	}
	if subtle.ConstantTimeCompare(hash, m.KeyHash) != 1 {
		s.tell(ctx, m, trouble{
			kind: model.EventJoinFail, severity: string(model.High), text: model.Text{
				EN: "it asked for a certificate for another key than its own, and got none; asked from " + gate.ClientOf(ctx).Address,
				ZH: "该节点为另一把密钥申请证书，已被拒绝；请求来自 " + gate.ClientOf(ctx).Address,
			},
		})
		return nil, &model.Error{
			Code: model.CodeDenied, Message: "the certificate signing request is for another key than the node's", Field: "csr",
			Remedy: "A node's key is fixed when it joins. With a new key the machine joins anew, by a token that replaces the node.",
		}
	}
	der, serial, ends, err := s.o.Authority.Issue(r.GetCsr(), m.ID, s.o.Life)
	if err != nil {
		return nil, err
	}
	if err := s.o.Nodes.RenewNode(ctx, m.ID, gate.Caller(ctx).Credential.ID, serial, ends); err != nil {
		return nil, err
	}
	return &bulkheadv1.RenewResponse{Certificate: der, Time: stamp(s.o.Now())}, nil
}

func badCSR(err error) error {
	return &model.Error{
		Code: model.CodeInvalid, Message: "csr: it is no certificate signing request of ECDSA P-256 or Ed25519 that its own key signed",
		Field: "csr", Err: err,
	}
}

// Follow implements AgentService. The fleet ends the stream when the node is revoked.
func (s *Agents) Follow(ctx context.Context, r *bulkheadv1.FollowRequest, out *connect.ServerStream[bulkheadv1.FollowResponse]) error {
	have := AgentHave{
		Run: r.GetRun(), Policies: r.GetPoliciesVersion(), Settings: r.GetSettingsVersion(), Assignment: r.GetAssignmentVersion(),
		Maintenance: r.GetMaintenanceVersion(), Maintains: r.GetMaintains(),
		Accounts: r.GetAccountsVersion(), Guards: r.GetGuards(),
		Recordings: r.GetSendsRecordings(),
	}
	return s.o.Fleet.Follow(ctx, gate.Node(ctx), have, func(i AgentItem) error { return out.Send(itemOut(i)) })
}

// trouble is something out of the ordinary about a node that is recorded and told.
type trouble struct {
	kind     string // of the event
	severity string
	text     model.Text
	// record is the refusal's; one without an action is recorded elsewhere. of tells troubles of one kind apart.
	record model.Record
	of     string
}

// tell records and tells trouble, once in an hour: a node goes on trying. It has no error: the call is refused in any case, and what
// could not be told is in the server's log.
func (s *Agents) tell(ctx context.Context, m *model.Member, t trouble) {
	key := m.ID + " " + t.kind + " " + t.of
	if !s.first(key) {
		return
	}
	var err error
	if t.record.Action != "" {
		err = s.record(ctx, t.record)
	}
	err = errors.Join(err, s.o.Fleet.Event(ctx, model.Event{
		Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Kind: t.kind, Severity: t.severity, Text: t.text,
	}))
	if err != nil {
		s.told.Remove(key)
		s.o.Log.ErrorContext(ctx, "trouble of a node could not be told", "node", m.ID, "kind", t.kind, "error", err)
	}
}

// first says whether something was not told within the last hour.
func (s *Agents) first(key string) bool {
	now := s.o.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if at, ok := s.told.Get(key); ok && now.Sub(at) < toldAgain {
		return false
	}
	s.told.Add(key, now)
	return true
}

// record queues a refusal's record.
func (s *Agents) record(ctx context.Context, r model.Record) error {
	var err error
	if r.ID, err = newID(); err != nil {
		return err
	}
	c := gate.ClientOf(ctx)
	r.Time, r.Outcome, r.Address, r.UserAgent = s.o.Now(), model.OutcomeRefused, c.Address, c.UserAgent
	return unrecorded(s.o.Audit.Later(ctx, r))
}

func unrecorded(err error) error {
	if err == nil || model.CodeOf(err) == model.CodeAuditUnavailable {
		return err
	}
	return &model.Error{Code: model.CodeAuditUnavailable, Message: "the audit log can't be written, so this is refused", Err: err}
}

// ofNode is the record of something that a node did.
func ofNode(ctx context.Context, m *model.Member, action, reason string) model.Record {
	return model.Record{
		Actor: m.ID, ActorName: m.Name, Tenant: m.Tenant, Action: action, Resource: model.Ref{Type: "Node", ID: m.ID}, Reason: reason,
		Credential: gate.Caller(ctx).Credential.String(),
	}
}

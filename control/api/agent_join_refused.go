package api

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// overOf says why a token is not good at a time, "" where it is.
func overOf(t *model.JoinToken, now time.Time) string {
	switch {
	case !t.Used.IsZero():
		return "this join token was used on " + t.Used.UTC().Format(time.RFC3339) + "; it is good once"
	case !t.Revoked.IsZero():
		return "this join token was revoked on " + t.Revoked.UTC().Format(time.RFC3339)
	case !now.Before(t.Expires):
		return "this join token ended on " + t.Expires.UTC().Format(time.RFC3339)
	}
	return ""
}

func notGood(why string) error {
	return &model.Error{
		Code: model.CodeUnauthenticated, Message: why, Field: "token",
		Remedy: "Have an operator make another one: `bulkhead nodes join-token`.",
	}
}

// tokenRefused records a token that is not good. t is nil where it is not known.
func (s *Agents) tokenRefused(ctx context.Context, t *model.JoinToken, r *bulkheadv1.JoinRequest, why error) error {
	rec := model.Record{
		Tenant: model.SystemTenant, Action: actionJoin, Resource: model.Ref{Type: model.TypeSystem, ID: model.SystemID},
		Reason: messageOf(why), Changes: map[string]string{"name": r.GetName()},
	}
	if t != nil {
		rec.Tenant, rec.Resource, rec.Credential = t.Tenant, model.Ref{Type: "JoinToken", ID: t.ID}, "JoinToken::"+t.ID
	}
	if err := s.record(ctx, rec); err != nil {
		return err
	}
	if t != nil && !t.Used.IsZero() {
		s.usedTwice(ctx, t, r)
	}
	return why
}

// usedTwice tells of a token that somebody shows who is not the node that it made.
func (s *Agents) usedTwice(ctx context.Context, t *model.JoinToken, r *bulkheadv1.JoinRequest) {
	m, err := s.o.Nodes.Node(ctx, t.UsedBy)
	if err != nil { // the node was removed
		m = &model.Member{ID: t.UsedBy, Tenant: t.Tenant}
	}
	from, own := gate.ClientOf(ctx).Address, strings.Join(m.Addresses, ", ")
	s.tell(ctx, m, trouble{
		kind: model.EventJoinFail, severity: string(model.High), of: t.ID + " " + from, text: model.Text{
			EN: fmt.Sprintf("the join token that this node joined with was shown again, from %s as %q; the node's own addresses are %s: somebody else has the token",
				from, r.GetName(), otherwise(own, "not known")),
			ZH: fmt.Sprintf("该节点加入时所用的令牌又从 %s 以 %q 之名被使用；该节点自身地址为 %s：令牌已被他人获得", from, r.GetName(), otherwise(own, "未知")),
		},
	})
}

func nameTaken(other *model.Member) error {
	return &model.Error{
		Code: model.CodeExists, Field: "name",
		Message: fmt.Sprintf("name: there is a node %s already (%s); it is %s and was last seen on %s",
			other.Name, other.ID, other.Health, other.LastSeen.UTC().Format(time.RFC3339)),
		Remedy: "Give this machine another name with --name. If it replaces that one, join with a token made by `bulkhead nodes join-token --replaces " +
			other.ID + "`.",
	}
}

// joinRefusal says for callers why a node was not made.
func (s *Agents) joinRefusal(ctx context.Context, j *join, err error) error {
	var e *model.Error
	switch code := model.CodeOf(err); {
	case j.lost: // of two at once with one token, one wins
		t, again := s.o.Joins.JoinToken(ctx, j.token.ID)
		if again != nil {
			return notGood("this join token is not good any more")
		}
		if !t.Used.IsZero() {
			s.usedTwice(ctx, t, j.request)
		}
		return notGood(otherwise(overOf(t, s.o.Now()), "this join token is not good any more"))
	case errors.As(err, &e) && code == model.CodeExists && e.Field == "csr":
		s.tell(ctx, &model.Member{Tenant: j.token.Tenant, Name: j.member.Name}, trouble{
			kind: model.EventJoinFail, severity: string(model.High), of: j.token.ID, text: model.Text{
				EN: "a machine at " + gate.ClientOf(ctx).Address + " tried to join with a key that is or was a node's",
				ZH: "位于 " + gate.ClientOf(ctx).Address + " 的主机试图用现有或曾有节点的密钥加入",
			},
		})
		return &model.Error{
			Code: model.CodeExists, Field: "csr", Message: "csr: its key is, or was, a node's; a key joins once", Err: err,
			Remedy: "Join with a new key: empty the agent's data directory, which also has what it did not send yet.",
		}
	case errors.As(err, &e) && code == model.CodeExists && e.Field == "name":
		if other, again := s.o.Nodes.NodeByName(ctx, j.token.Tenant, j.member.Name); again == nil {
			return nameTaken(other)
		}
	}
	return err
}

// joinRefused records a join that was refused before anything was done. The token stays good.
func (s *Agents) joinRefused(ctx context.Context, j *join, why error) error {
	switch model.CodeOf(why) {
	case model.CodeUnavailable, model.CodeInternal:
		return why
	}
	rec, err := s.joinRecord(ctx, j)
	if err != nil {
		return err
	}
	rec.Reason = string(model.CodeOf(why)) + ": " + messageOf(why)
	if err := s.record(ctx, rec); err != nil {
		return err
	}
	return why
}

// replacedBy tells of a node that gave its name to a new one.
func replacedBy(old, m *model.Member) model.Event {
	return model.Event{
		Tenant: old.Tenant, Node: old.ID, NodeName: old.Name, Kind: model.EventRevoked, Severity: "info", Text: model.Text{
			EN: "the node was replaced by the node " + m.ID + ", and its identity revoked", ZH: "该节点已被节点 " + m.ID + " 替换，其身份已吊销",
		},
	}
}

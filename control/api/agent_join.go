package api

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// actionJoin is what joins are recorded as. It is no action of the policies: the join token decides.
const actionJoin = "NodeJoin"

// join is a machine on its way to be a node.
type join struct {
	request *bulkheadv1.JoinRequest
	token   *model.JoinToken
	member  *model.Member
	old     *model.Member // that it replaces, nil for none
	der     []byte
	lost    bool // the token was used or revoked meanwhile
}

// Join implements AgentService. It is recorded before anything changes; that it failed then is recorded, too.
func (s *Agents) Join(ctx context.Context, r *bulkheadv1.JoinRequest) (*bulkheadv1.JoinResponse, error) {
	t, err := s.joinToken(ctx, r)
	if err != nil {
		return nil, err
	}
	j := &join{request: r, token: t}
	if err := s.prepareJoin(ctx, j, r.GetMachine()); err != nil {
		return nil, s.joinRefused(ctx, j, err)
	}
	if err := s.admitNode(ctx, j); err != nil {
		return nil, err
	}
	return &bulkheadv1.JoinResponse{
		Node: j.member.ID, Tenant: j.member.Tenant, Certificate: j.der, Authority: s.o.Authority.Certificate(), PolicyKey: s.o.PolicyKey,
		Time: stamp(s.o.Now()),
	}, nil
}

// joinToken gives a token that is good. One that is not is recorded, and one that was used is told of: somebody else has it.
func (s *Agents) joinToken(ctx context.Context, r *bulkheadv1.JoinRequest) (*model.JoinToken, error) {
	hash, err := JoinHash(r.GetToken())
	if err != nil {
		return nil, s.tokenRefused(ctx, nil, r, err)
	}
	t, err := s.o.Joins.JoinTokenBySecret(ctx, hash)
	switch {
	case model.CodeOf(err) == model.CodeNotFound:
		return nil, s.tokenRefused(ctx, nil, r, notGood("nobody made this join token, or it was removed"))
	case err != nil:
		return nil, err
	}
	if why := overOf(t, s.o.Now()); why != "" {
		return nil, s.tokenRefused(ctx, t, r, notGood(why))
	}
	return t, nil
}

// prepareJoin finds out what the node will be, without changing anything.
func (s *Agents) prepareJoin(ctx context.Context, j *join, id string) error {
	r, t, now := j.request, j.token, s.o.Now()
	hash, err := s.o.Authority.ParseCSR(r.GetCsr())
	if err != nil {
		return badCSR(err)
	}
	if id, err = s.nodeID(ctx, id); err != nil {
		return err
	}
	if err := s.nameFree(ctx, j); err != nil {
		return err
	}
	if err := s.joinPool(ctx, t); err != nil {
		return err
	}
	der, serial, ends, err := s.o.Authority.Issue(r.GetCsr(), id, s.o.Life)
	if err != nil {
		return err
	}
	j.der = der
	j.member = &model.Member{
		ID: id, Tenant: t.Tenant, Name: r.GetName(), Machine: r.GetMachine(), Pool: otherwise(t.Pool, model.DefaultPool), Labels: t.Labels,
		Sensitivity: t.Sensitivity, KeyHash: hash, Serial: serial, CertificateEnds: ends, Joined: now, Health: model.HealthUp,
		HealthSince: now, LastSeen: now, AgentVersion: r.GetVersion(), Addresses: r.GetAddresses(), Version: 1,
	}
	return nil
}

// nodeID is the machine's id where that is free, so that what was published of the machine before is the node's.
func (s *Agents) nodeID(ctx context.Context, machine string) (string, error) {
	if machine != "" {
		_, err := s.o.Nodes.Node(ctx, machine)
		switch {
		case model.CodeOf(err) == model.CodeNotFound:
			return machine, nil
		case err != nil:
			return "", err
		}
	}
	id, err := uuid.NewRandom()
	if err != nil {
		return "", &model.Error{Code: model.CodeUnavailable, Message: "no randomness for an id", Err: err}
	}
	return hex.EncodeToString(id[:]), nil
}

// nameFree holds a name to one node. The token may say which one gives its name to the new one.
func (s *Agents) nameFree(ctx context.Context, j *join) error {
	name := j.request.GetName()
	if id := j.token.Replaces; id != "" {
		old, err := s.o.Nodes.Node(ctx, id)
		switch {
		case model.CodeOf(err) == model.CodeNotFound || err == nil && old.Tenant != j.token.Tenant:
			return &model.Error{
				Code: model.CodeNotFound, Message: "the node " + id + ", which the join token says that this one replaces, is not there", Field: "token",
				Remedy: "Have an operator make another join token.",
			}
		case err != nil:
			return err
		case old.Name != name:
			return &model.Error{
				Code: model.CodeInvalid, Field: "name", Message: fmt.Sprintf("name: the join token is for a machine that replaces %q, not for %q", old.Name, name),
				Remedy: "Join with --name " + old.Name + ", or with a join token that replaces no node.",
			}
		}
		j.old = old
		return nil
	}
	other, err := s.o.Nodes.NodeByName(ctx, j.token.Tenant, name)
	switch {
	case model.CodeOf(err) == model.CodeNotFound:
		return nil
	case err != nil:
		return err
	}
	return nameTaken(other)
}

// joinPool fails where the token's pool was deleted since: in a pool that is not there the node would take no settings of anybody's.
func (s *Agents) joinPool(ctx context.Context, t *model.JoinToken) error {
	if t.Pool == "" || t.Pool == model.DefaultPool {
		return nil // always there
	}
	_, err := s.o.Joins.Pool(ctx, poolID(t.Tenant, t.Pool))
	if model.CodeOf(err) != model.CodeNotFound {
		return err
	}
	return &model.Error{
		Code: model.CodeNotFound, Message: fmt.Sprintf("the pool %q, into which the join token puts this node, was deleted", t.Pool), Field: "token", Err: err,
		Remedy: fmt.Sprintf("Have an operator make another join token for a pool that is there, or the pool anew: `bulkhead pools create %s`. "+
			"This token is not used up: with the pool there it is good until its end.", t.Pool),
	}
}

// admitNode records the join and makes the node, once more with a random id where somebody took its id meanwhile.
func (s *Agents) admitNode(ctx context.Context, j *join) error {
	rec, err := s.joinRecord(ctx, j)
	if err != nil {
		return err
	}
	if _, err := s.o.Audit.Append(ctx, rec); err != nil {
		return unrecorded(err)
	}
	err = s.makeNode(ctx, j)
	var e *model.Error
	if errors.As(err, &e) && e.Code == model.CodeExists && e.Field == "machine" {
		if err = s.prepareJoin(ctx, j, ""); err == nil {
			err = s.makeNode(ctx, j)
		}
	}
	if err == nil {
		return nil
	}
	err = s.joinRefusal(ctx, j, err)
	failed, idErr := s.joinRecord(ctx, j)
	if idErr != nil {
		return errors.Join(err, idErr)
	}
	failed.Of, failed.Outcome, failed.Reason, failed.Changes = rec.ID, model.OutcomeFailed, string(model.CodeOf(err))+": "+messageOf(err), nil
	if _, auditErr := s.o.Audit.Append(context.WithoutCancel(ctx), failed); auditErr != nil {
		s.o.Log.ErrorContext(ctx, "a join's failure could not be recorded", "of", rec.ID, "error", auditErr)
	}
	return err
}

// makeNode uses the token, makes the node and tells of it, all or nothing.
func (s *Agents) makeNode(ctx context.Context, j *join) error {
	m := j.member
	return s.o.Joins.InTx(ctx, func(ctx context.Context) error {
		if err := s.joinPool(ctx, j.token); err != nil {
			return err
		}
		if err := s.o.Joins.UseJoinToken(ctx, j.token.ID, m.ID, m.Joined); err != nil {
			j.lost = model.CodeOf(err) == model.CodeConflict || model.CodeOf(err) == model.CodeExpired
			return err
		}
		text := model.Text{EN: "the node joined from " + gate.ClientOf(ctx).Address, ZH: "该节点已从 " + gate.ClientOf(ctx).Address + " 加入"}
		if j.old == nil {
			if err := s.o.Joins.CreateNode(ctx, m); err != nil {
				return err
			}
		} else {
			if err := s.o.Joins.ReplaceNode(ctx, j.old.ID, m); err != nil {
				return err
			}
			text.EN += "; it replaces the node " + j.old.ID
			text.ZH += "，替换节点 " + j.old.ID
			if j.old.Revoked.IsZero() {
				if err := s.o.Fleet.Event(ctx, replacedBy(j.old, m)); err != nil {
					return err
				}
			}
		}
		return s.o.Fleet.Event(ctx, model.Event{
			Tenant: m.Tenant, Node: m.ID, NodeName: m.Name, Kind: model.EventJoined, Severity: "info", Text: text,
		})
	})
}

// joinRecord is what the log keeps of a join that is permitted. Whoever made the token answers for it.
func (s *Agents) joinRecord(ctx context.Context, j *join) (model.Record, error) {
	id, err := newID()
	if err != nil {
		return model.Record{}, err
	}
	c := gate.ClientOf(ctx)
	r := model.Record{
		ID: id, Time: s.o.Now(), Actor: j.token.Creator, Tenant: j.token.Tenant, Action: actionJoin, Outcome: model.OutcomeAllowed,
		Resource: model.Ref{Type: "JoinToken", ID: j.token.ID}, Reason: "by the join token", Address: c.Address, UserAgent: c.UserAgent,
		Credential: "JoinToken::" + j.token.ID,
		Changes:    map[string]string{"name": j.request.GetName(), "machine": j.request.GetMachine(), "replaces": j.token.Replaces},
	}
	if m := j.member; m != nil {
		r.Resource = model.Ref{Type: "Node", ID: m.ID}
		r.Changes["key"], r.Changes["pool"], r.Changes["serial"] = hex.EncodeToString(m.KeyHash), m.Pool, m.Serial
	}
	return r, nil
}

// messageOf is what an error says to callers.
func messageOf(err error) string {
	var e *model.Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "the server made a mistake"
}

func otherwise(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

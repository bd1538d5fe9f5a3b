package gate

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
)

// record writes what was decided: for a change it returns once the record is in the log, with its place; for a read it
// queues it.
func (g *Gate) record(in *entry) (string, error) {
	if in.rule.public() || in.rule.quiet() && in.decision.Allowed {
		return "", nil
	}
	r, err := in.record(g.Now())
	if err != nil {
		return "", err
	}
	if !in.rule.changes() {
		return "", unrecorded(g.Audit.Later(in.ctx, r))
	}
	in.recordID = r.ID
	placed, err := g.Audit.Append(in.ctx, r)
	if err != nil {
		return "", unrecorded(err)
	}
	if placed.Origin == "" {
		return "", nil // it waits in the spool and has no place yet
	}
	return fmt.Sprintf("%s/%d", placed.Origin, placed.Index), nil
}

func unrecorded(err error) error {
	if err == nil || model.CodeOf(err) == model.CodeAuditUnavailable {
		return err
	}
	return &model.Error{Code: model.CodeAuditUnavailable, Message: "the audit log can't be written, so this is refused", Err: err}
}

func (in *entry) record(now time.Time) (model.Record, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return model.Record{}, fmt.Errorf("id of a record: %w", err)
	}
	if err := in.sum(); err != nil {
		return model.Record{}, err
	}
	p := in.call.principal
	r := model.Record{
		ID: id.String(), Time: now, Actor: p.ID, ActorName: p.Name, Tenant: in.tenant, Action: in.request.Action,
		Resource: in.request.Resource.Ref, Outcome: model.OutcomeRefused, Reason: in.decision.Reason,
		Policies: in.decision.Policies, PolicyVersion: in.decision.PolicyVersion, PolicySets: in.decision.PolicySets,
		Address: in.call.client.Address, UserAgent: in.call.client.UserAgent,
		Credential: p.Credential.String(), AMR: p.Auth.AMR, Request: &in.request, Digest: hex.EncodeToString(in.digest),
		Changes: changesOf(in.msg),
	}
	if in.decision.Allowed {
		r.Outcome = model.OutcomeAllowed
	}
	return r, nil
}

// failed continues the record of a change that was permitted and did not work.
func (in *entry) failed(cause error, now time.Time) model.Record {
	r, err := in.record(now)
	if err != nil { // no randomness for an id: the record says at least what it continues
		r = model.Record{ID: in.recordID + "-failed", Time: now, Tenant: in.tenant, Action: in.request.Action}
	}
	r.Outcome, r.Of, r.Request, r.Changes = model.OutcomeFailed, in.recordID, nil, nil
	r.Reason = string(model.CodeOf(cause)) + ": " + messageOf(cause)
	return r
}

// sum digests the message without its secrets: a digest of a password could be guessed.
func (in *entry) sum() error {
	if in.digest != nil {
		return nil
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(redacted(in.msg))
	if err != nil {
		return fmt.Errorf("digest of the request: %w", err)
	}
	d := sha256.Sum256(b)
	in.digest = d[:]
	return nil
}

package gate

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"buf.build/go/protovalidate"
	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
)

// actionAuthenticate is what a credential that is not good is recorded as. It is no action of the policies.
const actionAuthenticate = "Authenticate"

// entry is one call on its way in.
type entry struct {
	ctx       context.Context //nolint:containedctx // lives as long as the call
	procedure string
	rule      *rule
	header    http.Header
	msg       proto.Message
	call      *call
	request   model.Request
	decision  model.Decision
	tenant    string // that the record concerns
	recordID  string
	digest    []byte
}

// enter takes a call that was identified through all that comes before its record and its handler.
func (g *Gate) enter(ctx context.Context, m proto.Message) (*entry, error) {
	in, ok := ctx.Value(entryKey{}).(*entry)
	if !ok {
		return nil, errors.New("the call came past the gate's first half")
	}
	in.ctx, in.msg = ctx, m
	if err := g.validate(m); err != nil {
		return nil, err
	}
	if in.rule.public() {
		return in, nil
	}
	return in, g.admit(in)
}

// identify finds the method's rule and who calls, and holds the call to its rate.
func (g *Gate) identify(ctx context.Context, procedure, address string, h http.Header) (*entry, error) {
	r, ok := g.rules[procedure]
	if !ok {
		return nil, &model.Error{Code: model.CodeDenied, Message: "this method says not what it needs, so nobody may call it"}
	}
	c := &call{client: clientOf(address, h), credential: credentialOf(h)}
	in := &entry{ctx: ctx, procedure: procedure, rule: r, header: h, call: c}
	if r.public() {
		if !g.public.allow("a "+network(c.client.Address), g.Now()) {
			return nil, tooMany()
		}
		return in, g.known(in)
	}
	if r.node() {
		return in, g.identifyNode(in)
	}
	if c.credential == "" {
		c.certificate = certificateOf(ctx) // for the record: no other door takes one
		return nil, g.unknown(ctx, c, unauthenticated())
	}
	p, err := g.Authn.Authenticate(ctx, c.credential, c.client.Address, c.client.UserAgent)
	if err != nil {
		return nil, g.unknown(ctx, c, err)
	}
	if p.ID == "" || p.Tenant == "" {
		return nil, g.unknown(ctx, c, unauthenticated())
	}
	c.principal = p
	if !g.callers.allow("i "+p.String(), g.Now()) {
		return nil, tooMany()
	}
	return in, nil
}

// known tells handlers at the public door who is signed in already, if anybody is.
func (g *Gate) known(in *entry) error {
	if in.call.credential == "" {
		return nil
	}
	p, err := g.Authn.Authenticate(in.ctx, in.call.credential, in.call.client.Address, in.call.client.UserAgent)
	switch model.CodeOf(err) {
	case "":
		in.call.principal = p
	case model.CodeUnauthenticated, model.CodeExpired, model.CodeNotFound:
		in.call.credential = ""
	default:
		return fmt.Errorf("who is calling: %w", err)
	}
	return nil
}

// unknown counts a credential that was not good against its address, and records it: somebody may be trying keys.
func (g *Gate) unknown(ctx context.Context, c *call, err error) error {
	if !g.public.allow("f "+network(c.client.Address), g.Now()) {
		return tooMany()
	}
	if c.credential == "" && len(c.certificate) == 0 {
		return err // nothing was shown
	}
	id, uerr := uuid.NewV7()
	if uerr != nil {
		return fmt.Errorf("id of a record: %w", uerr)
	}
	r := model.Record{
		ID: id.String(), Time: g.Now(), Tenant: model.SystemTenant, Action: actionAuthenticate,
		Resource: model.Ref{Type: model.TypeSystem, ID: model.SystemID}, Outcome: model.OutcomeRefused,
		Reason: "the credential is not good: " + messageOf(err), Address: c.client.Address, UserAgent: c.client.UserAgent,
	}
	if c.member != nil { // its certificate names it
		r.Tenant, r.Resource = c.member.Tenant, model.Ref{Type: "Node", ID: c.member.ID}
	}
	if rec := g.Audit.Later(ctx, r); rec != nil {
		return unrecorded(rec)
	}
	return err
}

func unauthenticated() error {
	return &model.Error{Code: model.CodeUnauthenticated, Message: "nobody is signed in"}
}

func tooMany() error {
	return &model.Error{Code: model.CodeTooMany, Message: "too many requests"}
}

// validate holds a message to the schema's rules of form.
func (g *Gate) validate(m proto.Message) error {
	if err := malformed(m); err != nil {
		return err
	}
	err := g.valid.Validate(m)
	var broken *protovalidate.ValidationError
	switch {
	case err == nil:
		return checkDepth(m)
	case !errors.As(err, &broken) || len(broken.Violations) == 0:
		return fmt.Errorf("validate: %w", err)
	}
	v := broken.Violations[0]
	field := protovalidate.FieldPathString(v.Proto.GetField())
	text := v.Proto.GetMessage()
	if text == "" {
		text = v.Proto.GetRuleId()
	}
	return &model.Error{Code: model.CodeInvalid, Message: field + ": " + text, Field: field}
}

// fresh says whether the caller showed a second factor within the step-up time. A token never did.
func (g *Gate) fresh(p model.Principal, now time.Time) bool {
	t := p.Auth.FactorTime
	age := now.Sub(t)
	return p.Credential.Type == "Session" && p.Auth.MFA && !t.IsZero() && age >= -time.Minute && age <= g.Settings.StepUp
}

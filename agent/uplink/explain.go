package uplink

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// ErrClock is in the chain of an error that a wrong clock most likely causes.
var ErrClock = errors.New("is this machine's clock right?")

// ErrTooLarge is in the chain of the error of a message that is larger than anything the server should send.
var ErrTooLarge = errors.New("the server sends more than this node takes")

// Explain gives the error of a server that was not reached its plain words.
func Explain(err error, server string, now time.Time) error {
	c := &Client{o: Options{Now: func() time.Time { return now }}}
	return c.explain(err, server)
}

// explain gives an error its plain words: what the control plane says, or why it was not reached.
func (c *Client) explain(err error, server string) error {
	if err == nil {
		return nil
	}
	if e := told(err); e != nil {
		return e
	}
	var own *unusable
	if errors.As(err, &own) || errors.Is(err, errSilent) || errors.Is(err, errEnded) {
		return fmt.Errorf("%s: %w", server, err)
	}
	var invalid x509.CertificateInvalidError
	if errors.As(err, &invalid) && invalid.Reason == x509.Expired && invalid.Cert != nil {
		return &model.Error{
			Code: model.CodeUnavailable,
			Message: fmt.Sprintf("the certificate of %s is not valid at this machine's time (%s): it is valid from %s to %s", server,
				c.o.Now().UTC().Format(time.RFC3339), invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339)),
			Remedy: "set this machine's clock (timedatectl); if it is right, the server's certificate has ended", Err: fmt.Errorf("%w: %w", ErrClock, err),
		}
	}
	var bad *tls.CertificateVerificationError
	if errors.As(err, &bad) {
		return &model.Error{
			Code: model.CodeUnavailable, Message: "the certificate of " + server + " is not trusted; nothing was sent",
			Remedy: "if the server's CA was replaced, give the new one with --ca-file; otherwise somebody may be in between", Err: err,
		}
	}
	var ce *connect.Error
	if errors.As(err, &ce) && ce.Code() == connect.CodeResourceExhausted {
		return fmt.Errorf("%s: %w: %w", server, ErrTooLarge, err)
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	return &model.Error{
		Code: model.CodeUnavailable, Message: "the control plane at " + server + " was not reached", Remedy: "it is tried again; what is found waits in the spool",
		Err: err,
	}
}

// told is the error that the control plane gave; nil where the answer is none of its.
func told(err error) *model.Error {
	var ce *connect.Error
	if !errors.As(err, &ce) {
		return nil
	}
	for _, d := range ce.Details() {
		v, err := d.Value()
		if err != nil {
			continue
		}
		if detail, ok := v.(*bulkheadv1.ErrorDetail); ok {
			return &model.Error{
				Code: model.Code(detail.GetCode()), Message: ce.Message(), Remedy: detail.GetRemediation(), Field: detail.GetField(),
				Record: detail.GetRecord(), Policies: detail.GetPolicies(), Err: answered{model.Code(detail.GetCode())},
			}
		}
	}
	return nil
}

// answered marks what the control plane itself said.
type answered struct{ code model.Code }

func (a answered) Error() string {
	switch {
	case a.code == model.CodeInternal:
		return "the control plane failed at it"
	case later(a.code):
		return "the control plane can't do it now, and did not refuse it"
	}
	return "the control plane refused"
}

// later is true of codes that say nothing of what was sent: the same may be taken in a moment.
func later(c model.Code) bool {
	return c == model.CodeUnavailable || c == model.CodeAuditUnavailable || c == model.CodeTooMany
}

// Answered says whether the control plane gave this error, so that nothing is wrong with the way to it.
func Answered(err error) bool { return errors.As(err, &answered{}) }

// Refused says whether the control plane said no, and would say so again.
func Refused(err error) bool {
	var a answered
	return errors.As(err, &a) && !later(a.code)
}

// tryNext says whether another server may do better.
func tryNext(err error) bool {
	var own *unusable
	if errors.As(err, &own) || errors.Is(err, ErrTooLarge) {
		return false
	}
	if !Answered(err) {
		return true
	}
	switch model.CodeOf(err) {
	case model.CodeUnavailable, model.CodeInternal, model.CodeAuditUnavailable:
		return true
	}
	return false
}

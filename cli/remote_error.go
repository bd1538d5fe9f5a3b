package cli

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// remoteError turns an answer of the control plane into the command line's error: what failed, why, and what to do. A
// refusal exits with 2, any other error with 1. The error has the *model.Error in its chain.
func remoteError(err error) error {
	if err == nil {
		return nil
	}
	var no errNo
	if errors.As(err, &no) {
		return err
	}
	var ce *connect.Error
	if !errors.As(err, &ce) {
		return err
	}
	e := fromWire(ce)
	if e == nil {
		return transportError(ce)
	}
	text := plain(e.Message)
	for _, p := range []struct{ label, value string }{
		{"field: ", e.Field}, {"policies: ", strings.Join(e.Policies, ", ")}, {"audit record: ", e.Record}, {"", e.Remedy},
	} {
		if p.value != "" {
			text += "\n  " + p.label + plain(p.value)
		}
	}
	switch e.Code {
	case model.CodeDenied, model.CodeUnauthenticated, model.CodeFactorRequired, model.CodeStepUpRequired,
		model.CodeApprovalRequired, model.CodeLastAdministrator:
		return refusal{errNo{text}, e}
	}
	return failure{text, e}
}

// fromWire reads the detail that the control plane puts on every error; nil where there is none.
func fromWire(ce *connect.Error) *model.Error {
	for _, d := range ce.Details() {
		v, err := d.Value()
		if err != nil {
			continue
		}
		if detail, ok := v.(*bulkheadv1.ErrorDetail); ok {
			return &model.Error{
				Code: model.Code(detail.GetCode()), Message: ce.Message(), Remedy: detail.GetRemediation(),
				Field: detail.GetField(), Record: detail.GetRecord(), Policies: detail.GetPolicies(),
			}
		}
	}
	return nil
}

// transportError explains a call that did not come through, or an answer that is none of the API's.
func transportError(ce *connect.Error) error {
	text, remedy := plain(ce.Message()), ""
	var cert *tls.CertificateVerificationError
	switch {
	case errors.As(ce, &cert):
		remedy = "the server's certificate is not trusted: `bulkhead login --server URL --ca-fingerprint sha256:…` takes the server's own CA, --ca-file names another"
	case ce.Code() == connect.CodeUnauthenticated:
		return errNo{text + "\n  sign in with `bulkhead login`"}
	case ce.Code() == connect.CodePermissionDenied:
		return errNo{text}
	case ce.Code() == connect.CodeUnavailable:
		remedy = "is `bulkhead serve` running there, and is the address right (--server)?"
	case ce.Code() == connect.CodeDeadlineExceeded:
		remedy = "client.timeout is the time for one request"
	case ce.Code() == connect.CodeUnimplemented, ce.Code() == connect.CodeUnknown:
		remedy = "is this the address of a Bulkhead control plane, of a version that knows this verb?"
	}
	if remedy != "" {
		text += "\n  " + remedy
	}
	return fmt.Errorf("the control plane did not answer: %s", text)
}

// refusal is the answer "no" of the control plane.
type refusal struct {
	errNo
	why *model.Error
}

func (r refusal) Unwrap() []error { return []error{r.errNo, r.why} }

// failure is any other error of the control plane.
type failure struct {
	text string
	why  *model.Error
}

func (f failure) Error() string { return f.text }

func (f failure) Unwrap() error { return f.why }

// plain makes foreign text safe for a terminal, on one line.
func plain(s string) string { return strings.Join(report.Wrap(s, 1<<20), " ") }

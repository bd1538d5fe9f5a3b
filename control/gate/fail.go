package gate

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"github.com/google/uuid"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// mapping is how a code of the product looks in Connect, and what to do about it where the error does not say better.
type mapping struct {
	code   connect.Code
	remedy string
}

// mapCode has every code of model; docs/errors.md lists the same.
func mapCode(c model.Code) mapping {
	switch c {
	case model.CodeInvalid:
		return mapping{connect.CodeInvalidArgument, "Correct the named field and send the request again."}
	case model.CodeUnauthenticated:
		return mapping{connect.CodeUnauthenticated, "Sign in, e.g. with `bulkhead login`, or use another token."}
	case model.CodeFactorRequired:
		return mapping{connect.CodePermissionDenied, "Show a second factor, or register one first."}
	case model.CodeStepUpRequired:
		return mapping{connect.CodePermissionDenied, "Show a second factor again, then repeat the request within some minutes. Tokens can't."}
	case model.CodeApprovalRequired:
		return mapping{connect.CodePermissionDenied, "Ask for access (AccessService.RequestAccess) and have a second person approve it."}
	case model.CodeDenied:
		return mapping{connect.CodePermissionDenied, "Ask an owner of the tenant or an administrator; `bulkhead policy explain` says which policy decided."}
	case model.CodeNotFound:
		return mapping{connect.CodeNotFound, "Check the id and the tenant, and whether you may see it."}
	case model.CodeExists:
		return mapping{connect.CodeAlreadyExists, "Take another name, or change the one that is there."}
	case model.CodeConflict:
		return mapping{connect.CodeAborted, "Read it again, apply your change to that, and send it with the new version."}
	case model.CodeLastAdministrator:
		return mapping{connect.CodeFailedPrecondition, "Make another account administrator first."}
	case model.CodeTooMany:
		return mapping{connect.CodeResourceExhausted, "Wait, then send fewer requests."}
	case model.CodeTooLarge:
		return mapping{connect.CodeResourceExhausted, "Send less at once."}
	case model.CodeExpired:
		return mapping{connect.CodeFailedPrecondition, "Begin anew: list again, or ask for a new link or code."}
	case model.CodeAuditUnavailable:
		return mapping{connect.CodeUnavailable, "The audit log can't be written. An administrator must see to it, or open the break-glass."}
	case model.CodeUnavailable:
		return mapping{connect.CodeUnavailable, "Try again in a moment; if it stays, run `bulkhead doctor` on the server."}
	case model.CodeInternal:
		return mapping{connect.CodeInternal, "This is a defect. Report it with the id in the message; the server's log has more under it."}
	}
	return mapping{connect.CodeInternal, "This is a defect of the server."}
}

// Fail makes an error that callers may see: the message of the first model.Error, its code and what to do. All that it
// wraps, and any other error, stays inside.
func Fail(err error) error {
	if err == nil {
		return nil
	}
	var shown *connect.Error
	if errors.As(err, &shown) && len(shown.Details()) > 0 {
		return shown
	}
	var e *model.Error
	switch {
	case errors.As(err, &e):
	case errors.Is(err, context.Canceled):
		return connect.NewError(connect.CodeCanceled, errors.New("the caller went away"))
	case errors.Is(err, context.DeadlineExceeded):
		late := failure(&model.Error{Code: model.CodeUnavailable, Message: "the request took too long"})
		return connect.NewError(connect.CodeDeadlineExceeded, errors.New(late.Message()))
	case shown != nil: // from connect itself: a body too large, a broken message
		return fromConnect(shown)
	default:
		e = &model.Error{Code: model.CodeInternal, Message: "the server made a mistake"}
	}
	return failure(e)
}

func failure(e *model.Error) *connect.Error {
	m := mapCode(e.Code)
	remedy := e.Remedy
	if remedy == "" {
		remedy = m.remedy
	}
	out := connect.NewError(m.code, errors.New(e.Message))
	detail, err := connect.NewErrorDetail(&bulkheadv1.ErrorDetail{
		Code: string(e.Code), Remediation: remedy, Record: e.Record, Policies: e.Policies, Field: e.Field,
	})
	if err == nil {
		out.AddDetail(detail)
	}
	if e.Record != "" {
		out.Meta().Set(recordHeader, e.Record)
	}
	if e.Code == model.CodeTooMany {
		out.Meta().Set("Retry-After", strconv.Itoa(max(1, int(e.Wait/time.Second))))
	}
	return out
}

func fromConnect(err *connect.Error) error {
	switch err.Code() {
	case connect.CodeResourceExhausted:
		return failure(&model.Error{Code: model.CodeTooLarge, Message: err.Message()})
	case connect.CodeInvalidArgument:
		return failure(&model.Error{Code: model.CodeInvalid, Message: err.Message()})
	}
	return err
}

// show turns what a handler gave into what the caller gets. What is not meant for callers goes to the log under an id.
func (g *Gate) show(ctx context.Context, procedure string, err error, record string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil && errors.Is(err, context.Cause(ctx)) {
		err = ctx.Err() // the connection ended; why it did is no mistake of the server's
	}
	var e *model.Error
	var shown *connect.Error
	switch {
	case errors.As(err, &e) && e.Code != model.CodeInternal:
		out := *e
		if out.Record == "" {
			out.Record = record
		}
		if out.Err != nil && (e.Code == model.CodeUnavailable || e.Code == model.CodeAuditUnavailable) {
			g.Log.WarnContext(ctx, "call failed", slog.String("procedure", procedure), slog.Any("error", err))
		}
		return failure(&out)
	case errors.As(err, &shown), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return Fail(err)
	}
	id := uuid.NewString()
	g.Log.ErrorContext(ctx, "call failed", slog.String("id", id), slog.String("procedure", procedure), slog.Any("error", err))
	return failure(&model.Error{Code: model.CodeInternal, Message: fmt.Sprintf("the server made a mistake (id %s)", id), Record: record})
}

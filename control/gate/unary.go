package gate

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-security/bulkhead/model"
)

const recordHeader = "Bulkhead-Record"

var _ connect.Interceptor = (*Gate)(nil)

// WrapUnary implements connect.Interceptor.
func (g *Gate) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, req connect.AnyRequest) (res connect.AnyResponse, err error) {
		if req.Spec().IsClient {
			return next(ctx, req)
		}
		ctx, cancel := context.WithTimeout(ctx, g.Settings.Timeout)
		defer cancel()
		name := req.Spec().Procedure
		defer func() {
			if p := recover(); p != nil {
				res, err = nil, g.show(ctx, name, panicked(p), "")
			}
		}()
		m, ok := req.Any().(proto.Message)
		if !ok {
			return nil, g.show(ctx, name, fmt.Errorf("%T is no message", req.Any()), "")
		}
		in, err := g.enter(ctx, m)
		if err != nil {
			return nil, g.show(ctx, name, err, "")
		}
		return g.run(in, func(ctx context.Context) (connect.AnyResponse, error) { return next(ctx, req) })
	}
}

// run lets a permitted call through: reads and calls at the public door at once, changes after their record.
func (g *Gate) run(in *entry, next func(context.Context) (connect.AnyResponse, error)) (connect.AnyResponse, error) {
	var key *model.Answer
	if in.rule.changes() && !in.rule.public() {
		var err error
		if key, err = in.idempotency(g.Now()); err != nil {
			return nil, g.show(in.ctx, in.procedure, err, "")
		}
	}
	if key != nil {
		if res, err := g.replay(in, key); res != nil || err != nil {
			return res, g.show(in.ctx, in.procedure, err, "")
		}
	}
	place, err := g.record(in)
	if err != nil {
		return nil, g.show(in.ctx, in.procedure, err, "")
	}
	res, err := g.handle(in, key, next)
	if err == nil {
		if place != "" {
			res.Header().Set(recordHeader, place)
		}
		return res, nil
	}
	if in.recordID != "" {
		g.recordFailure(in, err)
	}
	if key != nil && overtaken(err) {
		// The same request may have run at the same time, perhaps on another replica that its caller lost: what it answered counts.
		if res, again := g.replay(in, key); res != nil || again != nil {
			return res, g.show(in.ctx, in.procedure, again, place)
		}
	}
	return nil, g.show(in.ctx, in.procedure, err, place)
}

// overtaken are the failures of a change that was made while it was tried again.
func overtaken(err error) bool {
	switch model.CodeOf(err) {
	case model.CodeExists, model.CodeConflict, model.CodeNotFound:
		return true
	}
	return false
}

// handle runs the handler; a change at the policies' door runs in a transaction that also keeps the answer.
func (g *Gate) handle(in *entry, key *model.Answer, next func(context.Context) (connect.AnyResponse, error)) (res connect.AnyResponse, err error) {
	if !in.rule.changes() || in.rule.public() || in.rule.self() || in.rule.node() {
		return safely(in.ctx, next)
	}
	ctx, err := g.prepared(in)
	if err != nil {
		return nil, err
	}
	err = g.Ledger.InTx(ctx, func(ctx context.Context) error {
		var err error
		if res, err = safely(ctx, next); err != nil {
			return err
		}
		return g.keep(ctx, key, res)
	})
	return res, err
}

// safely makes an error of a handler's panic, so that a transaction around it is rolled back.
func safely(ctx context.Context, next func(context.Context) (connect.AnyResponse, error)) (res connect.AnyResponse, err error) {
	defer func() {
		if p := recover(); p != nil {
			res, err = nil, panicked(p)
		}
	}()
	return next(ctx)
}

func panicked(p any) error {
	if p == http.ErrAbortHandler { //nolint:errorlint // the very value
		panic(p)
	}
	return fmt.Errorf("panic: %v\n%s", p, debug.Stack())
}

// recordFailure adds to the record of a permitted change that it did not work. The caller's context may be over.
func (g *Gate) recordFailure(in *entry, cause error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(in.ctx), g.Settings.Timeout)
	defer cancel()
	r := in.failed(cause, g.Now())
	if _, err := g.Audit.Append(ctx, r); err != nil {
		g.Log.ErrorContext(ctx, "a failure could not be recorded", slog.String("of", r.Of), slog.Any("error", err))
	}
}

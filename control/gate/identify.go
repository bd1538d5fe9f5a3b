package gate

import (
	"context"
	"net/http"
	"time"

	"connectrpc.com/connect"
)

type entryKey struct{}

// HandlerOption puts the gate before a service: it asks who calls, and holds the call to its rate, before anything of the
// body is read, and judges the message before the handler sees it. around are interceptors that come first, e.g. traces;
// they don't see those who are turned away before the body.
func (g *Gate) HandlerOption(around ...connect.Interceptor) connect.HandlerOption {
	return connect.WithHandlerOptions(connect.WithRequestGate(g.first), connect.WithInterceptors(append(around, g)...))
}

// first is a connect.RequestGateFunc.
func (g *Gate) first(ctx context.Context, spec connect.Spec, peer connect.Peer, h http.Header) (_ context.Context, err error) {
	start := time.Now()
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
		if err != nil {
			err = g.show(ctx, spec.Procedure, err, "")
			g.TurnedAway(spec.Procedure, start, err)
		}
	}()
	short, cancel := context.WithTimeout(ctx, g.Settings.Timeout)
	defer cancel()
	in, err := g.identify(short, spec.Procedure, peer.Addr, h)
	if err != nil {
		return nil, err
	}
	ctx = context.WithValue(ctx, callKey{}, in.call)
	return context.WithValue(ctx, entryKey{}, in), nil
}

package gate

import (
	"context"

	"google.golang.org/protobuf/proto"
)

// Prepared does what takes long in a change: after its record, before its transaction. What it finds out it gives on in the
// context.
type Prepared func(ctx context.Context, m proto.Message) (context.Context, error)

// Prepare has f called before the transaction of a procedure. It must be called before the gate serves.
func (g *Gate) Prepare(procedure string, f Prepared) { g.prepare[procedure] = f }

// prepared gives the context for the transaction of a change.
func (g *Gate) prepared(in *entry) (ctx context.Context, err error) {
	f := g.prepare[in.procedure]
	if f == nil {
		return in.ctx, nil
	}
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return f(in.ctx, in.msg)
}

package api_test

import (
	"context"
	"testing"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// BenchmarkGate is what the gate costs a unary call with the real policies; sign-in is in memory, the object comes from
// SQLite and the log is free. "bare" is the same call without the gate.
func BenchmarkGate(b *testing.B) {
	w := newWorld(b, none)
	w.account("owner", "acme", strong(), model.RoleOwner)
	owner, err := w.Authenticate(b.Context(), "bhs_owner", "", "")
	if err != nil {
		b.Fatal(err)
	}
	w.signIns["bhs_owner"] = func() (model.Principal, error) { return owner, nil } //nolint:unparam // the others of the map fail
	p := &call{Request: connect.NewRequest(&bulkheadv1.Id{Id: "acme"})}
	p.Header().Set("Authorization", "Bearer bhs_owner")
	next := func(context.Context, connect.AnyRequest) (connect.AnyResponse, error) {
		return connect.NewResponse(&bulkheadv1.Tenant{}), nil
	}
	for name, f := range map[string]connect.UnaryFunc{"gate": w.gate.WrapUnary(next), "bare": next} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := f(b.Context(), p); err != nil {
					b.Fatal(err)
				}
				w.records = w.records[:0]
			}
		})
	}
}

// call is a request as a server sees it.
type call struct {
	*connect.Request[bulkheadv1.Id]
}

// Spec implements connect.AnyRequest.
func (*call) Spec() connect.Spec {
	return connect.Spec{Procedure: bulkheadv1connect.TenantServiceGetTenantProcedure}
}

// Peer implements connect.AnyRequest.
func (*call) Peer() connect.Peer { return connect.Peer{Addr: "192.0.2.1:1234"} }

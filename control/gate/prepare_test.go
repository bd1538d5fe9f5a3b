package gate

import (
	"context"
	"errors"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func TestPreparedBeforeTheTransaction(t *testing.T) {
	for name, k := range map[string]struct {
		fail func() error
		want []string
	}{
		"well":  {func() error { return nil }, []string{"record allowed", "prepared new", "begin", "handler", "commit"}},
		"ill":   {func() error { return errors.New("no") }, []string{"record allowed", "prepared new", "record failed"}},
		"panic": {func() error { panic("very secret") }, []string{"record allowed", "prepared new", "record failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.gate.Prepare(bulkheadv1connect.TenantServiceCreateTenantProcedure, func(ctx context.Context, m proto.Message) (context.Context, error) {
				r, _ := m.(*bulkheadv1.CreateTenantRequest)
				w.event("prepared " + r.GetTenant().GetId())
				return ctx, k.fail()
			})
			_, err := w.tenantClient().CreateTenant(as(t, "bhs_admin"), create("new"))
			if (name == "well") != (err == nil) || !slices.Equal(w.events, k.want) {
				t.Errorf("%v, order %v, want %v", err, w.events, k.want)
			}
		})
	}
}

package gate

import (
	"testing"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestSpooledRecordHasNoPlace has the break-glass open: a record that waits in the spool has no place that could be shown, and
// what fails after it is recorded all the same.
func TestSpooledRecordHasNoPlace(t *testing.T) {
	w := newWorld(t)
	w.spooled = true
	ctx, info := connect.NewClientContext(t.Context())
	info.RequestHeader().Set("Authorization", "Bearer bhs_admin")
	if _, err := w.tenantClient().CreateTenant(ctx, create("new")); err != nil {
		t.Fatal(err)
	}
	if got := info.ResponseHeader().Get(recordHeader); got != "" {
		t.Errorf("%s: %q", recordHeader, got)
	}
	w.tenants.fail = &model.Error{Code: model.CodeExists, Message: "taken"}
	_, err := w.tenantClient().CreateTenant(as(t, "bhs_admin"), create("new"))
	if d := detail(t, err); d.GetCode() != "exists" || d.GetRecord() != "" {
		t.Error(d)
	}
	if n := len(w.records); n != 3 || w.records[2].Outcome != model.OutcomeFailed || w.records[2].Of != w.records[1].ID {
		t.Errorf("%+v", w.records)
	}
}

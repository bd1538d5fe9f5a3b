package gate

import (
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// tooManyOpen opens a stream and says whether it was refused for others that are open.
func tooManyOpen(t *testing.T, w *world, secret string) bool {
	t.Helper()
	s, err := bulkheadv1connect.NewWatchServiceClient(w.http, w.url).Watch(as(t, secret), &bulkheadv1.WatchRequest{Tenant: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if s.Receive() {
		return false
	}
	if d := detail(t, s.Err()); d.GetCode() != "too_many_requests" || d.GetRemediation() == "" {
		t.Fatal(d)
	}
	return true
}

func TestOpenStreamsAreBounded(t *testing.T) {
	w := newWorld(t, func(s *Settings) { s.Streams, s.TenantStreams = 2, 3 })
	w.callers["bhs_bob"] = person("bob", "acme")
	for i, k := range []struct {
		who     string
		refused bool
	}{{"bhs_alice", false}, {"bhs_alice", false}, {"bhs_alice", true}, {"bhs_bob", false}, {"bhs_bob", true}, {"bhs_admin", false}} {
		if got := tooManyOpen(t, w, k.who); got != k.refused {
			t.Errorf("%d, %s: refused is %v", i, k.who, got)
		}
	}
}

func TestStreamsThatEndMakeRoom(t *testing.T) {
	var o open
	p := model.Principal{Ref: model.Ref{Type: "User", ID: "a"}, Tenant: "acme"}
	for range 10 {
		leave, err := o.enter(p, 1, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.enter(p, 1, 1); model.CodeOf(err) != model.CodeTooMany {
			t.Fatal(err)
		}
		leave()
	}
	if len(o.count) != 0 {
		t.Error(o.count)
	}
}

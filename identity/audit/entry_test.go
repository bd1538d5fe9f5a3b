package audit

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// TestAppendEntry: what another process encoded is in the log as if this one had made it, and nothing else gets in that way.
func TestAppendEntry(t *testing.T) {
	k := newKeys(t, origin)
	l := open(t, options(t.TempDir()+"/log", k))
	defer closeLog(t, l)
	r := model.Record{ID: "one", Time: time.Now().UTC(), Actor: "alice", Action: "ContainerExec", Outcome: model.OutcomeAllowed, Resource: model.Ref{Type: "Container", ID: "c"}}
	r.Changes = map[string]string{"email": "a@example.org"} // personal: its digest is written, once
	entry, err := Encode(&r)
	if err != nil {
		t.Fatal(err)
	}
	for _, later := range []bool{false, true} {
		if err := l.AppendEntry(t.Context(), entry, later); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Wait(ctx, 1); err != nil {
		t.Fatal(err)
	}
	list, err := l.Read(t.Context(), 0, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d records, %v", len(list), err)
	}
	for _, got := range list {
		if string(got.Event) != string(entry) {
			t.Errorf("the entry became\n%s, it was\n%s", got.Event, entry)
		}
	}
	for _, bad := range []string{"", "{}", strings.Repeat("x", maxEntry+1)} {
		if err := l.AppendEntry(t.Context(), []byte(bad), false); err == nil {
			t.Errorf("it takes %.20q", bad)
		}
	}
	if _, err := Encode(&model.Record{Action: "ContainerExec"}); err == nil {
		t.Error("a record without id and time is encoded")
	}
}

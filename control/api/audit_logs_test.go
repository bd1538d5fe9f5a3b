package api_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/bulkhead-security/bulkhead/control/store"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestLogsSayWhoKeepsCheckpoints(t *testing.T) {
	s, key := auditService(t)
	db, ok := s.Store.(*store.Store)
	if !ok {
		t.Fatalf("the service is over a %T", s.Store)
	}
	if err := db.RegisterLog(t.Context(), "bulkhead/two", key); err != nil {
		t.Fatal(err)
	}
	when := time.Now().UTC().Truncate(time.Microsecond)
	for _, size := range []uint64{100, 300} {
		c := &model.Checkpoint{Origin: "bulkhead/one", Size: size, Root: []byte{1}, Note: "n", Keeper: "bulkhead/two", Time: when}
		if err := db.KeepCheckpoint(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	res, err := s.ListLogs(asTenant(t.Context(), model.SystemTenant), &bulkheadv1.Empty{})
	if err != nil || len(res.GetLogs()) != 2 {
		t.Fatal(res, err)
	}
	kept := res.GetLogs()[0].GetKeepers()
	if len(kept) != 1 || kept[0].GetOrigin() != "bulkhead/two" || kept[0].GetSize() != 300 || !kept[0].GetTime().AsTime().Equal(when) {
		t.Errorf("the keepers are %v", kept)
	}
	if other := res.GetLogs()[1].GetKeepers(); len(other) != 0 {
		t.Errorf("nobody keeps the other log's checkpoints: %v", other)
	}
}

func TestRecordsAreFoundByName(t *testing.T) {
	s, _ := auditService(t)
	for filter, want := range map[string]int{`actor_name = "anna"`: 0, `actor = "u1"`: 50} {
		res, err := s.SearchRecords(asTenant(t.Context(), model.SystemTenant), &bulkheadv1.SearchRecordsRequest{Page: &bulkheadv1.Page{Filter: filter}})
		if err != nil || len(res.GetRecords()) != want {
			t.Errorf("%s: %d records, %v", filter, len(res.GetRecords()), err)
		}
	}
}

func TestEntriesComeWhereTheyAreAskedFor(t *testing.T) {
	s, _ := auditService(t)
	ctx := asTenant(t.Context(), model.SystemTenant)
	for _, mask := range [][]string{nil, {"id"}, {"entry"}, {"id", "entry", "index"}} {
		res, err := s.SearchRecords(ctx, &bulkheadv1.SearchRecordsRequest{
			Page: &bulkheadv1.Page{Filter: "resource = \"\"", Size: 1, ReadMask: &fieldmaskpb.FieldMask{Paths: mask}},
		})
		if err != nil || len(res.GetRecords()) != 1 {
			t.Fatal(res, err)
		}
		inLog, err := s.Log.ReadAt(t.Context(), 599)
		if err != nil {
			t.Fatal(err)
		}
		got, want := string(res.GetRecords()[0].GetEntry()), ""
		if slices.Contains(mask, "entry") {
			want = string(inLog.Event)
		}
		if got != want || mask != nil && res.GetRecords()[0].GetActor() != "" {
			t.Errorf("with the mask %v: %v", mask, res)
		}
	}
}

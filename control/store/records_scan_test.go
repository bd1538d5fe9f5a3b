package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// call is a record such as the guard of a node writes.
func callRecord(node string, index uint64, tenant, action string, outcome model.Outcome, changes map[string]string) model.LogRecord {
	r := record(model.NodeLogs+node, index, tenant)
	r.Record.Action, r.Record.Outcome, r.Record.Changes = action, outcome, changes
	r.Record.Resource = model.Ref{Type: "Container", ID: fmt.Sprintf("%s/c%d", node, index)}
	return r
}

func places(all []model.LogRecord) []uint64 {
	out := make([]uint64, len(all))
	for i := range all {
		out[i] = all[i].Index
	}
	return out
}

func TestScanRecords(t *testing.T) {
	both(t, func(t *testing.T, s *Store) {
		ctx := t.Context()
		var all []model.LogRecord
		for i := range uint64(100) {
			changes := map[string]string{"call": "POST /containers/create"}
			outcome, action := model.OutcomeAllowed, "ContainerList"
			switch i % 10 {
			case 0:
				outcome, action = model.OutcomeRefused, "ContainerCreate"
				changes["rule"] = "profile_baseline/privileged"
			case 1:
				action, changes["would_refuse"] = "ContainerCreate", "profile_baseline/devices"
			}
			all = append(all, callRecord([]string{"n1", "n2", "n10"}[i%3], i, []string{"a", "b"}[i%2], action, outcome, changes))
			all = append(all, record("plane", i, "a"))
		}
		ok(t, s.IndexRecords(ctx, all))
		sc := model.RecordScan{
			Query: model.Query{Size: 1000}, Log: model.NodeLogs, Actions: []string{"ContainerList", "ContainerCreate"}, Most: 1000,
			Any: []model.RecordMatch{{Outcome: model.OutcomeRefused}, {Outcome: model.OutcomeAllowed, Actions: []string{"ContainerCreate"}, Text: `"would_refuse":`}},
		}
		got, err := s.ScanRecords(ctx, sc)
		ok(t, err)
		if len(got.Records) != 20 || got.Seen != 100 || got.Next != "" {
			t.Fatalf("%d %+v", len(got.Records), places(got.Records))
		}
		if got.Records[0].Index != 91 || got.Records[0].Record.Changes["would_refuse"] == "" || len(got.Records[0].Event) > 0 {
			t.Fatalf("%+v", got.Records[0])
		}

		// In parts, in both orders, however few records or matches a part has: nothing is lost, and nothing comes twice.
		for _, oldest := range []bool{false, true} {
			for _, part := range []struct{ most, size int }{{7, 1000}, {1000, 3}, {1, 1}, {13, 2}} {
				sc := sc
				sc.Most, sc.Size, sc.Oldest = part.most, part.size, oldest
				var found []uint64
				seen := int64(0)
				for range 300 {
					got, err := s.ScanRecords(ctx, sc)
					ok(t, err)
					if got.Seen > int64(part.most) || len(got.Records) > part.size || got.Next != "" && got.Until.IsZero() {
						t.Fatalf("%+v", got)
					}
					found = append(found, places(got.Records)...)
					seen += got.Seen
					if sc.Token = got.Next; got.Next == "" {
						break
					}
				}
				if oldest {
					slices.Reverse(found)
				}
				if len(found) != 20 || found[0] != 91 || found[19] != 0 || !slices.IsSortedFunc(found, func(a, b uint64) int { return int(b) - int(a) }) {
					t.Fatalf("%+v: %v", part, found)
				}
				if seen != 100 {
					t.Fatalf("%+v: %d seen", part, seen)
				}
			}
		}

		// Of refusals alone an index is read: the same are found, and nothing else is looked at.
		few := sc
		few.Refusals, few.Tenant, few.Any = true, "b", nil
		few.Where = []model.Condition{{Field: "actor", Op: "=", Value: "u"}}
		for _, most := range []int{1000, 3} {
			few.Most, few.Token = most, ""
			seen, found := int64(0), []uint64{}
			for range 10 {
				got, err := s.ScanRecords(ctx, few)
				ok(t, err)
				seen, found = seen+got.Seen, append(found, places(got.Records)...)
				if few.Token = got.Next; got.Next == "" {
					break
				}
			}
			if seen != 10 || fmt.Sprint(found) != "[91 81 71 61 51 41 31 21 11 1]" {
				t.Fatal(seen, found)
			}
		}
		if n, err := s.CountRecords(ctx, model.NodeLogs, sc.Actions, model.Query{Tenant: "a", Since: now.Add(50 * time.Second)}); err != nil || n != 25 {
			t.Fatal(n, err)
		}

		// One log, and not one whose name begins in the same way; a tenant; a time; a condition of its own.
		one := sc
		one.Log, one.Any = model.NodeLogs+"n1", nil
		got, err = s.ScanRecords(ctx, one)
		ok(t, err)
		if len(got.Records) != 34 || got.Records[0].Index != 99 || got.Records[33].Index != 0 {
			t.Fatal(places(got.Records))
		}
		one.Tenant, one.Since, one.Until = "b", now.Add(3*time.Second), now.Add(30*time.Second)
		one.Where = []model.Condition{{Field: "outcome", Op: "=", Value: "allowed"}}
		got, err = s.ScanRecords(ctx, one)
		ok(t, err)
		if d := fmt.Sprint(places(got.Records)); d != "[27 21 15 9 3]" {
			t.Fatal(d)
		}

		// A token of another question, and questions without bounds.
		sc.Most = 5
		got, err = s.ScanRecords(ctx, sc)
		ok(t, err)
		other := sc
		other.Token, other.Any = got.Next, nil
		_, err = s.ScanRecords(ctx, other)
		code(t, err, model.CodeExpired)
		for _, bad := range []func(*model.RecordScan){
			func(x *model.RecordScan) { x.Most = 0 }, func(x *model.RecordScan) { x.Most = 1e9 }, func(x *model.RecordScan) { x.Size = 0 },
			func(x *model.RecordScan) { x.Actions = nil }, func(x *model.RecordScan) { x.Where = []model.Condition{{Field: "x", Op: "=", Value: "y"}} },
		} {
			x := sc
			bad(&x)
			_, err = s.ScanRecords(ctx, x)
			code(t, err, model.CodeInvalid)
		}
	})
}

// Whoever sees one tenant goes through the refusals of that tenant alone, however many there are in others.
func TestRefusalsOfOneTenant(t *testing.T) {
	s := open(t, options(t, KindSQLite))
	for tenant, want := range map[string]string{"": "records_refusals (time>?", "b": "records_refusals_of (tenant=? AND time>?"} {
		c := scanning{s: s, l: records(), sc: model.RecordScan{
			Query: model.Query{Tenant: tenant, Size: 10, Since: now}, Log: model.NodeLogs, Actions: []string{"ContainerCreate"}, Refusals: true, Most: 10,
		}}
		var end recordKey
		sel := s.conn(t.Context()).NewSelect().Model(&end).Offset(9).Limit(1)
		ok(t, c.part(sel))
		var plan []struct {
			ID, Parent, Notused int64
			Detail              string
		}
		ok(t, s.conn(t.Context()).NewRaw("EXPLAIN QUERY PLAN "+sel.String()).Scan(t.Context(), &plan))
		if got := fmt.Sprint(plan); !strings.Contains(got, want) || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("%q: %s", tenant, got)
		}
	}
}

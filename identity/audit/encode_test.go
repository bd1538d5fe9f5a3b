package audit

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/gowebpki/jcs"

	"github.com/bulkhead-security/bulkhead/model"
)

func sample(id string) model.Record {
	at := time.Date(2026, 3, 4, 5, 6, 7, 123456789, time.UTC)
	return model.Record{
		ID: id, Time: at, Actor: "u1", ActorName: "anna", Tenant: "acme", Action: "TenantUpdate",
		Resource: model.Ref{Type: "Tenant", ID: "acme"}, Outcome: model.OutcomeAllowed, Reason: "owner may",
		Policies: []string{"shipped/owner.cedar:1"}, PolicyVersion: "00ff", PolicySets: map[string]int64{"system": 3, "acme": 7}, Address: "192.0.2.1", UserAgent: "curl/8", Credential: "Session::s1",
		AMR: []string{"pwd", "otp", "mfa"}, Digest: "sha256:00", Changes: map[string]string{"name": "Acme"},
		Request: &model.Request{
			Principal: model.Principal{Ref: model.Ref{Type: "User", ID: "u1"}, Name: "anna", Tenant: "acme", Roles: []string{"owner"}, Auth: model.Strength{AMR: []string{"pwd"}, MFA: true, Time: at}},
			Action:    "TenantUpdate", Time: at, FreshFactor: true,
			Resource: model.Object{
				Ref: model.Ref{Type: "Tenant", ID: "acme"}, Parents: []model.Ref{{Type: "System", ID: "bulkhead"}},
				Attrs: map[string]any{
					"tenant": model.Ref{Type: "Tenant", ID: "acme"}, "n": int64(7), "big": int64(1) << 60, "at": at, "b": true,
					"names": []string{"a", "b"}, "refs": []model.Ref{{Type: "Host", ID: "h"}}, "in": map[string]any{"$time": "no time", "x": int64(1)},
				},
			},
			Objects: []model.Object{{Ref: model.Ref{Type: "Host", ID: "h"}, Attrs: map[string]any{"empty": []string{}}}},
			Facts:   map[string]any{"address": "192.0.2.1", "door": "api"},
		},
	}
}

func TestRoundTrip(t *testing.T) {
	for name, change := range map[string]func(*model.Record){
		"a change":     func(*model.Record) {},
		"an older one": func(r *model.Record) { r.PolicyVersion, r.PolicySets = "", nil },
		"a sign-in":    func(r *model.Record) { r.Action, r.Outcome, r.Of = "SignIn", model.OutcomeRefused, "x" },
		"an account":   func(r *model.Record) { r.Action, r.Resource = "UserCreate", model.Ref{Type: "User", ID: "u2"} },
		"nobody":       func(r *model.Record) { r.Actor, r.ActorName, r.Address, r.Credential, r.UserAgent = "", "", "", "", "" },
		"almost empty": func(r *model.Record) { *r = model.Record{ID: "1", Action: "Watch", Time: r.Time} },
		"odd text":     func(r *model.Record) { r.Reason = "a\u2028b\b\f\x7f<&>\"\\ü😀" },
	} {
		t.Run(name, func(t *testing.T) {
			r := sample("0190")
			change(&r)
			b, err := encode(&r)
			if err != nil {
				t.Fatal(err)
			}
			if c, err := jcs.Transform(b); err != nil || !bytes.Equal(b, c) {
				t.Fatalf("not canonical: %v\n%s\n%s", err, b, c)
			}
			got, err := Decode(b)
			if err != nil {
				t.Fatalf("%v in %s", err, b)
			}
			if d := cmp.Diff(&r, got); d != "" {
				t.Error(d)
			}
			required(t, b)
		})
	}
}

// required checks what OCSF 1.6.0 demands of each of the three classes.
func required(t *testing.T, b []byte) {
	t.Helper()
	var e map[string]any
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	want := []string{"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
	switch e["class_uid"].(float64) {
	case classAPIActivity:
		want = append(want, "actor", "api", "src_endpoint")
	case classAuthentication:
		want = append(want, "user", "service")
	case classAccountChange:
		want = append(want, "user")
	}
	for _, k := range want {
		if _, ok := e[k]; !ok {
			t.Errorf("%s is missing in %s", k, b)
		}
	}
	if e["type_uid"].(float64) != e["class_uid"].(float64)*100+e["activity_id"].(float64) {
		t.Error("type_uid is not class_uid * 100 + activity_id")
	}
}

// TestNilLists: a list that was never made is written as an empty one, so that the entry can be read again.
func TestNilLists(t *testing.T) {
	r := model.Record{ID: "r", Time: time.Unix(1, 0), Action: "UserRead", Outcome: model.OutcomeAllowed, Request: &model.Request{
		Resource: model.Object{Attrs: map[string]any{"names": []string(nil), "refs": []model.Ref(nil)}},
	}}
	entry, err := encode(&r)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(entry)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"names": []string{}, "refs": []model.Ref{}}
	if d := cmp.Diff(want, got.Request.Resource.Attrs); d != "" {
		t.Error(d)
	}
}

func TestEntriesAreBounded(t *testing.T) {
	r := sample("0190")
	long := strings.Repeat("é", 1<<20)
	r.Reason, r.UserAgent, r.ActorName, r.Resource.ID, r.Of = long, long, long, long, long
	for range 500 {
		r.Policies, r.AMR = append(r.Policies, long[:2000]), append(r.AMR, long[:2000])
		r.Request.Objects = append(r.Request.Objects, model.Object{Ref: model.Ref{Type: "Host", ID: long[:200]}})
	}
	r.Changes = map[string]string{"email": "anna@example.org", "user.display_name": "Anna", "note": long}
	for i := range 200 {
		r.Changes[strings.Repeat("k", 200)+string(rune('a'+i))] = long[:900]
	}
	b, err := encode(&r)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > maxEntry {
		t.Errorf("the entry has %d bytes", len(b))
	}
	for _, p := range []string{"anna@example.org", `"Anna"`} {
		if bytes.Contains(b, []byte(p)) {
			t.Errorf("the entry has %s", p)
		}
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(got.Reason, "sha256:") || got.Request != nil || !strings.HasPrefix(got.Changes["email"], "sha256:") {
		t.Errorf("%.200v", got)
	}
}

func FuzzDecode(f *testing.F) {
	r := sample("0190")
	b, err := encode(&r)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"metadata":{"uid":"1","event_code":"a","original_time":"2026-01-01T00:00:00Z"},"unmapped":{"request":{"facts":{"a":{"$refs":[1]}}}}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Decode(b)
		if err != nil {
			return
		}
		again, err := encode(r)
		if err != nil {
			return // times beyond year 9999 and the like
		}
		if c, err := jcs.Transform(again); err != nil || !bytes.Equal(again, c) {
			t.Errorf("not canonical: %v\n%s\n%s", err, again, c)
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	r := sample("0190")
	for b.Loop() {
		if _, err := encode(&r); err != nil {
			b.Fatal(err)
		}
	}
}

package gate

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestFilter(t *testing.T) {
	fields := Fields{"name", "disabled", "age"}
	for text, want := range map[string][]model.Condition{
		"":                                  nil,
		`name = "alice"`:                    {{Field: "name", Op: "=", Value: "alice"}},
		`name = alice`:                      {{Field: "name", Op: "=", Value: "alice"}},
		`name != "a" AND disabled = false`:  {{Field: "name", Op: "!=", Value: "a"}, {Field: "disabled", Op: "=", Value: "false"}},
		`(age >= 3) AND (name = 'x AND y')`: {{Field: "age", Op: ">=", Value: "3"}, {Field: "name", Op: "=", Value: "x AND y"}},
		`age < -3`:                          {{Field: "age", Op: "<", Value: "-3"}},
		`name = "a' OR 1=1 --"`:             {{Field: "name", Op: "=", Value: "a' OR 1=1 --"}},
	} {
		got, err := Filter(text, fields)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v %v", text, got, err)
		}
	}
	for _, text := range []string{
		"name", "name = ", "= 1", "name = 1 OR age = 2", "NOT name = 1", "-name = 1", "name:x", "tenant = \"acme\"", "name = \"a\" age = 1",
		"f(name)", "name.x = 1", "name = age.x", "name = name = 1", "((((((((((((((((((name = 1))))))))))))))))))", "1 = 1",
		strings.Repeat("name = 1 AND ", 20) + "name = 1", strings.Repeat("x", maxFilter+1), "name = f(1)",
	} {
		if got, err := Filter(text, fields); model.CodeOf(err) != model.CodeInvalid {
			t.Errorf("%.60s gave %v %v", text, got, err)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, s := range []string{`name = "alice" AND disabled = false`, "a=-1.5e3", "((name='x'))", "NOT a", `name = timestamp("2026-01-01T00:00:00Z")`} {
		f.Add(s)
	}
	fields := Fields{"name", "disabled"}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := Filter(s, fields)
		if err != nil {
			if model.CodeOf(err) != model.CodeInvalid {
				t.Fatalf("%v", err)
			}
			return
		}
		for _, c := range got {
			if !slices.Contains(fields, c.Field) || !slices.Contains([]string{"=", "!=", "<", "<=", ">", ">="}, c.Op) {
				t.Fatalf("%+v", c)
			}
		}
	})
}

func TestMasks(t *testing.T) {
	u := &bulkheadv1.User{Id: "1", Name: "a", Email: "b", Roles: []string{"owner"}}
	if err := Mask(u, &fieldmaskpb.FieldMask{Paths: []string{"id", "roles"}}); err != nil || u.GetName() != "" || u.GetId() != "1" || len(u.GetRoles()) != 1 {
		t.Error(u, err)
	}
	if err := MaskAll([]*bulkheadv1.User(nil), &fieldmaskpb.FieldMask{Paths: []string{"nothing"}}); model.CodeOf(err) != model.CodeInvalid {
		t.Error(err)
	}
	r := &bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Id: "1", Name: "a"}}
	if err := Mask(r, &fieldmaskpb.FieldMask{Paths: []string{"user.name"}}); err != nil || r.GetUser().GetId() != "" || r.GetUser().GetName() != "a" {
		t.Error(r, err)
	}
	if _, err := Wanted(&fieldmaskpb.FieldMask{Paths: []string{"tenant"}}, "name"); model.CodeOf(err) != model.CodeInvalid {
		t.Error(err)
	}
	if w, err := Wanted(nil, "name"); err != nil || !w["name"] {
		t.Error(w, err)
	}
}

func TestChangesAreCut(t *testing.T) {
	var hosts []string
	for range 5000 {
		hosts = append(hosts, strings.Repeat("h", 100))
	}
	c := changesOf(&bulkheadv1.CreateUserRequest{User: &bulkheadv1.User{Hosts: hosts, Email: "a@b.example", Name: "n"}})
	if len(c["user.hosts"]) > maxChangeBytes+4 || !strings.HasPrefix(c["user.email"], "sha256:") || c["user.name"] != "n" {
		t.Errorf("%v", c)
	}
}

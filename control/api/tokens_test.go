package api_test

import (
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func TestScopesOfTokens(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	c := w.clients()
	for _, tt := range []struct {
		name         string
		scopes       []string
		field, meant string // of the error
	}{
		{"an action", []string{"UserList"}, "", ""},
		{"a group", []string{"DirectoryRead", "Read"}, "", ""},
		{"everything", []string{"*"}, "", ""},
		{"misspelt", []string{"Read", "AssesmentPublish"}, "scopes[1]", "AssessmentPublish"},
		{"in small letters", []string{"userlist"}, "scopes[0]", "UserList"},
		{"nothing like it", []string{"Xylophone"}, "scopes[0]", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.tokens.CreateToken(as(t, "bhs_owner"), &bulkheadv1.CreateTokenRequest{Name: tt.name, Scopes: tt.scopes})
			if tt.field == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil {
				t.Fatal("it was made")
			}
			d := detailOf(t, err)
			if d.GetCode() != "invalid" || d.GetField() != tt.field || strings.Contains(d.GetRemediation(), "Did you mean") != (tt.meant != "") || !strings.Contains(d.GetRemediation(), tt.meant) {
				t.Errorf("%v", d)
			}
		})
	}
}

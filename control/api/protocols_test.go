package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// TestProtocols does the same over gRPC, gRPC-Web and Connect: a change with its record, a refusal with its detail, a
// stream, and a repeated change.
func TestProtocols(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	srv := w.serve()
	for name, opts := range map[string][]connect.ClientOption{
		"grpc": {connect.WithGRPC()}, "grpc-web": {connect.WithGRPCWeb()}, "connect": nil, "json": {connect.WithProtoJSON()},
	} {
		t.Run(name, func(t *testing.T) {
			groups := bulkheadv1connect.NewGroupServiceClient(srv.Client(), srv.URL, opts...)
			var first string
			for _, replayed := range []string{"", "true"} {
				ctx, info := connect.NewClientContext(t.Context())
				info.RequestHeader().Set("Authorization", "Bearer bhs_owner")
				info.RequestHeader().Set("Idempotency-Key", "key-"+name)
				g, err := groups.CreateGroup(ctx, &bulkheadv1.CreateGroupRequest{Group: &bulkheadv1.Group{Name: "made by " + name}})
				if err != nil {
					t.Fatal(err)
				}
				if first == "" {
					first = g.GetId()
				}
				h := info.ResponseHeader()
				if g.GetId() != first || h.Get("Idempotency-Replayed") != replayed || replayed == "" && !strings.HasPrefix(h.Get("Bulkhead-Record"), "log/") {
					t.Errorf("%v %v", g, h)
				}
			}
			_, err := groups.GetGroup(as(t, "bhs_owner"), &bulkheadv1.Id{Id: id("globex", "group")})
			if d := detailOf(t, err); d.GetCode() != "not_found" || d.GetRemediation() == "" {
				t.Error(d)
			}
			s, err := bulkheadv1connect.NewWatchServiceClient(srv.Client(), srv.URL, opts...).Watch(as(t, "bhs_owner"), &bulkheadv1.WatchRequest{})
			if err != nil || !s.Receive() || s.Msg().GetOperation() != "alive" {
				t.Error(err, s.Err())
			}
			_ = s.Close()
		})
	}
}

// TestPlainHTTP is what curl does.
func TestPlainHTTP(t *testing.T) {
	w := newWorld(t, real)
	w.account("owner", "acme", strong(), model.RoleOwner)
	srv := w.serve()
	post := func(path, body string, headers ...string) (int, map[string]any) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		res, err := srv.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]any{}
		_ = json.Unmarshal(raw, &out)
		return res.StatusCode, out
	}
	const list, bearer = "/bulkhead.v1.UserService/ListUsers", "Bearer bhs_owner"
	if status, out := post(list, `{"page":{"filter":"name = \"owner\"","readMask":"name,roles"}}`, "Authorization", bearer); status != 200 ||
		len(out["users"].([]any)) != 1 || out["users"].([]any)[0].(map[string]any)["email"] != nil { //nolint:forcetypeassert // a test
		t.Error(status, out)
	}
	for name, c := range map[string]struct {
		path, body string
		headers    []string
		status     int
	}{
		"nobody":           {list, `{}`, nil, 401},
		"bad filter":       {list, `{"page":{"filter":"name = 1 OR name = 2"}}`, []string{"Authorization", bearer}, 400},
		"bad mask":         {list, `{"page":{"readMask":"nothing"}}`, []string{"Authorization", bearer}, 400},
		"bad json":         {list, `{"page":`, []string{"Authorization", bearer}, 400},
		"deep json":        {list, strings.Repeat(`{"page":`, 20000), []string{"Authorization", bearer}, 400},
		"too large":        {list, `{"tenant":"` + strings.Repeat("x", 5<<20) + `"}`, []string{"Authorization", bearer}, 429},
		"other tenant":     {list, `{"tenant":"globex"}`, []string{"Authorization", bearer}, 404},
		"no such method":   {"/bulkhead.v1.UserService/Nothing", `{}`, []string{"Authorization", bearer}, 404},
		"path tricks":      {"/bulkhead.v1.UserService/../bulkhead.v1.UserService/ListUsers", `{}`, nil, 401},
		"reflection":       {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", `{}`, nil, 401},
		"reflection alpha": {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", `{}`, nil, 401},
		"health":           {"/grpc.health.v1.Health/Check", `{}`, nil, 200},
	} {
		status, out := post(c.path, c.body, c.headers...)
		if status != c.status {
			t.Errorf("%s: %d %v", name, status, out)
		}
		if details, _ := out["details"].([]any); status == 400 && len(details) != 1 {
			t.Errorf("%s: the refusal has no code and remedy: %v", name, out)
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, srv.URL+list+"?encoding=json&message=%7B%7D", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", bearer)
	res, err := srv.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("GET gives %d", res.StatusCode)
	}
}

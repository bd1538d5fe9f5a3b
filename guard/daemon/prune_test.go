package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moby/moby/api/types/image"

	"github.com/bulkhead-security/bulkhead/guard/call"
	"github.com/bulkhead-security/bulkhead/guard/route"
)

// owner may remove what is called after it, and cleans up one by one.
type owner struct{ judge }

// Judge implements Judge.
func (o owner) Judge(ctx context.Context, a *call.Ask) error {
	if a.OneByOne = a.Call.Route.Action == "ImagePrune"; a.OneByOne {
		return nil
	}
	return o.Holds(ctx, a)
}

// Holds implements Judge.
func (o owner) Holds(_ context.Context, a *call.Ask) error {
	if a.Call.Route.Action == "ImagePrune" {
		return o.judge(a)
	}
	if err := o.judge(a); err != nil {
		return err
	}
	if a.Call.Route.Action == "ImageRemove" && strings.HasPrefix(a.Call.Name, "sha256:own") {
		return nil
	}
	return &call.Refusal{Why: "it is another's"}
}

// resolves finds images by ids, and by names that are an id and a tag.
type resolves struct{ slow }

// Complete implements Objects.
func (resolves) Complete(_ context.Context, a *call.Ask) error {
	if a.Call.Route.Action == "ImageRemove" {
		id, _, _ := strings.Cut(strings.TrimPrefix(a.Call.Name, "sha256:"), ":")
		a.Call.Name = "sha256:" + id
		a.Object = &call.Object{Kind: route.Image, ID: a.Call.Name}
	}
	return nil
}

// TestPruneOwn: of what nothing uses goes what the caller may remove, by a call of its own each.
func TestPruneOwn(t *testing.T) {
	images := []image.Summary{
		{ID: "sha256:own1", Size: 10, SharedSize: 4},
		{ID: "sha256:own2", Size: 10, SharedSize: -1, RepoTags: []string{"own2:a", "own2:b"}},
		{ID: "sha256:others", Size: 10},
		{ID: "sha256:own-used", Size: 10},
		{ID: "sha256:own-late", Created: 1 << 40, Labels: map[string]string{"k": "v"}},
		{ID: "sha256:own-busy"},
		{ID: "sha256:own-moved", RepoTags: []string{"others:x"}},
	}
	for _, c := range []struct {
		filters, want string
		status        int
		removed       []string
	}{
		{`{}`, `"SpaceReclaimed":16`, 200, []string{"own-busy", "own-late", "own1", "own2", "own2"}},
		{`{"until":["1h"]}`, `"SpaceReclaimed":16`, 200, []string{"own-busy", "own1", "own2", "own2"}},
		{`{"label":["k=v"]}`, `sha256:own-late`, 200, []string{"own-late"}},
		{`{"label":["k=w"]}`, `"SpaceReclaimed":0`, 200, nil},
		{`{"label!":["k"],"until":["24h"]}`, `"SpaceReclaimed":16`, 200, []string{"own-busy", "own1", "own2", "own2"}},
		{`{"before":["x"]}`, "invalid filter 'before'", 400, nil},
		{`{"dangling":["maybe"]}`, "invalid filter 'dangling=", 400, nil},
		{`{"until":["then"]}`, "is neither a duration", 400, nil},
	} {
		t.Run(c.filters, func(t *testing.T) {
			var removed []string
			engine := func(w http.ResponseWriter, r *http.Request) {
				name := strings.TrimPrefix(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], "sha256:")
				switch {
				case r.URL.Path == "/containers/json":
					fmt.Fprint(w, `[{"ImageID":"sha256:own-used"}]`)
				case r.Method == http.MethodGet:
					if r.URL.Query().Get("filters") == "" {
						t.Error("named images are asked for")
					}
					_ = json.NewEncoder(w).Encode(images)
				case r.Method != http.MethodDelete || r.URL.Query().Has("force"):
					t.Errorf("%s %s", r.Method, r.RequestURI)
				case name == "own-busy":
					removed = append(removed, name)
					http.Error(w, `{"message":"conflict"}`, http.StatusConflict)
				default:
					removed = append(removed, name)
					fmt.Fprintf(w, `[{"Deleted":"sha256:%s"}]`, name)
				}
			}
			s := httptest.NewServer(New(Parts{Who: root{}, Judge: owner{everything}, Objects: resolves{}, Dir: t.TempDir(), Engine: before(t, engine)}))
			defer s.Close()
			status, text := send(t, s, http.MethodPost, "/v1.41/images/prune?filters="+c.filters, "", "")
			slices.Sort(removed)
			if status != c.status || !strings.Contains(text, c.want) || !slices.Equal(removed, c.removed) {
				t.Errorf("%d %s, and %v is removed; want %d %s, %v", status, text, removed, c.status, c.want, c.removed)
			}
		})
	}
}

// TestPruneEnds: an account that is disabled meanwhile removes nothing more.
func TestPruneEnds(t *testing.T) {
	asked, removed := 0, 0
	disabled := func(a *call.Ask) error {
		if a.Call.Route.Action != "ImagePrune" {
			return nil
		}
		if asked++; asked > 1 {
			return errors.New("the account is disabled")
		}
		return nil
	}
	engine := func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodDelete:
			removed++
			fmt.Fprint(w, `[{"Deleted":"sha256:own1"}]`)
		case r.URL.Path == "/images/json":
			fmt.Fprint(w, `[{"Id":"sha256:own1"},{"Id":"sha256:own2"}]`)
		default:
			fmt.Fprint(w, `[]`)
		}
	}
	s := httptest.NewServer(New(Parts{Who: root{}, Judge: owner{disabled}, Objects: resolves{}, Dir: t.TempDir(), Engine: before(t, engine)}))
	defer s.Close()
	if status, text := send(t, s, http.MethodPost, "/v1.41/images/prune", "", ""); status != http.StatusForbidden || removed != 1 || !strings.Contains(text, "the prune was ended: the account is disabled; 1 images") {
		t.Errorf("%d %s, and %d are removed", status, text, removed)
	}
}

func TestReadUnused(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"24h": now.Add(-24 * time.Hour), "2026-02-01": time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), "0": now, "86400": time.Unix(86400, 0),
		"2026-02-01T10:00:00": time.Date(2026, 2, 1, 10, 0, 0, 0, time.UTC), "2026-02-01T10:00:00+02:00": time.Date(2026, 2, 1, 8, 0, 0, 0, time.UTC), "1.5": time.Unix(1, 5e8),
	} {
		u, err := readUnused(map[string][]string{"until": {text}}, now)
		if err != nil || !u.until.Equal(want) {
			t.Errorf("%s: %v %v", text, u, err)
		}
	}
	for _, bad := range []map[string][]string{
		{"until": {"yesterday"}}, {"until": {"1h", "2h"}}, {"until": {"-1"}}, {"until": {"1e300"}}, {"until": {`"5"`}}, {"dangling": {"true", "false"}}, {"dangling": nil}, {"Label": {"x"}},
	} {
		if _, err := readUnused(bad, now); err == nil {
			t.Errorf("%v is read", bad)
		}
	}
	u, err := readUnused(map[string][]string{"dangling": {"0"}}, now)
	if err != nil || !u.all {
		t.Errorf("%v %v", u, err)
	}
}

// TestCancel: who ends a build of another's must be one who may clear the host.
func TestCancel(t *testing.T) {
	for _, own := range []bool{true, false} {
		var uses []call.Use
		d := New(Parts{Who: root{}, Judge: judge(func(a *call.Ask) error { uses = a.Uses; return nil }), Dir: t.TempDir(), Engine: before(t, func(http.ResponseWriter, *http.Request) {})})
		s := httptest.NewServer(d)
		defer s.Close()
		if own {
			who, err := root{}.Identify(nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.builder.Claim(d.builderCaller(nil, &call.Ask{Subject: who}), "b1"); err != nil {
				t.Fatal(err)
			}
		}
		status, text := send(t, s, http.MethodPost, "/v1.41/build/cancel?id=b1", "", "")
		if status != http.StatusOK || len(uses) != map[bool]int{true: 0, false: 1}[own] || !own && uses[0].Action != "HostPrune" {
			t.Errorf("own: %v: %d %s: %v", own, status, text, uses)
		}
	}
}

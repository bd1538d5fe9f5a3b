package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

func assessing(t *testing.T, settings map[string]any) *bulkheadv1.PoolSettings {
	t.Helper()
	s, err := structpb.NewStruct(settings)
	if err != nil {
		t.Fatal(err)
	}
	return &bulkheadv1.PoolSettings{Assess: s}
}

func window(begins, zone string) []*bulkheadv1.Window {
	return []*bulkheadv1.Window{{Begins: begins, Lasts: durationpb.New(time.Hour), Zone: zone}}
}

func TestPoolsAreHeldToSense(t *testing.T) {
	w, c := owned(t)
	i := 0
	for name, k := range map[string]struct {
		pool *bulkheadv1.Pool
		code string
	}{
		"nothing":              {&bulkheadv1.Pool{}, ""},
		"collecting":           {&bulkheadv1.Pool{Settings: &bulkheadv1.PoolSettings{CollectEvery: durationpb.New(10 * time.Second)}}, ""},
		"too often":            {&bulkheadv1.Pool{Settings: &bulkheadv1.PoolSettings{CollectEvery: durationpb.New(9 * time.Second)}}, "invalid"},
		"too rarely":           {&bulkheadv1.Pool{Settings: &bulkheadv1.PoolSettings{CollectEvery: durationpb.New(61 * time.Minute)}}, "invalid"},
		"settings":             {&bulkheadv1.Pool{Settings: assessing(t, map[string]any{"restart_max": 3, "engine_users": []any{"ci"}, "host_profile": map[string]any{"processes": []any{"nginx*"}}})}, ""},
		"a setting that isn't": {&bulkheadv1.Pool{Settings: assessing(t, map[string]any{"restart_maximum": 3})}, "invalid"},
		"of another type":      {&bulkheadv1.Pool{Settings: assessing(t, map[string]any{"restart_max": "three"})}, "invalid"},
		"out of range":         {&bulkheadv1.Pool{Settings: assessing(t, map[string]any{"restart_max": -1})}, "invalid"},
		"no glob":              {&bulkheadv1.Pool{Settings: assessing(t, map[string]any{"accepted_os": []any{"[debian"}})}, "invalid"},
		"too large":            {&bulkheadv1.Pool{Settings: assessing(t, map[string]any{"tenant_label": strings.Repeat("x", 65<<10)})}, "too_large"},
		"steps":                {&bulkheadv1.Pool{Plan: &bulkheadv1.RolloutPlan{Steps: []int32{5, 25}}}, ""},
		"steps that fall":      {&bulkheadv1.Pool{Plan: &bulkheadv1.RolloutPlan{Steps: []int32{25, 5}}}, "invalid"},
		"steps that stay":      {&bulkheadv1.Pool{Plan: &bulkheadv1.RolloutPlan{Steps: []int32{5, 5, 100}}}, "invalid"},
		"a window":             {&bulkheadv1.Pool{Windows: window("*/30 2-4 * * SAT", "Europe/Berlin")}, ""},
		"a window in UTC":      {&bulkheadv1.Pool{Windows: window("0 2 * * 6", "")}, ""},
		"a zone that isn't":    {&bulkheadv1.Pool{Windows: window("0 2 * * 6", "Europe/Atlantis")}, "invalid"},
		"the server's zone":    {&bulkheadv1.Pool{Windows: window("0 2 * * 6", "Local")}, "invalid"},
		"a zone of files":      {&bulkheadv1.Pool{Windows: window("0 2 * * 6", "../../etc/passwd")}, "invalid"},
		"six fields":           {&bulkheadv1.Pool{Windows: window("0 0 2 * * 6", "")}, "invalid"},
		"a name for a time":    {&bulkheadv1.Pool{Windows: window("@midnight", "")}, "invalid"},
		"a zone in the time":   {&bulkheadv1.Pool{Windows: window("TZ=UTC 0 2 * *", "")}, "invalid"},
		"half a zone":          {&bulkheadv1.Pool{Windows: window("TZ=Mars/x0", "")}, "invalid"},
		"minute 61":            {&bulkheadv1.Pool{Windows: window("61 2 * * 6", "")}, "invalid"},
		"a day that isn't":     {&bulkheadv1.Pool{Windows: window("0 2 31 2 *", "")}, "invalid"},
		"another id":           {&bulkheadv1.Pool{Id: "acme/x"}, "invalid"},
	} {
		i++
		k.pool.Name = fmt.Sprintf("p%d", i)
		got, err := c.pools.CreatePool(as(t, "bhs_owner"), &bulkheadv1.CreatePoolRequest{Pool: k.pool})
		if codeOf(t, err) != k.code {
			t.Errorf("%s: %v", name, err)
		}
		if name == "steps" && fmt.Sprint(got.GetPlan().GetSteps()) != "[5 25 100]" {
			t.Errorf("steps are %v", got.GetPlan())
		}
		if name == "settings" && got.GetSettings().GetAssess().GetFields()["restart_max"].GetNumberValue() != 3 {
			t.Errorf("settings are %v", got.GetSettings())
		}
		if there := second(w.store.Pool(t.Context(), "acme/"+k.pool.GetName())) == nil; there != (k.code == "") {
			t.Errorf("%s: there: %v", name, there)
		}
	}
	for name, code := range map[string]string{"acme-pool": "exists", "default": "exists", "": "invalid", "Big": "invalid", "a/b": "invalid"} {
		if _, err := c.pools.CreatePool(as(t, "bhs_owner"), &bulkheadv1.CreatePoolRequest{Pool: &bulkheadv1.Pool{Name: name}}); codeOf(t, err) != code {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestPoolsAreUpdated(t *testing.T) {
	w, c := owned(t)
	ctx := as(t, "bhs_owner")
	up := func(p *bulkheadv1.Pool, paths ...string) (*bulkheadv1.Pool, error) {
		return c.pools.UpdatePool(ctx, &bulkheadv1.UpdatePoolRequest{Pool: p, UpdateMask: only(paths...)})
	}
	minute := &bulkheadv1.PoolSettings{CollectEvery: durationpb.New(time.Minute)}
	p, err := up(&bulkheadv1.Pool{Id: "acme/acme-pool", Settings: minute, Description: "lost", Version: 1}, "settings")
	if err != nil || p.GetSettings().GetCollectEvery().AsDuration() != time.Minute || p.GetDescription() != "acme-description" || p.GetNodes() != 1 {
		t.Fatal(p, err)
	}
	if x := w.told; len(x.changed) != 1 || x.changed[0].ID != "acme/acme-pool" || x.changed[0].Settings.CollectEvery != time.Minute || x.authors[0] != "id-owner" {
		t.Errorf("told of %v by %v", x.changed, x.authors)
	}
	// The same settings, and other changes, are not rolled out.
	if _, err = up(&bulkheadv1.Pool{Id: "acme/acme-pool", Settings: minute}, "settings"); err != nil || len(w.told.changed) != 1 {
		t.Error(err, w.told.changed)
	}
	if p, err = up(&bulkheadv1.Pool{Id: "acme/acme-pool", Windows: window("0 2 * * 6", "")}, "windows", "description"); err != nil || len(w.told.changed) != 1 ||
		len(p.GetWindows()) != 1 || p.GetDescription() != "" || len(p.GetNextWindows()) != 1 || !p.GetNextWindows()[0].AsTime().After(time.Now()) {
		t.Error(p, err)
	}
	if _, err = up(&bulkheadv1.Pool{Id: "acme/acme-pool", Version: 1}, "description"); codeOf(t, err) != "conflict" {
		t.Error(err)
	}
	if _, err = up(&bulkheadv1.Pool{Id: "acme/acme-pool", Name: "other"}, "description"); codeOf(t, err) != "invalid" {
		t.Error(err)
	}
	if _, err = up(&bulkheadv1.Pool{Id: "acme/acme-pool"}, "name"); codeOf(t, err) != "invalid" {
		t.Error(err)
	}
	// What can't be published is not kept either.
	w.told.fail = &model.Error{Code: model.CodeUnavailable, Message: "no"}
	if _, err = up(&bulkheadv1.Pool{Id: "acme/acme-pool"}, "settings"); codeOf(t, err) != "unavailable" {
		t.Error(err)
	}
	if kept, err := w.store.Pool(t.Context(), "acme/acme-pool"); err != nil || kept.Settings.CollectEvery != time.Minute {
		t.Error(kept, err)
	}
}

func TestTheDefaultPoolIsAlwaysThere(t *testing.T) {
	w, c := owned(t)
	ctx := as(t, "bhs_owner")
	names := func(filter string, size int32) string {
		req := listing("", filter, "")
		req.Page.Size = size
		var out []string
		for {
			res, err := c.pools.ListPools(ctx, req)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range res.GetPools() {
				out = append(out, p.GetName())
			}
			if req.Page.Token = res.GetNextPage(); req.Page.Token == "" {
				return strings.Join(out, " ")
			}
		}
	}
	lists := map[string]string{"": "default acme-pool", `name = "default"`: "default", `name != "default"`: "acme-pool", `name > "b"`: "default", `name <= "b"`: "acme-pool"}
	for filter, want := range lists {
		for _, size := range []int32{0, 1, 2} {
			if got := names(filter, size); got != want {
				t.Errorf("%q, %d at a time: %s", filter, size, got)
			}
		}
	}
	id := &bulkheadv1.Id{Id: "acme/default"}
	p, err := c.pools.GetPool(ctx, id)
	if err != nil || p.GetName() != "default" || p.GetVersion() != 0 {
		t.Fatal(p, err)
	}
	if _, err := c.pools.DeletePool(ctx, id); codeOf(t, err) != "conflict" {
		t.Error(err)
	}
	up := &bulkheadv1.UpdatePoolRequest{Pool: &bulkheadv1.Pool{Id: "acme/default", Description: "all others"}, UpdateMask: only("description")}
	for want := range int64(2) {
		if p, err = c.pools.UpdatePool(ctx, up); err != nil || p.GetDescription() != "all others" || p.GetVersion() != want+1 {
			t.Fatal(p, err)
		}
	}
	if got := names("", 0); got != "acme-pool default" {
		t.Error(got)
	}
	if _, err := c.pools.DeletePool(ctx, id); codeOf(t, err) != "conflict" {
		t.Error(err)
	}
	if _, err := c.pools.DeletePool(ctx, &bulkheadv1.Id{Id: poolOf("acme")}); codeOf(t, err) != "conflict" {
		t.Error("it has a node", err)
	}
	// Over all tenants those show that have nodes, and the provider's own.
	w.account("admin", "system", strong(), model.RoleAdministrator)
	m := w.member("globex", "g1", "g1", time.Now())
	m.Pool = model.DefaultPool
	if err := w.store.CreateNode(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	res, err := c.pools.ListPools(as(t, "bhs_admin"), listing("", `name = "default"`, ""))
	var ids []string
	for _, p := range res.GetPools() {
		ids = append(ids, fmt.Sprintf("%s:%d", p.GetId(), p.GetNodes()))
	}
	if err != nil || strings.Join(ids, " ") != "system/default:0 globex/default:1 acme/default:0" {
		t.Error(ids, err)
	}
}

func TestRolloutsAreSteered(t *testing.T) {
	_, c := owned(t)
	ctx := as(t, "bhs_owner")
	list, err := c.pools.ListRollouts(ctx, listing("", `state = "running" AND pool = "acme/acme-pool"`, ""))
	if err != nil || len(list.GetRollouts()) != 1 || list.GetRollouts()[0].GetShare() != 5 {
		t.Fatal(list, err)
	}
	r, err := c.pools.DecideRollout(ctx, &bulkheadv1.DecideRolloutRequest{Id: "acme-rollout", Decision: "halt", Reason: "look"})
	if err != nil || r.GetState() != "halted" || r.GetReason() != "look (id-owner)" {
		t.Error(r, err)
	}
	if _, err := c.pools.DecideRollout(ctx, &bulkheadv1.DecideRolloutRequest{Id: "acme-rollout", Decision: "forget"}); codeOf(t, err) != "invalid" {
		t.Error(err)
	}
}

package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/detect/secret"
	"github.com/bulkhead-security/bulkhead/model"
)

// TestRecorded reads what both engines answered for the fleet of the end-to-end test.
func TestRecorded(t *testing.T) {
	for name, want := range map[string]struct{ api, store, driver string }{
		"debian": {"1.41", "graphdriver", "overlay2"}, "current": {"1.56", "containerd", "overlayfs"},
	} {
		t.Run(name, func(t *testing.T) {
			c := connect(t, recorded(t, name))
			o := Options{Root: hostRoot(t, map[string]string{"/etc/docker/daemon.json": `{"log-level":"warn"}`}), Getenv: noenv}
			s := collect(t, c, o)
			assertFleet(t, s)
			check(t, "API version", s.Engine.APIVersion, want.api)
			check(t, "image store", s.Engine.ImageStore, want.store)
			check(t, "storage driver", s.Engine.StorageDriver, want.driver)
			check(t, "log level", s.Engine.LogLevel, "warn")
			check(t, "icc as the bridge tells", *s.Engine.ICC, true)
			first, err := json.Marshal(s)
			if err != nil {
				t.Fatal(err)
			}
			second, err := json.Marshal(collect(t, c, o))
			if err != nil {
				t.Fatal(err)
			}
			if string(first) != string(second) {
				t.Error("two looks at the same engine differ")
			}
			if strings.Contains(string(first), token) {
				t.Error("the snapshot holds a secret")
			}
		})
	}
}

// TestConfigurationUnknown: without the command line nothing is said of what only it could tell.
func TestConfigurationUnknown(t *testing.T) {
	s := collect(t, connect(t, recorded(t, "debian")), Options{Root: hostRoot(t, nil), Getenv: noenv})
	gaps := map[string]bool{}
	for _, g := range s.Gaps {
		gaps[g.Path] = true
	}
	for _, p := range []string{"/engine/config/command_line", "/engine/iptables", "/engine/userland_proxy", "/engine/tcp", "/engine/log_level"} {
		if !gaps[p] {
			t.Errorf("no gap for %s in %v", p, gaps)
		}
	}
	if s.Engine.IPTables != nil || s.Engine.UserlandProxy != nil || s.Engine.LogLevel != "" {
		t.Errorf("a default was taken for a fact: %+v", s.Engine)
	}
}

// TestContainerDisappears: one that is gone when it is read is left out, without a gap.
func TestContainerDisappears(t *testing.T) {
	f := recorded(t, "debian")
	for path := range maps.Keys(f) {
		if strings.HasPrefix(path, "/containers/") && strings.HasSuffix(path, "/json") && strings.Contains(string(f[path]), `"/sin"`) {
			delete(f, path)
		}
	}
	s := collect(t, connect(t, f), Options{Root: hostRoot(t, nil)})
	check(t, "containers", len(s.Containers), 3)
	for _, g := range s.Gaps {
		if strings.HasPrefix(g.Path, "/containers") {
			t.Errorf("gap: %+v", g)
		}
	}
}

// TestContainerMalformed: one answer that is not understood spoils one container only.
func TestContainerMalformed(t *testing.T) {
	for _, bad := range []string{`{"Id":7}`, `{}`, `[]`, `{"Config":{},"HostConfig":null}`, `{"Id":"x"`} {
		f := recorded(t, "current")
		for path := range maps.Keys(f) {
			if strings.HasPrefix(path, "/containers/") && strings.HasSuffix(path, "/json") && strings.Contains(string(f[path]), `"/sin"`) {
				f[path] = json.RawMessage(bad)
			}
		}
		s := collect(t, connect(t, f), Options{Root: hostRoot(t, nil)})
		check(t, "containers", len(s.Containers), 4)
		sin := byName(t, s, "sin")
		if len(sin.Gaps) == 0 || sin.Gaps[0].Path != "/workload" || sin.Gaps[0].Reason != model.GapMalformed {
			t.Errorf("%s: gaps %+v", bad, sin.Gaps)
		}
		check(t, "the others are read", byName(t, s, "good").Workload.ReadOnlyRoot, true)
	}
}

// TestManyContainers reads 5,000 containers of a fake engine.
func TestManyContainers(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	const n = 5000
	f := recorded(t, "debian")
	var list []map[string]any
	if err := json.Unmarshal(f["/containers/json?all=1"], &list); err != nil {
		t.Fatal(err)
	}
	id := list[0]["Id"].(string)
	body := string(f["/containers/"+id+"/json"])
	many := make([]map[string]any, 0, n)
	for i := range n {
		one := maps.Clone(list[0])
		other := fmt.Sprintf("%064d", i)
		one["Id"] = other
		many = append(many, one)
		f["/containers/"+other+"/json"] = json.RawMessage(strings.ReplaceAll(body, id, other))
		f["/containers/"+other+"/changes"] = json.RawMessage(`[]`)
	}
	f["/containers/json?all=1"], _ = json.Marshal(many)
	e := New(connect(t, f), Options{Root: hostRoot(t, nil), Secrets: secret.New([]byte("k"))})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	start := time.Now()
	part, gaps := e.Containers(ctx)
	s := &model.Snapshot{}
	part(s)
	check(t, "containers", len(s.Containers), n)
	check(t, "gaps", len(gaps), 0)
	for _, c := range s.Containers {
		if len(c.Gaps) > 0 {
			t.Fatalf("after %s: %+v", time.Since(start), c.Gaps)
		}
	}
}

// TestDeadline: what is not read in time is listed, with a gap.
func TestDeadline(t *testing.T) {
	f := recorded(t, "debian")
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/json") && strings.Count(r.URL.Path, "/") == 4 {
			select {
			case <-r.Context().Done():
			case <-time.After(time.Minute):
			}
			return
		}
		f.ServeHTTP(w, r)
	})
	e := New(connect(t, slow), Options{Root: hostRoot(t, nil), Secrets: secret.New([]byte("k"))})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	part, _ := e.Containers(ctx)
	if ctx.Err() != nil {
		t.Error("the collector used up its deadline")
	}
	s := &model.Snapshot{}
	part(s)
	check(t, "containers", len(s.Containers), 4)
	for _, c := range s.Containers {
		if len(c.Gaps) == 0 || c.Gaps[0].Reason != model.GapTimeout || c.Name == "" {
			t.Errorf("%s: %+v", c.Name, c.Gaps)
		}
	}
}

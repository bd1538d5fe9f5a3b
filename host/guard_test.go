package host

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

func TestGuard(t *testing.T) {
	const good = `{"schema":"bulkhead.guard/v1","pid":40,"started":"2023-11-14T23:00:00Z","mode":"enforce","engine":"/run/docker.sock","profile":"baseline"}`
	cases := []struct {
		name, content, why string // why is part of the gap's detail; empty when the file counts
		change             func(t *testing.T, h *Host, file string)
	}{
		{name: "good", content: good},
		{name: "dead", content: strings.Replace(good, ":40", ":41", 1), why: "does not run"},
		{name: "another process", content: strings.Replace(good, ":40", ":50", 1), why: "started after"},
		{name: "no pid", content: strings.Replace(good, ":40", ":0", 1), why: "no pid"},
		{name: "mode", content: strings.Replace(good, "enforce", "off", 1), why: "mode"},
		{name: "other version", content: strings.Replace(good, "/v1", "/v2", 1), why: "schema"},
		{name: "unknown field", content: strings.Replace(good, "profile", "profiles", 1), why: "unknown field"},
		{name: "no engine", content: strings.Replace(good, "/run/docker.sock", "", 1), why: "no engine"},
		{name: "two values", content: good + good, why: "more than one"},
		{name: "too large", content: good + strings.Repeat(" ", limitControl), why: "larger"},
		{name: "writable", content: good, why: "writable", change: func(t *testing.T, _ *Host, file string) { must(t, os.Chmod(file, 0o666)) }},
		{name: "directory writable", content: good, why: "writable", change: func(t *testing.T, _ *Host, file string) {
			must(t, os.Chmod(filepath.Dir(file), 0o777))
		}},
		{name: "not root's", content: good, why: "belong", change: func(_ *testing.T, h *Host, _ string) { h.owner++ }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := plant(t, []byte(controlTree))
			file := filepath.Join(h.root, guardFile)
			must(t, os.MkdirAll(filepath.Dir(file), 0o755))
			must(t, os.WriteFile(file, []byte(c.content), 0o644))
			must(t, os.Chtimes(file, written, written))
			if c.change != nil {
				c.change(t, h, file)
			}
			s := &model.Snapshot{}
			part, gaps := h.Guard(context.Background())
			if part != nil {
				part(s)
			}
			switch {
			case c.why == "" && (s.Guard == nil || s.Guard.Profile != "baseline" || len(gaps) > 0):
				t.Errorf("guard %+v, gaps %v", s.Guard, gaps)
			case c.why != "" && (s.Guard != nil || len(gaps) != 1 || gaps[0].Path != "/guard" || !strings.Contains(gaps[0].Detail, c.why)):
				t.Errorf("guard %+v, gaps %v, want one with %q", s.Guard, gaps, c.why)
			}
		})
	}
	h := plant(t, []byte(controlTree))
	if part, gaps := h.Guard(context.Background()); part != nil || gaps != nil {
		t.Errorf("without the file no guard runs and nothing is missing; gaps = %v", gaps)
	}
}

func FuzzGuardStatus(f *testing.F) {
	f.Add([]byte(`{"schema":"bulkhead.guard/v1","pid":40,"mode":"enforce","engine":"/run/docker.sock"}`))
	f.Add([]byte(`{}{}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := model.ParseGuardStatus(b); err == nil && (s.PID <= 0 || s.Engine == "" || s.Mode != model.ModeEnforce && s.Mode != model.ModeObserve) {
			t.Fatalf("taken: %+v", s)
		}
	})
}

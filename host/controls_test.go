package host

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-security/bulkhead/model"
)

// controlTree has a process 40 that started 100 s after boot; files are written an hour after boot.
const controlTree = `
-- proc/stat --
btime 1700000000
-- proc/40/stat --
40 (bulk) head) S 1 40 40 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 10000 1000 100 18446744073709551615
-- proc/50/stat --
50 (late) S 1 50 50 0 -1 4194560 1 0 0 0 1 2 0 0 20 0 1 0 999999900 1000 100 18446744073709551615
`

func TestControls(t *testing.T) {
	const good = `{"name":"segmentation","mode":"enforce","version":"1.2.0","since":"2023-11-14T23:00:00Z","pid":40,"scope":["br0"],"facts":[{"key":"default","value":"deny"}]}`
	cases := []struct {
		name, file, content string
		why                 string // part of the gap's detail; empty when the control counts
		change              func(t *testing.T, h *Host, file string)
	}{
		{name: "good", file: "segmentation", content: good},
		{name: "other name", file: "sensor", content: good, why: "it names"},
		{name: "unknown", file: "magic", content: strings.Replace(good, "segmentation", "magic", 1), why: "no control is called so"},
		{name: "mode", file: "segmentation", content: strings.Replace(good, "enforce", "off", 1), why: "mode"},
		{name: "dead", file: "segmentation", content: strings.Replace(good, ":40", ":41", 1), why: "does not run"},
		{name: "another process", file: "segmentation", content: strings.Replace(good, ":40", ":50", 1), why: "started after"},
		{name: "no pid", file: "segmentation", content: strings.Replace(good, ":40", ":0", 1), why: "no pid"},
		{name: "unknown field", file: "segmentation", content: strings.Replace(good, "scope", "scopes", 1), why: "unknown field"},
		{name: "two values", file: "segmentation", content: good + "{}", why: "more than one"},
		{name: "garbage", file: "segmentation", content: "\x00", why: "not understood"},
		{name: "too large", file: "segmentation", content: good + strings.Repeat(" ", limitControl), why: "larger"},
		{name: "writable", file: "segmentation", content: good, why: "writable", change: func(t *testing.T, _ *Host, file string) {
			must(t, os.Chmod(file, 0o664))
		}},
		{name: "directory writable", file: "segmentation", content: good, why: "writable", change: func(t *testing.T, _ *Host, file string) {
			must(t, os.Chmod(filepath.Dir(file), 0o777))
		}},
		{name: "not root's", file: "segmentation", content: good, why: "belong", change: func(_ *testing.T, h *Host, _ string) { h.owner++ }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := plant(t, []byte(controlTree))
			file := filepath.Join(h.root, controlDir, c.file+".json")
			must(t, os.MkdirAll(filepath.Dir(file), 0o755))
			must(t, os.WriteFile(file, []byte(c.content), 0o644))
			must(t, os.Chtimes(file, written, written))
			if c.change != nil {
				c.change(t, h, file)
			}
			s := &model.Snapshot{}
			part, gaps := h.Controls(context.Background())
			if part != nil {
				part(s)
			}
			if c.why == "" {
				if len(s.Controls) != 1 || len(gaps) != 0 || s.Controls[0].Facts[0].Value != "deny" || s.Controls[0].PID != 40 {
					t.Errorf("controls = %v, gaps = %v", s.Controls, gaps)
				}
				return
			}
			if len(s.Controls) != 0 || len(gaps) != 1 || !strings.Contains(gaps[0].Detail, c.why) {
				t.Errorf("controls = %v, gaps = %v, want one with %q", s.Controls, gaps, c.why)
			}
		})
	}
}

func TestNoControls(t *testing.T) {
	h := plant(t, []byte(controlTree))
	if part, gaps := h.Controls(context.Background()); part != nil || gaps != nil {
		t.Errorf("without the directory nothing runs and nothing is missing; gaps = %v", gaps)
	}
}

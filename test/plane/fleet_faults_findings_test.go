//go:build e2e

package plane

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

type faultFinding struct {
	ID, Tenant, Node, Kind, Subject, Source, Over string
}

// watchFindings looks which findings there are, again and again, until it is asked for all that were there. What a server showed was
// acknowledged by it.
func (w *faultWorld) watchFindings() func() map[string]faultFinding {
	seen := map[string]faultFinding{}
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; !stop.Load() && w.t.Context().Err() == nil; i++ {
			for tenant, owner := range w.owners {
				s := w.replicas[i%2].now.Load()
				var list struct{ Findings []faultFinding }
				if err := postJSON(w.t.Context(), s, owner.secret(), "FindingService/ListFindings", map[string]any{"tenant": tenant, "page": map[string]any{"size": 1000}}, &list); err == nil {
					for _, f := range list.Findings {
						seen[f.Node+" "+f.ID] = f
					}
				}
			}
			time.Sleep(time.Second)
		}
	}()
	return func() map[string]faultFinding { stop.Store(true); <-done; return seen }
}

// sameFindings assesses the server's facts anew, and compares what fails with the server's open findings.
func (w *faultWorld) sameFindings(n *faultNode) error {
	owner := w.owners[n.tenant]
	file := filepath.Join(w.t.TempDir(), "facts.json")
	if err := os.WriteFile(file, []byte(owner.must("nodes", "facts", n.name, "-o", "json")), 0o600); err != nil {
		return err
	}
	out := owner.run("assess", "--from", file, "-o", "json")
	var a model.Assessment
	if err := json.Unmarshal([]byte(out.stdout), &a); err != nil {
		return fmt.Errorf("assess: %w %s", err, out.stderr)
	}
	failing, unclear := map[string]bool{}, map[string]bool{}
	for _, r := range a.Requirements {
		for _, c := range r.Checks {
			for _, e := range c.Evidence {
				switch e.Status {
				case model.CheckFail:
					failing[c.ID+" "+e.Subject] = true
				case model.CheckUnknown:
					unclear[c.ID+" "+e.Subject], unclear[c.ID+" "] = true, true
				}
			}
		}
	}
	open := map[string]int{}
	var list struct{ Findings []faultFinding }
	owner.ask(&list, "findings", "list", "--open", "--node", n.name, "--filter", fmt.Sprintf("node = %q", n.id))
	for _, f := range list.Findings {
		if f.Source == model.SourceServer {
			open[f.Kind+" "+f.Subject]++
		}
	}
	if len(failing) == 0 {
		return fmt.Errorf("nothing fails: the test shows nothing")
	}
	for k := range failing {
		if open[k] != 1 {
			return fmt.Errorf("the failure %s is an open finding %d times", k, open[k])
		}
	}
	for k, times := range open {
		if times != 1 || !failing[k] && !unclear[k] {
			return fmt.Errorf("the open finding %s is there %d times; it fails: %t", k, times, failing[k])
		}
	}
	return nil
}

var foundLine = regexp.MustCompile(`time=(\S+) level=WARN msg=found kind=(\S+) subject=("[^"]*"|\S+)`)

// found is what an agent found itself and put on its disk, by kind and subject.
func (n *faultNode) found(w *faultWorld) map[string]bool {
	f, err := os.Open(n.log)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	out := map[string]bool{}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		m := foundLine.FindStringSubmatch(lines.Text())
		if m == nil {
			continue
		}
		at, err := time.Parse(time.RFC3339Nano, m[1])
		if err != nil {
			w.t.Fatalf("a line of the agent's log: %v", err)
		}
		if slices.ContainsFunc(n.full, func(s span) bool { return at.After(s.from) && at.Before(s.to) }) {
			continue // it was in memory only, and the agent said so
		}
		subject := m[3]
		if subject[0] == '"' {
			subject = subject[1 : len(subject)-1]
		}
		out[m[2]+" "+subject] = true
	}
	return out
}

// checkFindings looks for each finding that was acknowledged.
func (w *faultWorld) checkFindings(seen map[string]faultFinding) {
	have, byName := map[string]int{}, map[string]int{}
	total := 0
	for tenant, owner := range w.owners {
		var list struct{ Findings []faultFinding }
		owner.ask(&list, "findings", "list", "--limit", "100000")
		for _, f := range list.Findings {
			have[f.Node+" "+f.ID]++
			byName[f.Node+" "+f.Kind+" "+f.Subject]++
			if f.Tenant != tenant {
				w.t.Errorf("%s sees a finding of %s", tenant, f.Tenant)
			}
		}
		total += len(list.Findings)
	}
	for k, f := range seen {
		if have[k] != 1 {
			w.t.Errorf("the acknowledged finding %+v is there %d times", f, have[k])
		}
	}
	for k, times := range byName {
		if times != 1 {
			w.t.Errorf("the finding %s is there %d times", k, times)
		}
	}
	own := 0
	for _, n := range w.nodes {
		for k := range n.found(w) {
			own++
			if byName[n.id+" "+k] != 1 {
				w.t.Errorf("%s found %s, which is there %d times", n.name, k, byName[n.id+" "+k])
			}
		}
	}
	w.t.Logf("%d findings, %d of them seen meanwhile, %d found by the nodes themselves", total, len(seen), own)
}

//go:build e2e

package plane

import (
	"bufio"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
)

type faultFinding struct {
	ID, Tenant, Node, Kind, Subject, Source, Over string
}

type nodeList struct{ Nodes []listedNode }

type listedNode struct {
	ID, Tenant, Name, Health string
	Labels                   map[string]string
	PoliciesVersion          string `json:"policies_version"`
	PoliciesTarget           string `json:"policies_target"`
	SettingsVersion          string `json:"settings_version"`
	SettingsTarget           string `json:"settings_target"`
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

// converged waits until all nodes are up, connected, and have what they should have.
func (w *faultWorld) converged(l *faultLoad) {
	for _, n := range w.nodes {
		owner := w.owners[n.tenant]
		w.within(n.name+" is up and has all", 3*time.Minute, func() error {
			var have listedNode
			owner.ask(&have, "nodes", "get", n.name)
			s, err := n.status(w)
			switch {
			case err != nil:
				return err
			case have.Health != "up" || !s.Connected:
				return fmt.Errorf("it is %q, connected: %t, %s", have.Health, s.Connected, s.Error)
			case have.PoliciesTarget != have.PoliciesVersion || have.SettingsTarget != have.SettingsVersion:
				return fmt.Errorf("policies %s of %s, settings %s of %s", have.PoliciesVersion, have.PoliciesTarget, have.SettingsVersion, have.SettingsTarget)
			case fmt.Sprint(s.Policies) != have.PoliciesVersion || fmt.Sprint(s.Settings) != have.SettingsVersion:
				return fmt.Errorf("the agent enforces policies %d and settings %d, and acknowledged %s and %s", s.Policies, s.Settings, have.PoliciesVersion, have.SettingsVersion)
			case have.Labels["load"] != l.labels[n.id] || s.Labels["load"] != l.labels[n.id]:
				return fmt.Errorf("label %q acknowledged, %q at the server, %q at the agent", l.labels[n.id], have.Labels["load"], s.Labels["load"])
			case s.Spooled != 0 || s.SpoolError != "" || s.ClockSkew != "":
				return fmt.Errorf("%d bytes wait in the spool (%s), clock %q", s.Spooled, s.SpoolError, s.ClockSkew)
			case s.Dropped != 0:
				w.t.Errorf("%s dropped %d findings", n.name, s.Dropped)
			}
			return nil
		})
		w.within("the server's facts of "+n.name+" are the engine's", 2*time.Minute, func() error { return w.sameContainers(n) })
		w.within("the findings of "+n.name+" are what its facts say", 2*time.Minute, func() error { return w.sameFindings(n) })
	}
}

// sameContainers compares the server's facts with the engine itself.
func (w *faultWorld) sameContainers(n *faultNode) error {
	cli, err := n.engine.Client()
	if err != nil {
		return err
	}
	defer func() { _ = cli.Close() }()
	list, err := cli.ContainerList(w.t.Context(), client.ContainerListOptions{All: true})
	if err != nil {
		return err
	}
	engine, server := map[string]string{}, map[string]string{}
	for _, c := range list.Items {
		engine[c.ID] = string(c.State)
	}
	var facts model.Snapshot
	w.owners[n.tenant].ask(&facts, "nodes", "facts", n.name)
	for _, c := range facts.Containers {
		server[c.ID] = c.State
	}
	if len(engine) == 0 || !maps.Equal(engine, server) {
		return fmt.Errorf("the engine has %v, the server %v", engine, server)
	}
	return nil
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

// checkChanges looks for what people were told that it is done.
func (w *faultWorld) checkChanges(l *faultLoad) {
	for _, wrong := range l.wrong {
		w.t.Error("wrong answer: ", wrong)
	}
	asked := map[string]int{}
	for _, c := range l.acked {
		asked[c.tenant+" "+c.action]++
	}
	for tenant, owner := range w.owners {
		have := map[string]int{}
		var versions struct{ Versions []struct{ Note string } }
		owner.ask(&versions, "policy", "versions", "--limit", "100000")
		for _, v := range versions.Versions {
			have["PolicyApply "+v.Note]++
		}
		var exceptions struct {
			Exceptions []struct{ Tenant, Reason string }
		}
		owner.ask(&exceptions, "exceptions", "list", "--limit", "100000")
		for _, e := range exceptions.Exceptions {
			have["ExceptionCreate "+e.Reason]++
			if e.Tenant != tenant {
				w.t.Errorf("%s sees an exception of %s", tenant, e.Tenant)
			}
		}
		for _, c := range l.acked {
			if k := c.action + " " + c.name; c.tenant == tenant && c.action != "NodeUpdate" && have[k] != 1 {
				w.t.Errorf("the acknowledged %s of %s is there %d times", k, tenant, have[k])
			}
		}
		for _, action := range []string{"PolicyApply", "ExceptionCreate"} {
			if asked[tenant+" "+action] < 5 {
				w.t.Errorf("only %d %s of %s: the test shows nothing", asked[tenant+" "+action], action, tenant)
			}
		}
	}
	for _, action := range []string{"PolicyApply", "ExceptionCreate", "NodeUpdate"} {
		records := w.admin.records(action)
		if err := doubled(records); err != nil {
			w.t.Error(err)
		}
		outcome := map[string]string{}
		for _, r := range records {
			outcome[r.ID] = r.Outcome
		}
		for _, c := range l.acked {
			if c.action == action && c.record != "" && outcome[c.record] != "allowed" {
				w.t.Errorf("the record %s of %s %s is not in the index: %q", c.record, action, c.name, outcome[c.record])
			}
		}
	}
	w.t.Logf("acknowledged: %v; %d starts and ends of containers", asked, l.containers)
}

// checkEvents looks whether what happened to each node is a chain: no change is told twice, and none is left out.
func (w *faultWorld) checkEvents() {
	count := map[string]int{}
	for _, n := range w.nodes {
		var list struct {
			Events []struct{ ID, Tenant, Node, Time, Kind, Before, After, Text string }
		}
		w.owners[n.tenant].ask(&list, "nodes", "events", "--node", n.name, "--limit", "100000")
		at, ids := "up", map[string]bool{}
		slices.Reverse(list.Events)
		for _, e := range list.Events {
			count[e.Kind]++
			if ids[e.ID] || e.Node != n.id || e.Tenant != n.tenant {
				w.t.Errorf("the event %+v is there twice, or is of another", e)
			}
			ids[e.ID] = true
			switch e.Kind {
			case model.EventReuse:
				w.t.Errorf("an honest node is told to have shown an old certificate: %+v", e)
			case model.EventSilent, model.EventBack, model.EventStopped:
				if e.Kind == model.EventSilent && e.Before == model.ReasonAsking { // why it is silent
					if at != "" && at != string(model.HealthSilent) {
						w.t.Errorf("%s was %q, and then is told why it is silent (%s)", n.name, at, e.Text)
					}
					continue
				}
				if at != "" && e.Before != at {
					w.t.Errorf("%s was %q, and then is told to go from %q to %q (%s)", n.name, at, e.Before, e.After, e.Text)
				}
				at = e.After
			case model.EventFlapping:
				at = "" // changes are not told one by one now
			}
		}
	}
	w.t.Logf("events: %v", count)
}

// checkWall looks whether somebody sees what is not theirs.
func (w *faultWorld) checkWall() {
	for tenant, owner := range w.owners {
		var want []string
		for _, n := range w.nodes {
			if n.tenant == tenant {
				want = append(want, n.name)
				continue
			}
			for _, verb := range []string{"get", "facts"} {
				if r := owner.run("nodes", verb, n.id); r.code == 0 {
					w.t.Errorf("%s got %s of %s", tenant, verb, n.tenant)
				}
			}
		}
		var list nodeList
		owner.ask(&list, "nodes", "list")
		var got []string
		for _, n := range list.Nodes {
			got = append(got, n.Name)
		}
		if !reflect.DeepEqual(got, want) {
			w.t.Errorf("%s sees the nodes %v, not %v", tenant, got, want)
		}
		var events struct {
			Events []struct{ Tenant, Kind string }
		}
		owner.ask(&events, "nodes", "events", "--limit", "100000")
		for _, e := range events.Events {
			if e.Tenant != tenant {
				w.t.Errorf("%s sees an event of %s", tenant, e.Tenant)
			}
		}
		var records struct {
			Records []struct{ Tenant, Action string }
		}
		owner.ask(&records, "audit", "search", "--limit", "1000000")
		for _, r := range records.Records {
			if r.Tenant != tenant {
				w.t.Errorf("%s sees a record of %s: %s", tenant, r.Tenant, r.Action)
			}
		}
		if len(records.Records) == 0 || len(events.Events) == 0 {
			w.t.Errorf("%s sees %d records and %d events: the test shows nothing", tenant, len(records.Records), len(events.Events))
		}
	}
}

func (w *faultWorld) checkAll(l *faultLoad, seen map[string]faultFinding) {
	w.checkFindings(seen)
	w.checkChanges(l)
	w.checkEvents()
	w.checkWall()
	w.checkLogs()
}

//go:build e2e

package plane

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/moby/moby/client"

	"github.com/bulkhead-security/bulkhead/model"
)

type nodeList struct{ Nodes []listedNode }

type listedNode struct {
	ID, Tenant, Name, Health string
	Labels                   map[string]string
	PoliciesVersion          string `json:"policies_version"`
	PoliciesTarget           string `json:"policies_target"`
	SettingsVersion          string `json:"settings_version"`
	SettingsTarget           string `json:"settings_target"`
}

// converged waits until all nodes are up, connected, and have what they should have.
func (w *faultWorld) converged(l *faultLoad) {
	for tenant, owner := range w.owners {
		w.finished(tenant, owner)
	}
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
			case s.CollectEvery != l.every[n.tenant]:
				return fmt.Errorf("facts are collected every %s, and %s was acknowledged", s.CollectEvery, l.every[n.tenant])
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
			if k := c.action + " " + c.name; c.tenant == tenant && c.action != "NodeUpdate" && c.action != "PoolUpdate" && have[k] != 1 {
				w.t.Errorf("the acknowledged %s of %s is there %d times", k, tenant, have[k])
			}
		}
		for _, action := range []string{"PolicyApply", "ExceptionCreate"} {
			if asked[tenant+" "+action] < 5 {
				w.t.Errorf("only %d %s of %s: the test shows nothing", asked[tenant+" "+action], action, tenant)
			}
		}
	}
	for _, action := range []string{"PolicyApply", "ExceptionCreate", "NodeUpdate", "PoolUpdate"} {
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
	w.checkRollouts(l)
	w.checkEvents()
	w.checkWall()
	w.checkLogs()
}

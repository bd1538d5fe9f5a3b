package maintenance

import (
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

// Told is how it stands with a node, for people.
type Told struct {
	Orchestrator string
	State        model.MaintenanceState
	By           string // name of the node whose agent acts
	Was          string
	Since        time.Time
	Text         model.Text // why, where it is not applied; else what was done
}

// Tell says how it stands with a node of a tenant; nil where there is nothing to say. swarms are those of its tenant.
func Tell(m *Member, swarms map[string]*Swarm) *Told {
	if r := m.Report; r != nil && r.Orchestrator == model.OrchestratorKubernetes {
		return ofOwn(m, r)
	}
	if m.SwarmID == "" {
		if m.Want == model.WantNothing {
			return nil
		}
		return &Told{State: model.MaintenanceShown, Text: model.Text{
			EN: "its host is in no swarm and no Kubernetes cluster that its agent can see, so that it is only shown: nothing keeps workloads away",
			ZH: "代理未发现该主机属于任何 Swarm 或 Kubernetes 集群，因此仅作显示：不会阻止工作负载",
		}}
	}
	for _, s := range swarms {
		for i := range s.Nodes {
			if s.Nodes[i].ID == m.ID {
				return s.tell(m)
			}
		}
	}
	if m.Want == model.WantNothing {
		return nil
	}
	return nobody()
}

func nobody() *Told {
	return &Told{Orchestrator: model.OrchestratorSwarm, State: model.MaintenanceNobody, Text: model.Text{
		EN: "no manager of its swarm is a node of this tenant, and only a manager can act: join one",
		ZH: "其 Swarm 没有管理节点属于本租户，而只有管理节点才能执行：请让一个管理节点加入",
	}}
}

// ofOwn is what an agent says of its own node.
func ofOwn(m *Member, r *model.Maintenance) *Told {
	for i := range r.Nodes {
		if n := &r.Nodes[i]; n.Want == m.Want {
			return told(r.Orchestrator, m.Name, n)
		}
	}
	if m.Want == model.WantNothing {
		return nil
	}
	if !r.Acts {
		return &Told{Orchestrator: r.Orchestrator, State: model.MaintenanceNobody, Text: model.Text{EN: r.Detail, ZH: r.Detail}}
	}
	return pending(r.Orchestrator, m.Name)
}

// tell asks what the agents of the swarm say of a node; one that acted as a manager may be none at the moment.
func (s *Swarm) tell(m *Member) *Told {
	var best *Told
	up := false
	held := "" // by whom, where it is not wanted any more
	for i := range s.Nodes {
		by := &s.Nodes[i]
		if by.Report == nil || by.Report.Cluster != s.Cluster {
			continue
		}
		for j := range by.Report.Nodes {
			n := &by.Report.Nodes[j]
			if n.ID != m.SwarmID {
				continue
			}
			if n.Want != m.Want {
				held = by.Name
				continue
			}
			if t := told(model.OrchestratorSwarm, by.Name, n); best == nil || better(t, best, by.Up, up) {
				best, up = t, by.Up
			}
		}
	}
	switch {
	case best != nil:
		return best
	case m.Want == model.WantNothing && held == "":
		return nil
	}
	return s.why(m)
}

// why says why nothing was done yet.
func (s *Swarm) why(m *Member) *Told {
	t := &Told{Orchestrator: model.OrchestratorSwarm, State: model.MaintenanceNobody}
	if s.Twice[m.SwarmID] {
		t.Text = model.Text{
			EN: "another node says that it is the same node of the swarm (" + m.SwarmID + "), so that nobody acts on it: one of the two is a copy",
			ZH: "另一个节点声称自己是 Swarm 的同一节点（" + m.SwarmID + "），因此不对其执行操作：两者之一是副本",
		}
		return t
	}
	if len(s.Managers) == 0 {
		return nobody()
	}
	var ready, silent, cannot []string
	for i := range s.Managers {
		switch by := &s.Managers[i]; {
		case !by.Up:
			silent = append(silent, by.Name)
		case by.Report != nil && !by.Report.Acts:
			cannot = append(cannot, by.Name+": "+by.Report.Detail)
		default:
			ready = append(ready, by.Name)
		}
	}
	if len(ready) > 0 {
		return pending(model.OrchestratorSwarm, ready[0])
	}
	if len(silent) > 0 {
		names := some(silent)
		t.Text = model.Text{EN: "nothing is heard of the managers of its swarm: " + names, ZH: "其 Swarm 的管理节点没有响应：" + names}
	}
	if len(cannot) > 0 {
		text := some(cannot)
		t.Text = model.Text{
			EN: strings.Join(filled(t.Text.EN, "no manager's agent can act: "+text), "; "),
			ZH: strings.Join(filled(t.Text.ZH, "没有管理节点的代理能够执行："+text), "；"),
		}
	}
	return t
}

func filled(texts ...string) []string {
	var out []string
	for _, t := range texts {
		if t != "" {
			out = append(out, t)
		}
	}
	return out
}

const mostNamed = 3

func some(list []string) string {
	if more := len(list) - mostNamed; more > 0 {
		list = append(list[:mostNamed:mostNamed], fmt.Sprintf("… +%d", more))
	}
	return strings.Join(list, ", ")
}

func pending(orchestrator, by string) *Told {
	return &Told{Orchestrator: orchestrator, State: model.MaintenancePending, By: by, Text: model.Text{
		EN: "the agent of " + by + " has not said yet that it did it", ZH: by + " 的代理尚未报告完成",
	}}
}

// better says which of two agents' words counts: of one that is heard, of one that says that it is settled, the newest.
func better(a, b *Told, aUp, bUp bool) bool {
	settled := func(t *Told) bool { return t.State == model.MaintenanceApplied || t.State == model.MaintenanceByHand }
	switch {
	case aUp != bUp:
		return aUp
	case settled(a) != settled(b):
		return settled(a)
	}
	return a.Since.After(b.Since)
}

func told(orchestrator, by string, n *model.MaintenanceOf) *Told {
	t := &Told{Orchestrator: orchestrator, State: n.State, By: by, Was: n.Was, Since: n.Since}
	switch n.State {
	case model.MaintenanceApplied:
		t.Text = model.Text{EN: fmt.Sprintf("it is %s on %s", n.Is, orchestrator), ZH: fmt.Sprintf("在 %[2]s 上为 %[1]s", n.Is, orchestrator)}
		if n.Was != "" && n.Was != n.Is {
			t.Text.EN += ", and was " + n.Was
			t.Text.ZH += "，此前为 " + n.Was
		}
		if n.Detail != "" {
			t.Text.EN += "; " + n.Detail
			t.Text.ZH += "；" + n.Detail
		}
	default:
		t.Text = model.Text{EN: n.Detail, ZH: n.Detail}
	}
	return t
}

package judge

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/swarm"

	"github.com/bulkhead-security/bulkhead/guard/call"
)

// mostTasks are those of one service of somebody who may not see the host as a whole.
const mostTasks = 1000

// swarm refuses what can't be decided on here, of whoever may not see the host as a whole: what other nodes have, what a name stands for
// when a task starts later, and what the engine writes into a specification only then. What is on this node is pinned to it.
func (j *Judge) swarm(ctx context.Context, a *call.Ask) error {
	if a.Call.Route.Action == "SwarmNodeList" && len(a.Call.Query.Filters) > 0 && !j.Whole(ctx, a) {
		return fmt.Errorf("filters would tell names and labels of nodes: leave out --filter")
	}
	switch b := a.Body.(type) {
	case *swarm.SecretSpec:
		if b.Driver != nil && !j.Whole(ctx, a) {
			return fmt.Errorf("/Driver: a plugin for secrets gives whatever it is asked for: leave out --driver")
		}
	case *swarm.ServiceSpec:
		if a.Swarm == nil || b.TaskTemplate.ContainerSpec == nil || j.Whole(ctx, a) {
			return nil // without a swarm the engine refuses it itself
		}
		return pinned(a, b)
	}
	return nil
}

func pinned(a *call.Ask, b *swarm.ServiceSpec) error {
	if n := tasks(&b.Mode); n > mostTasks {
		return fmt.Errorf("/Mode: %d tasks are more than the %d that a service may have", n, mostTasks)
	}
	c := b.TaskTemplate.ContainerSpec
	for i := range c.Mounts {
		if templated(&c.Mounts[i]) {
			return fmt.Errorf("/TaskTemplate/ContainerSpec/Mounts/%d: what the engine puts in place of {{…}} can't be judged before: write it out", i)
		}
	}
	before := len(a.Warnings)
	if err := pinImage(a, c); err != nil {
		return err
	}
	if err := pinNode(a, b); err != nil {
		return err
	}
	if len(a.Warnings) > before && rollsBack(a) {
		return fmt.Errorf("what the service was before is not pinned (%s): update it instead", strings.Join(a.Warnings[before:], "; "))
	}
	return nil
}

// tasks are as many as a mode asks for by a number.
func tasks(m *swarm.ServiceMode) uint64 {
	n := uint64(0)
	if m.Replicated != nil && m.Replicated.Replicas != nil {
		n = *m.Replicated.Replicas
	}
	if job := m.ReplicatedJob; job != nil {
		for _, p := range []*uint64{job.MaxConcurrent, job.TotalCompletions} {
			if p != nil {
				n = max(n, *p)
			}
		}
	}
	return n
}

// templated says whether the engine writes something into a mount when a task starts.
func templated(m *mount.Mount) bool {
	texts := []string{m.Source, m.Target}
	if o := m.VolumeOptions; o != nil {
		for _, v := range o.Labels {
			texts = append(texts, v)
		}
		if o.DriverConfig != nil {
			for _, v := range o.DriverConfig.Options {
				texts = append(texts, v)
			}
		}
	}
	return slices.ContainsFunc(texts, func(s string) bool { return strings.Contains(s, "{{") })
}

// pinImage has tasks run what the image's name stands for now: they start at any time later, when the name may be somebody else's, here
// or on another node.
func pinImage(a *call.Ask, c *swarm.ContainerSpec) error {
	if c.Image == "" || strings.Contains(c.Image, "@") {
		return nil
	}
	// An id, or its beginning, that is no image's here would be looked for on each node that runs a task: among others' images there.
	if a.Swarm.Image == "" {
		return fmt.Errorf("/TaskTemplate/ContainerSpec/Image: %.200q is not on this node, and its name could stand for another's image on another: "+
			"pull it first, or name it by digest (NAME@sha256:…)", c.Image)
	}
	if c.Image == a.Swarm.Image {
		return nil
	}
	a.Warnings = append(a.Warnings, fmt.Sprintf("the service runs %.200s as it is now: %s", c.Image, a.Swarm.Image))
	c.Image = a.Swarm.Image
	return nil
}

// pinNode keeps a service that names volumes, or paths of the host, on this node: what they are on others is not known here, and a swarm of
// one node may get more.
func pinNode(a *call.Ask, b *swarm.ServiceSpec) error {
	if !slices.ContainsFunc(b.TaskTemplate.ContainerSpec.Mounts, ofOneNode) {
		return nil
	}
	a.Swarm.Here = true
	if b.TaskTemplate.Placement == nil {
		b.TaskTemplate.Placement = &swarm.Placement{}
	}
	p := b.TaskTemplate.Placement
	for _, s := range p.Constraints {
		switch node, is := strings.CutPrefix(strings.ReplaceAll(s, " ", ""), "node.id=="); {
		case is && node == a.Swarm.Node:
			return nil
		case is:
			return fmt.Errorf("/TaskTemplate/Placement/Constraints: the service mounts by name what is looked at on this node (%s), and is kept on another (%.80q): "+
				"leave the mount or the constraint out, or ask the guard of that node, if it is a manager", a.Swarm.Node, s)
		}
	}
	want := "node.id==" + a.Swarm.Node
	p.Constraints = append(p.Constraints, want)
	a.Warnings = append(a.Warnings, "the service mounts by name what is on this node, and runs on it alone ("+want+")")
	return nil
}

// ofOneNode says whether what is mounted is another thing on another node.
func ofOneNode(m mount.Mount) bool {
	return m.Source != "" && m.Type != mount.TypeTmpfs && m.Type != mount.TypeCluster
}

// rollsBack says that the engine takes what it kept of a service, and not the body. The body is that then, and can't be changed.
func rollsBack(a *call.Ask) bool {
	return a.Call.Route.Action == "ServiceUpdate" && a.Call.Query.Texts["rollback"] == "previous"
}

// has says whether labels are all there.
func has(labels, of map[string]string) bool {
	for k, v := range of {
		if labels[k] != v {
			return false
		}
	}
	return true
}

// ofTasks are the volumes of a service's tasks: all that the engine makes is the owner's.
func ofTasks(mounts []mount.Mount, field string) []labelled {
	for i := range mounts {
		if mounts[i].Type == mount.TypeVolume && mounts[i].VolumeOptions == nil {
			mounts[i].VolumeOptions = &mount.VolumeOptions{}
		}
	}
	var list []labelled
	for i := range mounts {
		if o := mounts[i].VolumeOptions; o != nil {
			list = append(list, labelled{&o.Labels, fmt.Sprintf("%s/%d/VolumeOptions/Labels", field, i), true})
		}
	}
	return list
}

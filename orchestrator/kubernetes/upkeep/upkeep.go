// Package upkeep cordons and drains the Kubernetes node that an agent is on, and gives it back what it had. It evicts, so that
// disruption budgets count, and deletes nothing. It touches no other node.
package upkeep

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/bulkhead-security/bulkhead/fleet/maintenance"
	"github.com/bulkhead-security/bulkhead/model"
)

// Cluster is what is needed of an API server; *API is one.
type Cluster interface {
	Node(ctx context.Context, name string) (*corev1.Node, error)
	// Set changes whether a node takes pods and its annotation ("" removes it), if the node is still what it was.
	Set(ctx context.Context, was *corev1.Node, unschedulable bool, annotation string) (*corev1.Node, error)
	// Pods are those of a node.
	Pods(ctx context.Context, node string) ([]corev1.Pod, error)
	Evict(ctx context.Context, p *corev1.Pod) error
	// May says whether the caller may do something that a node needs.
	May(ctx context.Context, r Right, node string) (bool, error)
}

// Node acts on one node of a cluster. It is not safe for concurrent use.
type Node struct {
	Cluster Cluster
	Name    string
	// By names whose wishes these are, in the node's annotation.
	By string
	// Self is the agent's own pod, as NAMESPACE/NAME; "" where it is none. It is never evicted.
	Self string
	Now  func() time.Time

	clean bool // the node has nothing of ours, and nothing was wanted since
}

// Bounds.
const (
	roundTime = 90 * time.Second
	// DrainTime is after how long pods that are still there are a failure. It is tried again nevertheless.
	DrainTime   = 10 * time.Minute
	tries       = 5
	mostEvicted = 500 // in a round
	mostNamed   = 3
)

// States of a node in answers.
const (
	schedulable = "schedulable"
	cordoned    = "cordoned"
	drained     = "drained"
)

// Maintain brings the node to what is wanted. It does what can be done at once and says what is left, for which it is called again.
// Nil says that there is nothing to say.
func (n *Node) Maintain(ctx context.Context, want string) *model.Maintenance {
	if want == model.WantNothing && n.clean {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	one := model.MaintenanceOf{ID: n.Name, Name: n.Name, Want: want}
	out := &model.Maintenance{Orchestrator: model.OrchestratorKubernetes, Acts: true}
	changed, err := n.cordon(ctx, want, &one)
	if err == nil && want == model.WantDrain && one.State == model.MaintenanceApplied {
		err = n.drain(ctx, &one)
	}
	if err != nil {
		one.State, one.Detail = model.MaintenanceFailed, explain(err, n.Name)
		out.Acts = !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err)
		if !out.Acts {
			out.Detail = one.Detail
		}
	}
	n.clean = want == model.WantNothing && err == nil
	if n.clean && !changed {
		return nil
	}
	out.Nodes = []model.MaintenanceOf{one}
	return out
}

// cordon sets whether the node takes pods. Somebody else who changes the node at the same time is a conflict, and then it is looked at
// again.
func (n *Node) cordon(ctx context.Context, want string, one *model.MaintenanceOf) (changed bool, err error) {
	keep := want
	if want != model.WantNothing {
		keep = model.WantCordon // a drained node is one that takes no pods and has none
	}
	for try := 1; ; try++ {
		now, err := n.Cluster.Node(ctx, n.Name)
		if err != nil {
			return changed, err
		}
		step := maintenance.Next(n.By, keep, placement(now), n.Now())
		one.State, one.Was, one.Is, one.Since = step.State, word(step.Was), word(step.To.Availability), step.Since
		if one.Detail = step.Detail; step.State == model.MaintenanceByHand {
			one.Detail = "somebody made it " + one.Is + " by hand meanwhile, and that stays"
		}
		if !step.Change {
			return changed, nil
		}
		changed = true
		_, err = n.Cluster.Set(ctx, now, step.To.Availability != maintenance.Active, step.To.Label)
		if err == nil || !apierrors.IsConflict(err) || try == tries {
			return changed, err
		}
	}
}

// placement is a node in the words of a swarm: one that takes no pods is paused.
func placement(n *corev1.Node) maintenance.Placement {
	p := maintenance.Placement{Availability: maintenance.Active, Label: n.Annotations[maintenance.Label]}
	if n.Spec.Unschedulable {
		p.Availability = maintenance.Pause
	}
	return p
}

func word(availability string) string {
	switch availability {
	case maintenance.Active:
		return schedulable
	case "":
		return ""
	}
	return cordoned
}

// drain evicts what can be moved, once, and says what is left.
func (n *Node) drain(ctx context.Context, one *model.MaintenanceOf) error {
	pods, err := n.Cluster.Pods(ctx, n.Name)
	if err != nil {
		return fmt.Errorf("list the node's pods: %w", err)
	}
	var leaving, waiting, lost []string
	evicted := 0
	for i := range pods {
		p := &pods[i]
		name := p.Namespace + "/" + p.Name
		switch n.fate(p) {
		case stays:
		case leaves:
			leaving = append(leaving, name)
		case wouldBeLost:
			lost = append(lost, name)
		case goes:
			if evicted++; evicted > mostEvicted {
				leaving = append(leaving, name)
				continue
			}
			switch err := n.Cluster.Evict(ctx, p); {
			case err == nil:
				leaving = append(leaving, name)
			case apierrors.IsNotFound(err):
			case apierrors.IsTooManyRequests(err):
				waiting = append(waiting, name)
			default:
				return fmt.Errorf("evict %s: %w", name, err)
			}
		}
	}
	n.left(one, leaving, waiting, lost)
	return nil
}

// left says what is still on the node.
func (n *Node) left(one *model.MaintenanceOf, leaving, waiting, lost []string) {
	if len(leaving)+len(waiting)+len(lost) == 0 {
		one.Is = drained
		return
	}
	var parts []string
	for _, p := range []struct {
		pods []string
		what string
	}{
		{lost, "without a controller would be lost, delete them if they may be"},
		{waiting, "wait for a disruption budget"},
		{leaving, "are leaving"},
	} {
		if len(p.pods) > 0 {
			parts = append(parts, fmt.Sprintf("%d pods %s (%s)", len(p.pods), p.what, some(p.pods)))
		}
	}
	one.State, one.Detail = model.MaintenancePending, strings.Join(parts, "; ")
	late := !one.Since.IsZero() && n.Now().Sub(one.Since) > DrainTime
	if late || len(waiting)+len(leaving) == 0 {
		one.State = model.MaintenanceFailed
		if late {
			one.Detail = fmt.Sprintf("after %s: %s", DrainTime, one.Detail)
		}
	}
}

func some(list []string) string {
	slices.Sort(list)
	if more := len(list) - mostNamed; more > 0 {
		list = append(list[:mostNamed:mostNamed], fmt.Sprintf("… +%d", more))
	}
	return strings.Join(list, ", ")
}

type fate int

const (
	stays fate = iota
	goes
	leaves
	wouldBeLost
)

// fate says what becomes of a pod of a node that is drained.
func (n *Node) fate(p *corev1.Pod) fate {
	owner := metav1.GetControllerOf(p)
	_, mirror := p.Annotations[corev1.MirrorPodAnnotationKey]
	switch {
	case mirror, p.Namespace+"/"+p.Name == n.Self:
		return stays
	case p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed:
		return stays // nothing of it runs
	case owner != nil && owner.Kind == "DaemonSet" && strings.HasPrefix(owner.APIVersion, "apps/"):
		return stays // it would come back to this node at once
	case p.DeletionTimestamp != nil:
		return leaves
	case owner == nil:
		return wouldBeLost
	}
	return goes
}

// explain says what to do about an error.
func explain(err error, node string) string {
	switch {
	case apierrors.IsNotFound(err):
		return fmt.Sprintf("the cluster has no node %q: name it with agent.kubernetes_node", node)
	case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
		return fmt.Sprintf("the cluster refuses: %v; the kubelet's own credentials have the rights, and the chart's agent.maintenance gives them", err)
	}
	return err.Error()
}

// Right is what is needed.
type Right struct{ Verb, Resource, Sub string }

func (r Right) String() string { return strings.TrimSuffix(r.Verb+" "+r.Resource+"/"+r.Sub, "/") }

// Rights are all that are needed: of the own node, and of the pods on it.
func Rights() []Right {
	return []Right{{"get", "nodes", ""}, {"patch", "nodes", ""}, {"list", "pods", ""}, {"create", "pods", "eviction"}}
}

// Look says whether the node is there and which rights are missing. It changes nothing.
func (n *Node) Look(ctx context.Context) (missing []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTime)
	defer cancel()
	for _, r := range Rights() {
		may, err := n.Cluster.May(ctx, r, n.Name)
		if err != nil {
			return nil, err
		}
		if !may {
			missing = append(missing, r.String())
		}
	}
	if len(missing) > 0 {
		return missing, nil
	}
	if _, err = n.Cluster.Node(ctx, n.Name); err != nil {
		return nil, fmt.Errorf("%s", explain(err, n.Name))
	}
	return nil, nil
}

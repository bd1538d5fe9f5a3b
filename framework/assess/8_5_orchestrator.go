package assess

import (
	"slices"

	"github.com/bulkhead-security/bulkhead/model"
)

// orchestratorChecks answer for clause 8.5. On a host without orchestrator the engine is judged as the manager of
// containers; what only an orchestrator can have is not_applicable there, with the reason.
func orchestratorChecks() []Check {
	return slices.Concat(
		sourceChecks(), kubeSourceChecks(), // 8.5.a
		restartChecks(), watchChecks(), limitChecks(), clusterChecks(), // 8.5.b
		rightChecks(), secretChecks(), kubeRightChecks(), swarmRightChecks(), // 8.5.c
		signInChecks(), // 8.5.d
		levelChecks(),  // 8.5.e, 8.5.f
	)
}

// benchKube is what references to the CIS Kubernetes Benchmark start with.
const benchKube = "CIS Kubernetes 1.9 "

// clusterAt returns the cluster when the part of it is known, else records why there is nothing to judge.
func clusterAt(in *Input, r *Recorder, ptr string) *model.Kubernetes {
	if g, ok := in.Gap(ptr); ok && g.Reason != model.GapAbsent {
		r.Gap(ptr, "", g)
		return nil
	}
	if in.Snap.Kubernetes == nil {
		r.NotApplicable("/kubernetes", say("no Kubernetes cluster was given to assess", "未指定要评估的 Kubernetes 集群"))
	}
	return in.Snap.Kubernetes
}

// swarmActive says whether this node is part of a swarm.
func swarmActive(in *Input) bool {
	return in.Snap.Swarm != nil && in.Snap.Swarm.State == "active"
}

// swarmManager returns the swarm as a manager sees it, else records why there is nothing to judge. What managers know
// is judged on managers.
func swarmManager(in *Input, r *Recorder) *model.Swarm {
	if g, ok := in.Gap("/swarm"); ok && g.Reason != model.GapAbsent {
		r.Gap("/swarm", "", g)
		return nil
	}
	switch {
	case !swarmActive(in):
		r.NotApplicable("/swarm", say("this node is not part of a swarm", "本节点不属于 Swarm 集群"))
	case !in.Snap.Swarm.Manager:
		r.NotApplicable("/swarm/manager", say("this node is a worker; its managers are to be assessed", "本节点是工作节点，应在管理节点上评估"))
	default:
		return in.Snap.Swarm
	}
	return nil
}

// systemNamespace is a namespace of the cluster's own parts.
func systemNamespace(name string) bool {
	return name == "kube-system" || name == "kube-public" || name == "kube-node-lease"
}

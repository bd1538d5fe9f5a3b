package assess

import "github.com/bulkhead-security/bulkhead/model"

// watchChecks answer for 8.5.b: the loss of the host itself is noticed, so that what ran there can be brought up elsewhere.
func watchChecks() []Check {
	return []Check{
		{
			ID: "8.5.b/node-watch", Severity: model.Medium,
			Title:      say("The loss of this host is noticed", "本主机失联会被发现"),
			References: []string{"NIST SP 800-190 4.3.5", "ATT&CK T1499"},
			Remediation: say(
				"Make the host a node of a Bulkhead control plane: `bulkhead nodes join-token` there, then here, as root: bulkhead agent --join URL --token-file FILE (docs/agent.md). An agent that is not connected says why: bulkhead agent status",
				"将本主机加入 Bulkhead 控制平面：先在控制平面执行 `bulkhead nodes join-token`，再在本机以 root 执行 bulkhead agent --join URL --token-file FILE（见 docs/agent.md）。代理未连接的原因可用 bulkhead agent status 查看"),
			Eval: evalNodeWatch,
		},
	}
}

func evalNodeWatch(in *Input, r *Recorder) {
	s := in.Snap
	c, i, runs := in.Control(model.ControlAgent)
	connected, j, _ := setting(c.Facts, "connected")
	switch {
	case runs && connected == "yes":
		r.Pass(pointer("controls", i, "facts", j), c.Name, say("the agent is connected: a control plane notices within 30 s when it is silent", "代理已连接：失联后控制平面会在 30 秒内发现"))
	case swarmActive(in) && !(s.Swarm.Manager && s.Swarm.Managers+s.Swarm.Workers == 1):
		r.Pass("/swarm/state", "swarm", say("the managers of the Swarm notice it, and move its tasks", "Swarm 管理节点会发现并迁移其任务"))
	case nodeOfCluster(in):
		r.Pass("/kubernetes", "kubernetes", say("the control plane of the cluster notices it, and replaces its pods", "集群控制平面会发现并替换其 Pod"))
	case runs:
		r.Warn(pointer("controls", i, "facts"), c.Name, say("the agent runs and is not connected: nobody notices the loss of the host now", "代理正在运行但未连接：目前主机失联不会被发现"))
	case s.Host == nil && s.Engine == nil && s.Kubernetes != nil:
		r.NotApplicable("/kubernetes", say("a cluster was looked at, and no host", "检查对象是集群，而不是主机"))
	case r.Missing(in, "/controls"):
	default:
		r.Fail("/controls", model.ControlAgent, say("no agent runs here and no orchestrator of several nodes watches the host", "本机没有运行代理，也没有多节点的编排系统监视本主机"))
	}
}

// nodeOfCluster says whether the host is a node of a Kubernetes cluster of several; that a cluster can be reached from it does not make
// it one.
func nodeOfCluster(in *Input) bool {
	k := in.Snap.Kubernetes
	if k != nil && len(k.Nodes) == 1 {
		return false
	}
	for i := range in.Snap.Containers {
		if in.Snap.Containers[i].Orchestrated == "kubernetes" {
			return true
		}
	}
	if k == nil || in.Snap.Host == nil {
		return false
	}
	for i := range k.Nodes {
		if k.Nodes[i].Name == in.Snap.Node.Name {
			return true
		}
	}
	return false
}

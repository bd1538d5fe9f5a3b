package assess

import (
	"strconv"
	"strings"

	"github.com/bulkhead-security/bulkhead/model"
)

// pointer joins tokens to a JSON pointer, escaping them (RFC 6901).
func pointer(tokens ...any) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteByte('/')
		switch v := t.(type) {
		case int:
			b.WriteString(strconv.Itoa(v))
		case string:
			if strings.ContainsAny(v, "~/") {
				v = strings.ReplaceAll(strings.ReplaceAll(v, "~", "~0"), "/", "~1")
			}
			b.WriteString(v)
		}
	}
	return b.String()
}

// placed is a workload and where it stands in the snapshot.
type placed struct {
	w       *model.Workload
	pointer string // of the workload
	subject string // its name
	// container is set for a container of the engine, with its place.
	container *model.Container
	base      string // pointer of the container, pod's container or service
}

// workloads lists everything that runs on the node or cluster: running containers, Swarm services without a container
// here, containers of pods. Pods of kube-system are left out when system is false. Nobody changes what is given.
func (in *Input) workloads(system bool) []placed {
	kept := &in.own
	if system {
		kept = &in.all
	}
	if *kept == nil {
		*kept = in.listWorkloads(system)
	}
	return *kept
}

func (in *Input) listWorkloads(system bool) []placed {
	out := make([]placed, 0, len(in.Snap.Containers))
	for i := range in.Snap.Containers {
		c := &in.Snap.Containers[i]
		if !active(c.State) {
			continue
		}
		base := pointer("containers", i)
		out = append(out, placed{&c.Workload, base + "/workload", c.Name, c, base})
	}
	if k := in.Snap.Kubernetes; k != nil {
		for i := range k.Pods {
			p := &k.Pods[i]
			if p.Namespace == "kube-system" && !system || p.Phase == "Succeeded" || p.Phase == "Failed" {
				continue
			}
			for j := range p.Containers {
				base := pointer("kubernetes", "pods", i, "containers", j)
				name := p.Namespace + "/" + p.Name + "/" + p.Containers[j].Name
				out = append(out, placed{&p.Containers[j].Workload, base + "/workload", name, nil, base})
			}
		}
	}
	return out
}

// active says whether a container in the state can do harm now.
func active(state string) bool {
	switch state {
	case "running", "paused", "restarting":
		return true
	}
	return false
}

// eachWorkload asks the question of every workload: judge records what is wrong and returns true, or returns false
// when all is well. The good ones are recorded together in one sentence. It handles missing evidence and the absence
// of workloads.
func eachWorkload(in *Input, r *Recorder, good model.Text, judge func(p placed) bool) {
	if missingWorkloads(in, r) {
		return
	}
	all := in.workloads(false)
	if len(all) == 0 {
		r.NotApplicable("/containers", say("no container is running", "没有正在运行的容器"))
		return
	}
	fine := 0
	for _, p := range all {
		if p.container != nil {
			if g, ok := findGap(p.container.Gaps, "/workload"); ok {
				r.Gap(p.pointer, p.subject, g)
				continue
			}
		}
		if !judge(p) {
			fine++
		}
	}
	passRest(r, "/containers", fine, len(all), good)
}

// missingWorkloads records a gap over all containers, unless a cluster gave workloads instead. Pods that could not be
// read are unknown beside the engine's containers, which are judged all the same.
func missingWorkloads(in *Input, r *Recorder) bool {
	if g, ok := in.Gap("/kubernetes/pods"); ok && g.Reason != model.GapAbsent && g.Path != "" && g.Path != "/" {
		r.Gap("/kubernetes/pods", "", g)
	}
	if in.Snap.Kubernetes != nil && len(in.Snap.Kubernetes.Pods) > 0 && len(in.Snap.Containers) == 0 {
		return false
	}
	return r.Missing(in, "/containers")
}

// passRest records that the good ones of all are as the sentence says.
func passRest(r *Recorder, ptr string, good, all int, t model.Text) {
	if good == 0 {
		return
	}
	r.Pass(ptr, "", say("%d of %d: %[3]s", "%d / %d：%[4]s", good, all, t.EN, t.ZH))
}

// control records whether a part of the product enforces (pass), only observes (warn) or does not run (absent).
func control(in *Input, r *Recorder, name string, absent model.CheckStatus) {
	c, i, ok := in.Control(name)
	switch {
	case ok && c.Mode == model.ModeEnforce:
		r.Pass(pointer("controls", i), name, say("%s runs and enforces", "%s 正在运行并强制执行", name))
	case ok:
		r.Warn(pointer("controls", i), name, say("%s runs in mode %s only", "%s 仅以 %s 模式运行", name, string(c.Mode)))
	case r.Missing(in, "/controls"):
	default:
		r.add(absent, "/controls", name, say("%s does not run on this node: /run/bulkhead/controls/%[1]s.json is missing (docs/controls.md)", "本节点未运行 %s：没有 /run/bulkhead/controls/%[1]s.json（见 docs/controls.md）", name))
	}
}

package assess

import (
	"fmt"
	"slices"

	"github.com/bulkhead-security/bulkhead/model"
)

// restartChecks answer for 8.5.b on one host: what stops comes back by itself, and what is ill is noticed.
func restartChecks() []Check {
	return []Check{
		{
			ID: "8.5.b/restart-policy", Severity: model.High, Essential: true,
			Title:       say("Containers come back by themselves after a failure", "容器故障后会自动恢复"),
			References:  []string{"NIST SP 800-190 4.4.3"},
			Remediation: say("docker update --restart=on-failure:5 NAME; in Kubernetes run the pod through a Deployment.", "docker update --restart=on-failure:5 NAME；在 Kubernetes 中通过 Deployment 运行 Pod。"),
			Eval:        evalRestartPolicy,
		},
		{
			ID: "8.5.b/restart-limit", Severity: model.Low,
			Title:       say("Restarts after failures are limited", "故障重启次数受到限制"),
			References:  []string{benchReference + "5.15"},
			Remediation: say("docker update --restart=on-failure:5 NAME; assess.restart_max sets the largest accepted count.", "docker update --restart=on-failure:5 NAME；可接受的最大次数由 assess.restart_max 设定。"),
			Eval:        evalRestartLimit,
		},
		{
			ID: "8.5.b/live-restore", Severity: model.Medium,
			Title:       say("Containers outlive a restart of the daemon", "守护进程重启时容器继续运行"),
			References:  []string{benchReference + "2.15"},
			Remediation: say(`In /etc/docker/daemon.json: "live-restore": true; then systemctl reload docker`, `在 /etc/docker/daemon.json 中设置 "live-restore": true，然后执行 systemctl reload docker`),
			Eval:        evalLiveRestore,
		},
		{
			ID: "8.5.b/health-checks", Severity: model.Medium,
			Title:       say("The health of running containers is checked", "检查运行中容器的健康状况"),
			References:  []string{benchReference + "5.27"},
			Remediation: say("docker run --health-cmd='PROGRAM' --health-interval=30s ...; in Kubernetes give the container a livenessProbe or readinessProbe.", "docker run --health-cmd='PROGRAM' --health-interval=30s ...；在 Kubernetes 中为容器配置 livenessProbe 或 readinessProbe。"),
			Eval: func(in *Input, r *Recorder) {
				eachWorkload(in, r, say("health is checked", "已配置健康检查"), func(p placed) bool {
					if p.w.HasHealthcheck || runsOnce(in, p) {
						return false
					}
					r.Fail(p.pointer+"/has_healthcheck", p.subject, say("no health check", "没有健康检查"))
					return true
				})
			},
		},
		{
			ID: "8.5.b/image-health", Severity: model.Low,
			Title:       say("Images bring a health check", "镜像自带健康检查"),
			References:  []string{benchReference + "4.6"},
			Remediation: say("Add to the Dockerfile: HEALTHCHECK --interval=30s --timeout=3s CMD [\"/app\", \"health\"]", "在 Dockerfile 中加入：HEALTHCHECK --interval=30s --timeout=3s CMD [\"/app\", \"health\"]"),
			Eval:        evalImageHealth,
		},
		{
			ID: "8.5.b/healthy", Severity: model.High,
			Title:       say("No container is ill or keeps failing", "没有容器处于异常状态或反复失败"),
			Remediation: say("Read why: docker logs NAME, docker inspect -f '{{json .State}}' NAME (kubectl describe pod, kubectl logs --previous); repair or remove it.", "查明原因：docker logs NAME、docker inspect -f '{{json .State}}' NAME（或 kubectl describe pod、kubectl logs --previous），并修复或移除。"),
			Eval:        evalHealthy,
		},
		{
			ID: "8.5.b/control-plane", Severity: model.Low,
			Title:      say("Failure of a node is noticed and handled", "节点故障会被发现并处理"),
			References: []string{"NIST SP 800-190 4.3.5"},
			Remediation: say(
				"The product's part control-plane notices a lost node once it runs and announces itself in /run/bulkhead/controls/control-plane.json (docs/controls.md). Until then let your monitoring watch the node and its engine, e.g. with: docker -H unix:///run/docker.sock info --format '{{.ServerVersion}}'",
				"本产品的 control-plane 组件运行并在 /run/bulkhead/controls/control-plane.json 中登记（见 docs/controls.md）后，会发现失联的节点。在此之前请用现有监控系统检查节点及其引擎，例如：docker -H unix:///run/docker.sock info --format '{{.ServerVersion}}'"),
			Eval: func(in *Input, r *Recorder) { control(in, r, model.ControlPlane, model.CheckWarn) },
		},
	}
}

// orchestrated says that an orchestrator replaces the container when it fails.
func orchestrated(p placed) bool {
	return p.container != nil && (p.container.Orchestrated == "swarm" || p.container.Orchestrated == "kubernetes")
}

// podOf returns the pod of a workload of a cluster, and its container.
func podOf(in *Input, p placed) (*model.KubePod, *model.KubeContainer) {
	var i, j int
	if n, err := fmt.Sscanf(p.base, "/kubernetes/pods/%d/containers/%d", &i, &j); n != 2 || err != nil {
		return nil, nil
	}
	pod := &in.Snap.Kubernetes.Pods[i]
	return pod, &pod.Containers[j]
}

// runsOnce says that a pod's container ends by itself: there is nothing to keep running.
func runsOnce(in *Input, p placed) bool {
	pod, c := podOf(in, p)
	return pod != nil && (c.Init || p.w.Restart != "always")
}

func evalRestartPolicy(in *Input, r *Recorder) {
	eachWorkload(in, r, say("restarted or replaced after a failure", "故障后会重启或被替换"), func(p placed) bool {
		if pod, _ := podOf(in, p); pod != nil {
			if pod.Owner == "" {
				r.Fail(p.base, p.subject, say("no controller replaces the pod when its node fails", "节点故障时没有控制器替换该 Pod"))
			}
			return pod.Owner == ""
		}
		if orchestrated(p) || (p.w.Restart != "" && p.w.Restart != "no") {
			return false
		}
		if unit := p.w.Labels["PODMAN_SYSTEMD_UNIT"]; unit != "" {
			r.Warn(p.pointer+"/labels", p.subject, say("the unit %s runs the container; whether it restarts it (Restart=) was not read", "容器由单元 %s 运行；未读取其是否自动重启（Restart=）", unit))
			return true
		}
		r.Fail(p.pointer+"/restart", p.subject, say("nothing restarts the container after a failure", "容器故障后不会被重启"))
		return true
	})
}

func evalRestartLimit(in *Input, r *Recorder) {
	most := in.Settings.RestartMax
	good := say("at most %d restarts after failures, or paced by an orchestrator", "故障重启不超过 %d 次，或由编排系统控制节奏", most)
	eachWorkload(in, r, good, func(p placed) bool {
		ptr := p.pointer + "/restart"
		switch {
		case p.container == nil || orchestrated(p):
			return false
		case p.w.Restart == "always" || p.w.Restart == "unless-stopped":
			r.Warn(ptr, p.subject, say("policy %s restarts without end", "策略 %s 会无限次重启", p.w.Restart))
			return true
		case p.w.Restart == "on-failure" && (p.w.RestartMax == 0 || p.w.RestartMax > most):
			r.Warn(p.pointer+"/restart_max", p.subject, say("on-failure with %d attempts (0 means no limit)", "on-failure 的重试次数为 %d（0 表示不限）", p.w.RestartMax))
			return true
		}
		return false
	})
}

func evalLiveRestore(in *Input, r *Recorder) {
	const ptr = "/engine/live_restore"
	e := engineAt(in, r, ptr)
	switch {
	case e == nil:
	case e.Product != "docker":
		r.NotApplicable("/engine/product", say("%s has no daemon that containers depend on", "%s 没有容器所依赖的守护进程", e.Product))
	case swarmActive(in):
		r.NotApplicable("/swarm", say("a node of a swarm cannot use live restore; the swarm moves its tasks", "Swarm 节点不能使用 live-restore，由 Swarm 迁移任务"))
	case e.LiveRestore:
		r.Pass(ptr, e.Product, say("live restore is on", "已启用 live-restore"))
	default:
		r.Fail(ptr, e.Product, say("live restore is off: all containers stop with the daemon", "未启用 live-restore：守护进程停止时所有容器随之停止"))
	}
}

func evalImageHealth(in *Input, r *Recorder) {
	checked := map[string]bool{}
	for _, p := range in.workloads(false) {
		if p.w.HasHealthcheck {
			checked[p.w.Image.ID] = true
		}
	}
	eachUsedImage(in, r, say("health check in the image, or given to its container", "镜像自带健康检查，或由容器指定"), func(img *model.Image, ptr string) bool {
		if img.Healthcheck || checked[img.ID] {
			return false
		}
		r.Warn(ptr+"/healthcheck", imageName(img), say("the image has no HEALTHCHECK", "镜像没有 HEALTHCHECK"))
		return true
	})
}

// manyRestarts is more than an occasional failure explains.
const manyRestarts = 10

func evalHealthy(in *Input, r *Recorder) {
	eachWorkload(in, r, say("neither unhealthy nor failing again and again", "状态正常，未反复失败"), func(p placed) bool {
		state, restarts := "", 0
		if c := p.container; c != nil {
			state, restarts = c.Health, c.Restarts
			if c.State == "restarting" {
				state = c.State
			}
		} else if _, k := podOf(in, p); k != nil {
			restarts = k.Restarts
		}
		switch {
		case state == "unhealthy":
			r.Fail(p.base+"/health", p.subject, say("the container is unhealthy", "容器不健康"))
		case state == "restarting":
			r.Fail(p.base+"/state", p.subject, say("the container keeps restarting", "容器不断重启"))
		case restarts >= manyRestarts:
			r.Fail(p.base+"/restarts", p.subject, say("the container was restarted %d times", "容器已重启 %d 次", restarts))
		default:
			return false
		}
		return true
	})
	judgeReplicas(in, r)
}

// judgeReplicas records services and deployments that run fewer replicas than were asked for.
func judgeReplicas(in *Input, r *Recorder) {
	if s := in.Snap.Swarm; s != nil && s.Manager {
		for i, svc := range s.Services {
			if slices.Contains([]string{"", "replicated"}, svc.Mode) && svc.Running < svc.Replicas {
				r.Fail(pointer("swarm", "services", i, "running"), svc.Name, say("%d of %d replicas run", "%d / %d 个副本在运行", svc.Running, svc.Replicas))
			}
		}
	}
	if k := in.Snap.Kubernetes; k != nil {
		for i, d := range k.Deployments {
			if d.Ready < d.Replicas {
				r.Fail(pointer("kubernetes", "deployments", i, "ready"), d.Namespace+"/"+d.Name, say("%d of %d replicas are ready", "%d / %d 个副本就绪", d.Ready, d.Replicas))
			}
		}
	}
}

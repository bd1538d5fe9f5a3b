package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// availability is the requirement that the loss of a node itself concerns.
const availability = "8.5.b"

// loss is what is known where a node is lost.
type loss struct {
	reason  string // why it is not heard
	stopped bool   // its agent was told to stop
	age     time.Duration
	running int // containers that ran there
	elsewhere
}

// losses say for each requirement that is judged by what the node tells what its silence means. A requirement that did not
// apply there has lost nothing.
func (s *Nodes) losses(ctx context.Context, m *model.Member, newest *model.Published, ran []model.Container) ([]*bulkheadv1.Loss, error) {
	up, err := s.elsewhere(ctx, m, ran)
	if err != nil {
		return nil, err
	}
	l := loss{reason: m.HealthReason, stopped: m.Health == model.HealthStopped, running: len(runningOf(ran)), elsewhere: up}
	// Facts that stayed the same are not sent again: what is known is as old as the node's last sign of life.
	last := m.LastSeen
	if last.IsZero() && newest != nil {
		last = newest.Published
	}
	if !last.IsZero() {
		l.age = max(s.Now().Sub(last), 0)
	}
	var out []*bulkheadv1.Loss
	for i := range s.Catalogue.Requirements {
		id := s.Catalogue.Requirements[i].ID
		status := model.Unknown
		if newest != nil && newest.Statuses[id] != "" {
			status = newest.Statuses[id]
		}
		if id != availability && (newest == nil || status == model.NotApplicable) {
			continue
		}
		t := l.text(id, status, newest != nil)
		out = append(out, &bulkheadv1.Loss{Requirement: id, Status: string(status), Text: t.EN, TextZh: t.ZH})
	}
	return out, nil
}

// text joins what was known, whether what enforces it goes on, and what can't be seen meanwhile.
func (l *loss) text(id string, status model.Status, assessed bool) model.Text {
	parts := []model.Text{l.known(status, assessed), l.host(), l.unseen(id)}
	var en, zh []string
	for _, p := range parts {
		if p.EN != "" {
			en, zh = append(en, p.EN), append(zh, p.ZH)
		}
	}
	return model.Text{EN: strings.Join(en, " "), ZH: strings.Join(zh, "")}
}

func (l *loss) known(status model.Status, assessed bool) model.Text {
	if !assessed {
		return model.Text{EN: "The node was never assessed.", ZH: "该节点从未评估过。"}
	}
	ago := ago(l.age)
	switch status {
	case model.Met:
		return model.Text{
			EN: fmt.Sprintf("Last known %s: met. Whether it still is can't be seen.", ago.EN),
			ZH: fmt.Sprintf("最后得知于%s：满足。目前是否仍满足无法得知。", ago.ZH),
		}
	case model.PartlyMet:
		return model.Text{
			EN: fmt.Sprintf("Last known %s: partly met. Neither a correction nor another fault would be seen.", ago.EN),
			ZH: fmt.Sprintf("最后得知于%s：部分满足。无论改正还是新的缺陷都看不到。", ago.ZH),
		}
	case model.NotMet:
		return model.Text{
			EN: fmt.Sprintf("Last known %s: not met. It counts as not met until the node is heard, since a correction would not be seen.", ago.EN),
			ZH: fmt.Sprintf("最后得知于%s：不满足。在重新收到该节点消息之前按不满足计，因为改正也看不到。", ago.ZH),
		}
	case model.NotApplicable:
		return model.Text{
			EN: fmt.Sprintf("Last known %s: it did not apply there.", ago.EN),
			ZH: fmt.Sprintf("最后得知于%s：在该节点上不适用。", ago.ZH),
		}
	}
	return model.Text{
		EN: fmt.Sprintf("Last known %s: unknown. It stays so until the node is heard.", ago.EN),
		ZH: fmt.Sprintf("最后得知于%s：未知。在重新收到该节点消息之前保持未知。", ago.ZH),
	}
}

// host says whether what the host enforces by itself goes on, as far as it can be told.
func (l *loss) host() model.Text {
	switch {
	case l.stopped:
		return model.Text{
			EN: "The agent was told to stop; what host and engine enforce goes on without it.", ZH: "代理是按指令停止的；主机和引擎所执行的控制不依赖它，继续有效。",
		}
	case l.reason == model.ReasonProcessGone:
		return model.Text{
			EN: "The agent is gone and the host answers: what host and engine enforce goes on.", ZH: "代理进程已不在，但主机有应答：主机和引擎所执行的控制继续有效。",
		}
	case l.reason == model.ReasonNetworkCut:
		return model.Text{
			EN: "Other nodes still reach the host: what it enforces goes on.", ZH: "其他节点仍能连到该主机：它所执行的控制继续有效。",
		}
	case l.reason == model.ReasonHostGone:
		return model.Text{
			EN: "No other node reaches the host: probably nothing runs there any more.", ZH: "其他节点都连不到该主机：很可能上面已没有任何东西在运行。",
		}
	}
	return model.Text{
		EN: "If the host runs, what it enforces goes on.", ZH: "如果主机仍在运行，它所执行的控制继续有效。",
	}
}

// unseen says what of the requirement is out of sight.
func (l *loss) unseen(id string) model.Text {
	clause := id
	if parts := strings.SplitN(id, ".", 3); len(parts) == 3 {
		clause = parts[0] + "." + parts[1]
	}
	of := l.containers()
	switch {
	case id == availability:
		return l.spread()
	case clause == "8.1":
		return model.Text{EN: of.EN + "New containers and changes inside running ones are not seen.", ZH: of.ZH + "新容器以及运行中容器内部的更改都看不到。"}
	case clause == "8.2":
		return model.Text{EN: "What the registry refuses does not depend on the node; which images it pulls, and from where, is not seen.", ZH: "镜像库自身的拒绝不依赖该节点；但它从何处拉取哪些镜像看不到。"}
	case clause == "8.3":
		return model.Text{EN: of.EN + "Images that are pulled or started meanwhile are not looked at.", ZH: of.ZH + "其间拉取或启动的镜像不会被检查。"}
	case clause == "8.4":
		return model.Text{EN: "Changes of its files, packages and services, and sign-ins, are not seen; what it records of them comes when it is back.", ZH: "其文件、软件包、服务的更改以及登录都看不到；该节点自己的记录要等它恢复后才会送达。"}
	case clause == "8.5":
		return model.Text{EN: "What the orchestrator decides elsewhere goes on; what this node does of it is not seen.", ZH: "编排系统在别处的决定照常进行；该节点执行了其中哪些看不到。"}
	case clause == "8.6":
		return model.Text{EN: of.EN + "Filters that are loaded stay; new networks and connections are not seen.", ZH: of.ZH + "已加载的过滤规则保留；新的网络和连接看不到。"}
	}
	return model.Text{EN: "Changes are not seen.", ZH: "更改看不到。"}
}

func (l *loss) containers() model.Text {
	if l.running == 0 {
		return model.Text{EN: "No container ran there when it was last heard. ", ZH: "最后一次收到消息时，上面没有容器在运行。"}
	}
	return model.Text{
		EN: fmt.Sprintf("It concerns %s there. ", counted(l.running, "container that ran", "containers that ran")),
		ZH: fmt.Sprintf("涉及当时在上面运行的 %d 个容器。", l.running),
	}
}

// spread says whether what ran there runs elsewhere, too.
func (l *loss) spread() model.Text {
	if l.running == 0 {
		return model.Text{EN: "No container ran there when it was last heard, so none is out of sight.", ZH: "最后一次收到消息时，上面没有容器在运行，因此没有容器脱离视线。"}
	}
	t := model.Text{
		EN: counted(l.running, "running container is", "running containers are") + " out of sight.",
		ZH: fmt.Sprintf("%d 个运行中的容器已脱离视线。", l.running),
	}
	if len(l.also) > 0 {
		t.EN += " Also on nodes that are up: " + namesOf(l.also, ", ") + "."
		t.ZH += "在正常节点上也有运行：" + namesOf(l.also, "、") + "。"
	}
	if len(l.only) > 0 {
		t.EN += fmt.Sprintf(" Not seen on the %s that %s looked at: %s.", counted(l.looked, "other node", "other nodes"), wasWere(l.looked), namesOf(l.only, ", "))
		t.ZH += fmt.Sprintf("在查看的其他 %d 个节点上未见：%s。", l.looked, namesOf(l.only, "、"))
	}
	return t
}

func wasWere(n int) string {
	if n == 1 {
		return "was"
	}
	return "were"
}

// namesOf lists the first of some names.
func namesOf(names []string, between string) string {
	const most = 10
	if len(names) > most {
		return strings.Join(names[:most], between) + fmt.Sprintf(" +%d", len(names)-most)
	}
	return strings.Join(names, between)
}

// ago is a span of time for people, in its largest unit.
func ago(d time.Duration) model.Text {
	for _, u := range []struct {
		of             time.Duration
		one, many, han string
	}{{24 * time.Hour, "day", "days", "天"}, {time.Hour, "hour", "hours", "小时"}, {time.Minute, "minute", "minutes", "分钟"}} {
		if d >= u.of {
			n := int(d / u.of)
			return model.Text{EN: counted(n, u.one, u.many) + " ago", ZH: fmt.Sprintf(" %d %s前", n, u.han)}
		}
	}
	n := int(d / time.Second)
	return model.Text{EN: counted(n, "second", "seconds") + " ago", ZH: fmt.Sprintf(" %d 秒前", n)}
}

func counted(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func runningOf(all []model.Container) []model.Container {
	return slices.DeleteFunc(slices.Clone(all), func(c model.Container) bool { return c.State != "running" })
}

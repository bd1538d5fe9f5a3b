package reports

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/model"
)

func said(en, zh string, args ...any) model.Text {
	return model.Text{EN: fmt.Sprintf(en, args...), ZH: fmt.Sprintf(zh, args...)}
}

// notKnown says what the report can't tell.
func (m *Maker) notKnown(r *model.Report, s *scope, w *witness) []model.Text {
	var out []model.Text
	add := func(en, zh string, args ...any) { out = append(out, said(en, zh, args...)) }
	var none, silent []string
	stale := 0
	for _, n := range s.nodes {
		switch {
		case n.at == nil:
			none = append(none, n.member.Name)
		case r.AsOf.Sub(n.at.Time) > staleAfter:
			stale++
		}
		if n.member != nil && n.member.Health == model.HealthSilent {
			silent = append(silent, n.member.Name)
		}
	}
	if n := len(none); n > 0 {
		add("Not assessed at that time, and counted nowhere above (%d): %s.", "当时没有评估，上文均未计入（%d）：%s。", n, few(none))
	}
	if n := len(silent); n > 0 {
		add("Not heard of (%d): %s. What is said of them is as old as their facts.", "失联（%d）：%s。其内容以最后的事实为准。", n, few(silent))
	}
	if stale > 0 {
		add("Nodes whose facts were more than a day old: %d.", "事实已超过一天的节点：%d 个。", stale)
	}
	if w.gaps > 0 {
		add("Nodes on which something could not be read: %d. What depends on it is unknown; their assessments say what.", "有内容无法读取的节点：%d 个。相关判断为“未知”，详见其评估。", w.gaps)
	}
	if w.unread > 0 {
		add("Nodes whose assessments were made by another version: %d. Their statuses count, their evidence is not shown.", "评估由其他版本生成的节点：%d 个。状态计入，证据未显示。", w.unread)
	}
	now := m.o.Now()
	past := now.Sub(r.AsOf) > time.Minute
	if past {
		add("Exceptions that were ended since then are not listed. Health and controls are as of when the report was made.", "此后终止的例外未列出；连接状态与控制以报告生成时为准。")
	}
	if past && (r.Scope.Pool != "" || len(r.Scope.Labels) > 0) {
		add("Pools and labels of nodes are as of when the report was made.", "节点的池与标签以报告生成时为准。")
	}
	if k := m.o.KeptAssessments; k > 0 && now.Sub(r.AsOf) > k {
		add("Assessments are kept for %d days, but for the newest of each node: what counted at that time may be gone.", "评估保留 %d 天（各节点最新的除外）：当时有效的评估可能已被删除。", days(k))
	}
	if k := m.o.KeptEvents; k > 0 && now.Sub(r.Since) > k {
		add("Events are kept for %d days: earlier changes are not known.", "事件保留 %d 天：更早的变化无从得知。", days(k))
	}
	if len(s.before) == 0 && len(s.nodes) > 0 {
		add("Nothing is known of where these nodes stood at the beginning of the time.", "起始时这些节点的状态未知。")
	}
	return out
}

// few are the first names, with how many there are more.
func few(names []string) string {
	const most = 10
	slices.Sort(names)
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + " … +" + strconv.Itoa(len(names)-most)
}

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

// maxReport bounds the text of a job's result in English.
const maxReport = 16 << 10

// lines are a job's result of some length, in both languages.
type lines struct{ en, zh strings.Builder }

// full says that there is no room for more.
func (l *lines) full() bool { return l.en.Len() >= maxReport }

func (l *lines) add(t model.Text) {
	for b, s := range map[*strings.Builder]string{&l.en: t.EN, &l.zh: t.ZH} {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(s)
	}
}

func (l *lines) text() model.Text { return model.Text{EN: l.en.String(), ZH: l.zh.String()} }

// counted says what was removed.
func counted(n map[string]int64, err error) (model.Text, error) {
	var en, zh []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		if n[k] > 0 {
			en = append(en, fmt.Sprintf("%s %d", strings.ReplaceAll(k, "_", " "), n[k]))
			zh = append(zh, fmt.Sprintf("%s %d 项", removed(k), n[k]))
		}
	}
	if len(en) == 0 {
		return model.Text{EN: "nothing was over", ZH: "没有到期的内容"}, err
	}
	return model.Text{EN: strings.Join(en, ", "), ZH: strings.Join(zh, "，")}, err
}

// removed is the Chinese name of what Prune counts. What it does not know is called as there.
func removed(kind string) string {
	names := map[string]string{ //nolint:gosec // words for people: no token is among them
		"answers": "已保存的应答", "assessments": "评估", "audit_index": "审计索引", "bundles": "下发的文档", "changes": "变更", "checkpoints": "检查点",
		"drill_results": "演练结果", "events": "事件", "exception_requests": "例外申请", "expired_access": "到期的访问申请", "findings": "发现",
		"former_objects": "超出数量的已消失对象", "jobs": "作业", "join_tokens": "加入令牌", "objects": "已消失的对象", "policy_proposals": "策略提议",
		"reports": "报告", "rollouts": "下发记录", "sessions": "会话", "throttles": "限速记录", "tickets": "票据", "tokens": "API 令牌",
	}
	if name, known := names[kind]; known {
		return name
	}
	return strings.ReplaceAll(kind, "_", " ")
}

// standing counts the requirements of a tenant by their worst status over its nodes.
func standing(latest []model.Published) model.Text {
	order := []model.Status{model.NotMet, model.Unknown, model.PartlyMet, model.Met, model.NotApplicable} // the worst first
	worst := map[string]int{}
	for _, a := range latest {
		for id, s := range a.Statuses {
			at := slices.Index(order, s)
			if was, ok := worst[id]; !ok || at < was {
				worst[id] = at
			}
		}
	}
	count := make([]int, len(order))
	for _, at := range worst {
		if at >= 0 {
			count[at]++
		}
	}
	en, zh := []string{fmt.Sprintf("%d nodes", len(latest))}, []string{fmt.Sprintf("%d 个节点", len(latest))}
	for i, s := range order {
		if count[i] > 0 {
			en = append(en, fmt.Sprintf("%d %s", count[i], report.Word("en", string(s))))
			zh = append(zh, fmt.Sprintf("%d 项%s", count[i], report.Word("zh", string(s))))
		}
	}
	return model.Text{EN: strings.Join(en, ", "), ZH: strings.Join(zh, "，")}
}

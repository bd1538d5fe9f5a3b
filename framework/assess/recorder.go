package assess

import (
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

// maxEvidence bounds the evidence of one check; what is beyond it is counted in one last piece.
const maxEvidence = 200

// Recorder collects the evidence of one check.
type Recorder struct {
	evidence []model.Evidence
	dropped  int
	worst    model.CheckStatus
}

// say makes a sentence in both languages from the same arguments in the same order (%[2]s reorders).
func say(en, zh string, args ...any) model.Text {
	if len(args) == 0 {
		return model.Text{EN: en, ZH: zh}
	}
	return model.Text{EN: fmt.Sprintf(en, args...), ZH: fmt.Sprintf(zh, args...)}
}

// Pass records a fact that is as it should be.
func (r *Recorder) Pass(pointer, subject string, t model.Text) {
	r.add(model.CheckPass, pointer, subject, t)
}

// Fail records a fact that breaks the check.
func (r *Recorder) Fail(pointer, subject string, t model.Text) {
	r.add(model.CheckFail, pointer, subject, t)
}

// Warn records a weakness that by itself does not break the clause.
func (r *Recorder) Warn(pointer, subject string, t model.Text) {
	r.add(model.CheckWarn, pointer, subject, t)
}

// Unknown records that a fact is missing.
func (r *Recorder) Unknown(pointer, subject string, t model.Text) {
	r.add(model.CheckUnknown, pointer, subject, t)
}

// NotApplicable records why the check does not apply to this node.
func (r *Recorder) NotApplicable(pointer string, t model.Text) {
	r.add(model.CheckNotApplicable, pointer, "", t)
}

// Missing records the gap that covers the pointer as unknown and reports whether there is one. Checks call it first:
//
//	if r.Missing(in, "/host/packages") { return }
func (r *Recorder) Missing(in *Input, pointer string) bool {
	g, ok := in.Gap(pointer)
	if !ok {
		return false
	}
	r.Gap(pointer, "", g)
	return true
}

// Gap records a gap as unknown.
func (r *Recorder) Gap(pointer, subject string, g model.Gap) {
	r.Unknown(pointer, subject, gapText(pointer, g))
}

func gapText(pointer string, g model.Gap) model.Text {
	t := model.Text{
		EN: fmt.Sprintf("%s could not be read (%s)", pointer, g.Reason),
		ZH: fmt.Sprintf("无法读取 %s（%s）", pointer, reasonZH(g.Reason)),
	}
	if g.Detail != "" {
		t.EN, t.ZH = t.EN+": "+g.Detail, t.ZH+"："+g.Detail
	}
	return t
}

func reasonZH(reason model.GapReason) string {
	switch reason {
	case model.GapPermission:
		return "权限不足"
	case model.GapAbsent:
		return "不存在"
	case model.GapTimeout:
		return "超时"
	case model.GapMalformed:
		return "内容无法识别"
	case model.GapLimit:
		return "达到上限"
	case model.GapUnsupported:
		return "不支持"
	case model.GapSkipped:
		return "未要求收集"
	case model.GapFailed:
		return "失败"
	}
	return string(reason)
}

func (r *Recorder) add(s model.CheckStatus, pointer, subject string, t model.Text) {
	if rank(s) > rank(r.worst) {
		r.worst = s
	}
	if len(r.evidence) >= maxEvidence {
		r.dropped++
		return
	}
	r.evidence = append(r.evidence, model.Evidence{
		Pointer: pointer, Subject: subject, Status: s, Text: t.EN, TextZH: t.ZH,
	})
}

// rank orders results: one failure decides a check, then one unknown, then a warning; not_applicable gives way to any.
func rank(s model.CheckStatus) int {
	switch s {
	case model.CheckFail:
		return 5
	case model.CheckUnknown:
		return 4
	case model.CheckWarn:
		return 3
	case model.CheckPass:
		return 2
	case model.CheckNotApplicable:
		return 1
	}
	return 0
}

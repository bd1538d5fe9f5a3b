package report

import (
	"fmt"

	"github.com/bulkhead-security/bulkhead/model"
)

// fleetWords are the words of a report of a fleet, over those of an assessment.
var fleetWords = map[string]model.Text{
	"f_kind":        {EN: "Report for auditors", ZH: "审计报告"},
	"f_as_of":       {EN: "As of", ZH: "截止时间"},
	"f_period":      {EN: "Changes since", ZH: "变化起始时间"},
	"f_scope":       {EN: "Scope", ZH: "范围"},
	"f_made_by":     {EN: "Made by", ZH: "生成者"},
	"f_made":        {EN: "Made at", ZH: "生成时间"},
	"f_product":     {EN: "Bulkhead", ZH: "Bulkhead"},
	"f_id":          {EN: "Report", ZH: "报告编号"},
	"f_digest":      {EN: "SHA-256 of the JSON form", ZH: "JSON 文件的 SHA-256"},
	"f_digest_how":  {EN: "“bulkhead report verify” tells whether a file of this report was changed.", ZH: "使用 “bulkhead report verify” 可检验本报告的文件是否被改动。"},
	"f_summary":     {EN: "Summary", ZH: "概览"},
	"f_nodes_n":     {EN: "Nodes assessed: %d", ZH: "已评估 %d 个节点"},
	"f_unassessed":  {EN: "%d not assessed", ZH: "%d 个未评估"},
	"f_silent":      {EN: "%d not heard of", ZH: "%d 个失联"},
	"f_before":      {EN: "Before", ZH: "之前"},
	"f_status":      {EN: "Status", ZH: "状态"},
	"f_requirement": {EN: "Requirement", ZH: "要求"},
	"f_by_node":     {EN: "Nodes by status", ZH: "各状态节点数"},
	"f_failing":     {EN: "What is not met, and why", ZH: "未满足的要求及原因"},
	"f_none_fail":   {EN: "No check failed on any node.", ZH: "所有节点上均无检查失败。"},
	"f_on_nodes":    {EN: "failed on %d of %d nodes", ZH: "%[2]d 个节点中 %[1]d 个失败"},
	"f_warns":       {EN: "a warning on %d", ZH: "%d 个警告"},
	"f_unknowns":    {EN: "unknown on %d", ZH: "%d 个未知"},
	"f_left_out":    {EN: "and %d more, which the assessments of the nodes have", ZH: "另有 %d 项，见各节点的评估"},
	"f_more":        {EN: "and %d more", ZH: "另有 %d 项"},
	"f_exceptions":  {EN: "Exceptions in force", ZH: "生效中的例外"},
	"f_no_ex":       {EN: "None is in force.", ZH: "没有生效中的例外。"},
	"f_covers":      {EN: "Covers", ZH: "适用于"},
	"f_owner":       {EN: "Owner", ZH: "负责人"},
	"f_reason":      {EN: "Reason", ZH: "理由"},
	"f_until":       {EN: "Last day", ZH: "最后有效日"},
	"f_recorded":    {EN: "Recorded, approved by", ZH: "登记人、批准人"},
	"f_all":         {EN: "all", ZH: "全部"},
	"f_findings":    {EN: "Open findings", ZH: "未关闭的发现"},
	"f_no_findings": {EN: "None is open.", ZH: "没有未关闭的发现。"},
	"f_severity":    {EN: "Severity", ZH: "严重程度"},
	"f_node":        {EN: "Node", ZH: "节点"},
	"f_what":        {EN: "What", ZH: "内容"},
	"f_since":       {EN: "Since", ZH: "起始"},
	"f_changes":     {EN: "What changed", ZH: "期间变化"},
	"f_no_changes":  {EN: "Nothing changed in that time.", ZH: "期间没有变化。"},
	"f_worse":       {EN: "%d worse", ZH: "%d 项变差"},
	"f_better":      {EN: "%d better", ZH: "%d 项改善"},
	"f_when":        {EN: "When (UTC)", ZH: "时间（UTC）"},
	"f_drills":      {EN: "Last drills", ZH: "最近的演练"},
	"f_no_drills":   {EN: "No results were published: nothing is proved by attack.", ZH: "没有已发布的结果：尚无控制经攻击验证。"},
	"f_verdict":     {EN: "Verdict", ZH: "结论"},
	"proved":        {EN: "proved", ZH: "已证实"},
	"not_proved":    {EN: "not proved", ZH: "未证实"},
	"cannot_run":    {EN: "could not run", ZH: "无法执行"},
	"f_controls":    {EN: "Controls and their mode", ZH: "控制及其模式"},
	"f_control":     {EN: "Control", ZH: "控制"},
	"f_serves":      {EN: "Serves", ZH: "对应要求"},
	"f_enforce":     {EN: "Enforces", ZH: "强制执行"},
	"f_observe":     {EN: "Observes", ZH: "仅观察"},
	"f_missing":     {EN: "Does not run", ZH: "未运行"},
	"f_later":       {EN: "not in this version", ZH: "此版本尚未提供"},
	"f_controls_at": {EN: "Number of nodes, when the report was made.", ZH: "报告生成时的节点数。"},
	"f_not_known":   {EN: "What is not known", ZH: "未知事项"},
	"f_all_known":   {EN: "Every node of the scope was assessed and is heard of.", ZH: "范围内的所有节点均已评估且可联系。"},
	"f_each_node":   {EN: "Each node", ZH: "各节点"},
	"f_no_nodes":    {EN: "There is no node in this scope.", ZH: "此范围内没有节点。"},
	"f_none":        {EN: "not assessed", ZH: "未评估"},
	"f_audit":       {EN: "Audit log", ZH: "审计日志"},
	"f_audit_how":   {EN: "Where the logs stood when this report was made. A log that later does not continue from here has lost records: “bulkhead audit verify” tells.", ZH: "报告生成时各日志的位置。若日志之后不能由此延续，说明有记录丢失，可用 “bulkhead audit verify” 检验。"},
	"f_records":     {EN: "Records", ZH: "记录数"},
	"f_root":        {EN: "Root", ZH: "根哈希"},
	"f_log":         {EN: "Log", ZH: "日志"},
	"f_facts":       {EN: "Facts of", ZH: "事实时间"},
	"f_health":      {EN: "Heard of", ZH: "连接状态"},
	"up":            {EN: "up", ZH: "正常"},
	"silent":        {EN: "silent", ZH: "失联"},
	"stopped":       {EN: "stopped", ZH: "已停止"},
	"revoked":       {EN: "revoked", ZH: "已吊销"},
	"f_gone":        {EN: "not in the fleet", ZH: "不在集群中"},
	"joined":        {EN: "joined", ZH: "加入"},
	"back":          {EN: "back", ZH: "恢复"},
	"flapping":      {EN: "comes and goes", ZH: "时断时续"},
	"steady":        {EN: "steady again", ZH: "恢复稳定"},
	"status":        {EN: "status", ZH: "状态变化"},
	"finding":       {EN: "finding", ZH: "发现"},
	"changed":       {EN: "changed while away", ZH: "离线期间变化"},
	"reuse":         {EN: "old certificate", ZH: "旧证书"},
	"clock":         {EN: "clock", ZH: "时钟"},
	"join-refused":  {EN: "join refused", ZH: "加入被拒"},
	"rollout":       {EN: "roll-out", ZH: "配置下发"},
}

func fleetWord(lang string, key any, args ...any) string {
	k := fmt.Sprint(key)
	t, ok := fleetWords[k]
	if !ok {
		return word(lang, k, args...)
	}
	if len(args) == 0 {
		return t.In(lang)
	}
	return fmt.Sprintf(t.In(lang), args...)
}

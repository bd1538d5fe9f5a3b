package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-security/bulkhead/model"
)

// words are the words of the interface. Texts of checks and requirements come with the assessment.
var words = map[string]model.Text{
	"colon":          {EN: ": ", ZH: "："},
	"title":          {EN: "Container security assessment", ZH: "容器安全评估"},
	"standard":       {EN: "ITU-T X.1643, clause 8", ZH: "ITU-T X.1643 第 8 章"},
	"node":           {EN: "Node", ZH: "节点"},
	"host":           {EN: "System", ZH: "系统"},
	"time":           {EN: "Time", ZH: "时间"},
	"seen_by":        {EN: "Seen by", ZH: "采集者"},
	"root":           {EN: "root", ZH: "root"},
	"limited":        {EN: "user %d: sees less than root", ZH: "用户 %d：可见范围小于 root"},
	"version":        {EN: "version %s", ZH: "版本 %s"},
	"score":          {EN: "%d of %d met", ZH: "%[2]d 项中 %[1]d 项满足"},
	"binding":        {EN: "Binding (shall, shall not)", ZH: "强制性要求（须、不得）"},
	"recommended":    {EN: "Recommended (should)", ZH: "建议性要求（应）"},
	"excepted":       {EN: "exception in force", ZH: "例外生效中"},
	"excepted_n":     {EN: "%d with an exception for every failure", ZH: "%d 项的全部失败已列入例外"},
	"essential":      {EN: "essential", ZH: "必要"},
	"todo":           {EN: "What to do", ZH: "处理方法"},
	"evidence":       {EN: "Evidence", ZH: "证据"},
	"checks":         {EN: "Checks", ZH: "检查项"},
	"references":     {EN: "References", ZH: "参考"},
	"asks":           {EN: "What it asks", ZH: "要求内容"},
	"why":            {EN: "Why", ZH: "原因"},
	"threats":        {EN: "Threats", ZH: "相关威胁"},
	"more_evidence":  {EN: "and %d more", ZH: "另有 %d 项"},
	"more_checks":    {EN: "%d more checks: bulkhead assess --explain %s", ZH: "另有 %d 个检查项：bulkhead assess --explain %s"},
	"gaps":           {EN: "What could not be seen", ZH: "未能采集的内容"},
	"no_gaps":        {EN: "Everything that was looked for could be read.", ZH: "所需内容均已读取。"},
	"remedy":         {EN: "to close it", ZH: "补救"},
	"more_gaps":      {EN: "and %d more; --verbose lists them all", ZH: "另有 %d 项；--verbose 列出全部"},
	"exceptions":     {EN: "Exceptions", ZH: "例外"},
	"in_force":       {EN: "in force until %s", ZH: "有效期至 %s"},
	"expired":        {EN: "expired on %s, covers nothing", ZH: "已于 %s 过期，不再生效"},
	"owner":          {EN: "owner", ZH: "负责人"},
	"reason":         {EN: "reason", ZH: "理由"},
	"covers":         {EN: "covers %s", ZH: "适用于 %s"},
	"covers_all":     {EN: "covers everything", ZH: "适用于全部对象"},
	"exception":      {EN: "Exception", ZH: "例外"},
	"owner_reason":   {EN: "owner: %s; reason: %s", ZH: "负责人：%s；理由：%s"},
	"no_exceptions":  {EN: "No exceptions are recorded.", ZH: "没有登记例外。"},
	"legend":         {EN: "Legend", ZH: "图例"},
	"next":           {EN: "Next", ZH: "下一步"},
	"next_explain":   {EN: "all evidence of one requirement", ZH: "查看一项要求的全部证据"},
	"next_html":      {EN: "the whole report as a page", ZH: "以网页形式查看完整报告"},
	"next_diff":      {EN: "what changed since", ZH: "查看之后的变化"},
	"no_checks":      {EN: "No check answers for this requirement yet.", ZH: "尚无检查项对应此要求。"},
	"overview":       {EN: "All requirements", ZH: "全部要求"},
	"requirements":   {EN: "Requirements", ZH: "要求"},
	"filters":        {EN: "Filter", ZH: "筛选"},
	"status":         {EN: "Status", ZH: "状态"},
	"keyword":        {EN: "Force", ZH: "约束力"},
	"clause":         {EN: "Clause", ZH: "章节"},
	"severity":       {EN: "Severity of failed checks", ZH: "未通过检查项的严重程度"},
	"search":         {EN: "Search", ZH: "搜索"},
	"reset":          {EN: "Reset", ZH: "重置"},
	"open_all":       {EN: "Open all", ZH: "全部展开"},
	"close_all":      {EN: "Close all", ZH: "全部收起"},
	"copy":           {EN: "Copy", ZH: "复制"},
	"copied":         {EN: "Copied", ZH: "已复制"},
	"shown":          {EN: "shown", ZH: "项显示"},
	"nothing":        {EN: "No requirement matches the filter.", ZH: "没有符合筛选条件的要求。"},
	"language":       {EN: "Language", ZH: "语言"},
	"theme":          {EN: "Appearance", ZH: "外观"},
	"theme_system":   {EN: "System", ZH: "跟随系统"},
	"theme_light":    {EN: "Light", ZH: "浅色"},
	"theme_dark":     {EN: "Dark", ZH: "深色"},
	"skip":           {EN: "Skip to the requirements", ZH: "跳到要求列表"},
	"footer":         {EN: "Made by Bulkhead from facts collected on the node. This page loads nothing from anywhere.", ZH: "由 Bulkhead 根据节点上采集的事实生成。本页面不从任何地方加载内容。"},
	"diff_title":     {EN: "What changed", ZH: "变化"},
	"before":         {EN: "before", ZH: "之前"},
	"after":          {EN: "after", ZH: "之后"},
	"no_change":      {EN: "Nothing changed.", ZH: "没有变化。"},
	"checks_changed": {EN: "Checks that changed", ZH: "变化的检查项"},
	"appeared":       {EN: "new", ZH: "新增"},
	"gone":           {EN: "gone", ZH: "消失"},
	"gaps_opened":    {EN: "Gaps that opened", ZH: "新出现的采集缺口"},
	"gaps_closed":    {EN: "Gaps that closed", ZH: "已消除的采集缺口"},
	"other_node":     {EN: "These are two different nodes.", ZH: "这是两个不同的节点。"},
	"not_there":      {EN: "not there", ZH: "不存在"},

	"met":            {EN: "met", ZH: "满足"},
	"partly_met":     {EN: "partly met", ZH: "部分满足"},
	"not_met":        {EN: "not met", ZH: "不满足"},
	"unknown":        {EN: "unknown", ZH: "未知"},
	"not_applicable": {EN: "not applicable", ZH: "不适用"},
	"pass":           {EN: "pass", ZH: "通过"},
	"fail":           {EN: "fail", ZH: "未通过"},
	"warn":           {EN: "warning", ZH: "警告"},
	"shall":          {EN: "shall", ZH: "须"},
	"shall_not":      {EN: "shall not", ZH: "不得"},
	"should":         {EN: "should", ZH: "应"},
	"critical":       {EN: "critical", ZH: "严重"},
	"high":           {EN: "high", ZH: "高"},
	"medium":         {EN: "medium", ZH: "中"},
	"low":            {EN: "low", ZH: "低"},
	"permission":     {EN: "no permission", ZH: "权限不足"},
	"absent":         {EN: "not there", ZH: "不存在"},
	"timeout":        {EN: "no answer in time", ZH: "超时未应答"},
	"malformed":      {EN: "not understood", ZH: "无法解析"},
	"limit":          {EN: "too large", ZH: "超出限制"},
	"unsupported":    {EN: "not supported here", ZH: "此处不支持"},
	"skipped":        {EN: "not asked for", ZH: "未要求采集"},
	"failed":         {EN: "failed", ZH: "失败"},
}

// Word is the name of a status, keyword, severity or reason of a gap in the language.
func Word(lang, key string) string { return word(lang, key) }

// word returns the interface's word; a key from outside that the table does not know is shown as it is.
func word(lang, key string, args ...any) string {
	t, ok := words[key]
	if !ok {
		return clean(key)
	}
	if len(args) == 0 {
		return t.In(lang)
	}
	return fmt.Sprintf(t.In(lang), args...)
}

// pick chooses between the two languages of a field and cleans it; the other language stands in for an empty one.
func pick(lang, en, zh string) string {
	if s := (model.Text{EN: en, ZH: zh}).In(lang); strings.TrimSpace(s) != "" {
		return s
	}
	return zh
}

// mentions says whether a sentence names the subject, as a word of its own.
func mentions(s, subject string) bool {
	if subject == "" {
		return true // nothing is everywhere
	}
	part := func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)) || strings.ContainsRune("-_/@", r)
	}
	for i := 0; ; {
		n := strings.Index(s[i:], subject)
		if n < 0 {
			return false
		}
		i += n
		before, _ := utf8.DecodeLastRuneInString(s[:i])
		i += len(subject)
		after, _ := utf8.DecodeRuneInString(s[i:])
		if !part(before) && !part(after) {
			return true
		}
	}
}

package report

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
)

// Names that a container, a file or an answer may have when its owner means harm.
const (
	hostileName = "web\x1b[2J\x1b]0;owned\x07<script>alert(1)</script>\u202egpj.exe"
	longName    = "registry.example.com/a-team/with/a/rather/long/path/and-a-very-long-image-name-that-never-ends-1234567890@sha256:7d865e959b2466918c9863afca942d0fb89d7c9ac0c99bafc3749504ded97730"
	cjkName     = "订单服务-数据库主节点"
)

// testCatalogue is a recorded catalogue, so that a better word in the real one breaks no test here.
func testCatalogue(t testing.TB) *catalogue.Catalogue {
	t.Helper()
	b, err := os.ReadFile("testdata/catalogue.json")
	if err != nil {
		t.Fatal(err)
	}
	cat := &catalogue.Catalogue{}
	if err := json.Unmarshal(b, cat); err != nil {
		t.Fatal(err)
	}
	return cat
}

// sampleAssessment covers all requirements of the catalogue with every status, long evidence, both languages, names
// from hostile hands, exceptions in force and expired, and gaps.
func sampleAssessment(t testing.TB) *model.Assessment {
	t.Helper()
	a := &model.Assessment{
		Schema: model.AssessmentSchema,
		Node:   model.Node{Name: "node-7.example.com", ID: "b1946ac92492", Version: "0.1.0", UID: 1000},
		Host:   "Debian 12, Docker 28.5.1",
		Time:   time.Date(2026, 11, 20, 8, 30, 15, 0, time.UTC),
		Summary: model.Summary{
			ByStatus:  map[model.Status]int{},
			ByKeyword: map[model.Keyword]model.StatusTally{},
			Checks:    map[model.CheckStatus]int{},
		},
		Gaps: []model.Gap{
			{Path: "/host/sshd", Collector: "host", Reason: model.GapPermission, Detail: "open /etc/ssh/sshd_config: permission denied", Remedy: "run as root"},
			{Path: "/containers/3/changes", Collector: "docker", Reason: model.GapTimeout, Detail: "no answer about " + hostileName + " within 10s"},
			{Path: "/kubernetes", Collector: "kubernetes", Reason: model.GapSkipped, Remedy: "give --kubeconfig FILE"},
		},
	}
	order := []model.Status{model.NotMet, model.Met, model.PartlyMet, model.Unknown, model.Met, model.NotApplicable, model.NotMet}
	for i, q := range testCatalogue(t).Requirements {
		r := model.RequirementResult{ID: q.ID, Keyword: q.Keyword, Title: q.Title.EN, TitleZH: q.Title.ZH, Status: order[i%len(order)]}
		r.Checks = sampleChecks(r)
		r.Reason, r.ReasonZH = "all checks pass", "所有检查均通过"
		if r.Status != model.Met {
			r.Reason, r.ReasonZH = "fails: "+r.Checks[0].Title, "未通过："+r.Checks[0].TitleZH
		}
		r.Excepted = q.ID == "8.2.d"
		add(&a.Summary, r)
		a.Requirements = append(a.Requirements, r)
	}
	return a
}

func add(s *model.Summary, r model.RequirementResult) {
	s.Total++
	s.ByStatus[r.Status]++
	if s.ByKeyword[r.Keyword] == nil {
		s.ByKeyword[r.Keyword] = model.StatusTally{}
	}
	s.ByKeyword[r.Keyword][r.Status]++
	if r.Excepted {
		s.Excepted++
	}
	for _, c := range r.Checks {
		s.Checks[c.Status]++
	}
}

func sampleChecks(r model.RequirementResult) []model.CheckResult {
	first := map[model.Status]model.CheckStatus{
		model.NotMet: model.CheckFail, model.PartlyMet: model.CheckWarn, model.Unknown: model.CheckUnknown,
		model.Met: model.CheckPass, model.NotApplicable: model.CheckNotApplicable,
	}[r.Status]
	checks := []model.CheckResult{
		{
			ID: r.ID + "/socket-mode", Severity: model.Critical, Essential: true, Status: first,
			Title: "Only root and the engine's group reach the daemon's socket", TitleZH: "仅 root 与引擎用户组可访问守护进程套接字",
			References: []string{"CIS Docker 3.15", "NIST SP 800-190 4.4.2", "ATT&CK T1611"},
			Evidence:   sampleEvidence(first),
		},
		{
			ID: r.ID + "/users", Severity: model.Medium, Status: model.CheckPass, References: []string{},
			Title: "The engine's group holds accepted accounts only", TitleZH: "引擎用户组仅包含许可的账户",
			Evidence: []model.Evidence{{Pointer: "/host/groups/4", Subject: "docker", Status: model.CheckPass, Text: "has no members", TextZH: "没有成员"}},
		},
	}
	if bad(first) {
		checks[0].Remediation = "chown root:docker /run/docker.sock && chmod 660 /run/docker.sock.\nKeep it in docker.socket:\n  [Socket]\n  SocketMode=0660"
		checks[0].RemediationZH = "chown root:docker /run/docker.sock && chmod 660 /run/docker.sock。\n在 docker.socket 中长期生效：\n  [Socket]\n  SocketMode=0660"
	}
	if r.Status == model.NotMet {
		for i := range 4 {
			c := checks[0]
			c.ID, c.Severity, c.Essential = fmt.Sprintf("%s/extra-%d", r.ID, i), model.Low, false
			c.Title, c.TitleZH = fmt.Sprintf("Further check number %d on the way in which things are set up", i), fmt.Sprintf("关于配置方式的第 %d 项补充检查", i)
			checks = append(checks, c)
		}
	}
	return checks
}

func sampleEvidence(s model.CheckStatus) []model.Evidence {
	if !bad(s) {
		return []model.Evidence{{Pointer: "/containers", Status: s, Text: "3 of 3: as it should be", TextZH: "3 / 3：符合要求"}}
	}
	ev := []model.Evidence{
		{Pointer: "/containers/0/workload", Subject: hostileName, Status: s, Text: hostileName + " mounts /var/run/docker.sock", TextZH: hostileName + " 挂载了 /var/run/docker.sock"},
		{Pointer: "/containers/1/workload", Subject: cjkName, Status: s, Text: "runs privileged, with all capabilities and the host's network, process and IPC namespaces", TextZH: "以特权方式运行，拥有全部能力，并使用主机的网络、进程与 IPC 命名空间"},
		{
			Pointer: "/images/2", Subject: longName, Status: s, Text: "is addressed by a moving tag", TextZH: "使用可变标签引用",
			Exception: &model.Exception{Check: "8.3.d", Subject: "registry.*", Owner: "ana@example.com", Reason: "vendor image, digest promised for March", Expires: "2027-03-31"},
		},
		{
			Pointer: "/containers/4", Subject: "ci-runner", Status: s, Text: "holds the engine's socket", TextZH: "持有引擎套接字",
			Exception: &model.Exception{Check: "8.1.c", Subject: "ci-*", Owner: "bo@example.com", Reason: "build agent <b>old</b>", Expires: "2026-01-31", Expired: true},
		},
		{Pointer: "/containers/5", Subject: "good", Status: model.CheckPass, Text: "is as it should be", TextZH: "符合要求"},
	}
	for i := range 12 {
		ev = append(ev, model.Evidence{Pointer: fmt.Sprintf("/containers/%d", 10+i), Subject: fmt.Sprintf("worker-%02d", i), Status: s, Text: "has no memory limit", TextZH: "未设置内存限制"})
	}
	return ev
}

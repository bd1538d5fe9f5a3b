package reports

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

// errEnough ends a list that is long enough.
var errEnough = errors.New("enough")

func enough(err error) error {
	if errors.Is(err, errEnough) {
		return nil
	}
	return err
}

func labelsOf(m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return out
}

// about says whether something that is about a node and a requirement ("" for none) is in the report.
func about(s *scope, b *report.FleetBuilder, node, requirement string) bool {
	return (s.all || s.member[node]) && (requirement == "" || b.Wants(requirement))
}

func (m *Maker) exceptions(ctx context.Context, r *model.Report, s *scope, b *report.FleetBuilder) error {
	f, names := b.Fleet(), map[string]string{}
	for _, n := range s.nodes {
		if n.member != nil {
			names[n.member.ID] = n.member.Name
		}
	}
	people := map[string]string{}
	return enough(each(ctx, model.Query{Tenant: r.Scope.Tenant}, m.o.Store.Exceptions, func(e *model.StoredException) error {
		requirement, _, _ := strings.Cut(e.Check, "/")
		switch {
		case e.Created.After(r.AsOf) || e.Expires < r.AsOf.UTC().Format(time.DateOnly):
			return nil
		case e.Node != "" && !s.all && !s.member[e.Node], len(r.Scope.Requirements) > 0 && !b.Wants(requirement):
			return nil
		case len(f.Exceptions) >= mostListed:
			return errEnough
		}
		node := e.Node
		if n := names[e.Node]; n != "" {
			node = n
		}
		f.Exceptions = append(f.Exceptions, report.FleetException{
			Exception: e.Exception, ID: e.ID, Tenant: e.Tenant, Node: node, Creator: m.person(ctx, people, e.Creator),
			Approver: m.person(ctx, people, e.Approver), Created: e.Created,
		})
		return nil
	}))
}

// person is an account's name, or its id where it is gone.
func (m *Maker) person(ctx context.Context, known map[string]string, id string) string {
	if id == "" {
		return ""
	}
	if known[id] == "" {
		known[id] = id
		if a, err := m.o.Store.Account(ctx, id); err == nil {
			known[id] = a.Name
		}
	}
	return known[id]
}

// findings are those that were seen before the time and were not over then.
func (m *Maker) findings(ctx context.Context, r *model.Report, s *scope, b *report.FleetBuilder) error {
	f, at := b.Fleet(), r.AsOf.UTC().Format(time.RFC3339Nano)
	seen := 0
	var list []report.FleetFinding
	first := model.Condition{Field: "first", Op: "<=", Value: at}
	for _, open := range []model.Condition{{Field: "over", Op: "=", Value: "false"}, {Field: "ended", Op: ">", Value: at}} {
		q := model.Query{Tenant: r.Scope.Tenant, Where: []model.Condition{first, open}}
		err := each(ctx, q, m.o.Store.Findings, func(x *model.Finding) error {
			if seen++; seen > countFindings {
				return errEnough
			}
			if !about(s, b, x.Node, x.Requirement) {
				return nil
			}
			f.Findings.Counts[x.Severity]++
			list = append(list, report.FleetFinding{
				Node: f.Label(x.Tenant, x.NodeName), Kind: x.Kind, Requirement: x.Requirement, Severity: x.Severity, Subject: x.Subject, Text: x.Text,
				First: x.First, Excepted: x.Exception != "",
			})
			if len(list) >= 4*mostFindings {
				list = gravest(list)
			}
			return nil
		})
		if err := enough(err); err != nil {
			return err
		}
	}
	all := 0
	for _, n := range f.Findings.Counts {
		all += n
	}
	f.Findings.List = append(f.Findings.List, gravest(list)...)
	f.Findings.LeftOut = all - len(f.Findings.List)
	if seen > countFindings {
		f.NotKnown = append(f.NotKnown, said("More than %d findings were open; those beyond are not counted.", "未关闭的发现超过 %d 项，其余未计入。", countFindings))
	}
	return nil
}

// gravest are as many as are listed, the gravest first.
func gravest(list []report.FleetFinding) []report.FleetFinding {
	order := []model.Severity{model.Critical, model.High, model.Medium, model.Low}
	slices.SortStableFunc(list, func(x, y report.FleetFinding) int {
		return slices.Index(order, x.Severity) - slices.Index(order, y.Severity)
	})
	return list[:min(len(list), mostFindings)]
}

// changes are what happened in the time, the newest first.
func (m *Maker) changes(ctx context.Context, r *model.Report, s *scope, b *report.FleetBuilder) error {
	f, seen := b.Fleet(), 0
	q := model.Query{Tenant: r.Scope.Tenant, Since: r.Since, Until: r.AsOf}
	err := each(ctx, q, m.o.Store.Events, func(e *model.Event) error {
		if seen++; seen > countEvents {
			return errEnough
		}
		if !about(s, b, e.Node, e.Requirement) {
			return nil
		}
		f.Changes.Counts[e.Kind]++
		if e.Kind == model.EventStatus {
			switch before, after := model.Status(e.Before), model.Status(e.After); {
			case report.Worse(before, after):
				f.Changes.Worse++
			case report.Worse(after, before):
				f.Changes.Better++
			}
		}
		if len(f.Changes.List) >= mostEvents {
			f.Changes.LeftOut++
			return nil
		}
		f.Changes.List = append(f.Changes.List, report.FleetEvent{
			Time: e.Time, Node: f.Label(e.Tenant, e.NodeName), Kind: e.Kind, Severity: e.Severity, Requirement: e.Requirement, Before: e.Before,
			After: e.After, Text: e.Text,
		})
		return nil
	})
	if seen > countEvents {
		f.NotKnown = append(f.NotKnown, said("More than %d things happened in the time; the oldest are not counted.", "期间事件超过 %d 项，最早的未计入。", countEvents))
	}
	return enough(err)
}

func (m *Maker) drills(ctx context.Context, r *model.Report, _ *scope, b *report.FleetBuilder) error {
	f := b.Fleet()
	list := func(ctx context.Context, q model.Query) ([]model.DrillOutcome, string, error) {
		return m.o.Store.Drills(ctx, q, true)
	}
	return enough(each(ctx, model.Query{Tenant: r.Scope.Tenant, Until: r.AsOf}, list, func(d *model.DrillOutcome) error {
		if !b.Wants(d.Requirement) {
			return nil
		}
		if len(f.Drills) >= mostListed {
			return errEnough
		}
		f.Drills = append(f.Drills, report.FleetDrill{
			Drill: d.Result.ID, Requirement: d.Requirement, Node: f.Label(d.Tenant, d.Node), Verdict: d.Result.Verdict, Why: d.Result.Why, Ran: d.Ran, Version: d.Version,
		})
		return nil
	}))
}

func (m *Maker) controls(ctx context.Context, r *model.Report, _ *scope, b *report.FleetBuilder) error {
	all, err := m.o.Controls(ctx, r.Scope.Tenant)
	if err != nil {
		return err
	}
	f := b.Fleet()
	for _, c := range all {
		if c.Requirements = slices.DeleteFunc(slices.Clone(c.Requirements), func(id string) bool { return !b.Wants(id) }); len(c.Requirements) > 0 {
			f.Controls = append(f.Controls, c)
		}
	}
	return nil
}

// audit tells where the logs of the replicas stand: the own one now, others as far as this one knows.
func (m *Maker) audit(ctx context.Context, _ *model.Report, _ *scope, b *report.FleetBuilder) error {
	f := b.Fleet()
	own, err := m.o.Audit.Checkpoint(ctx)
	if err != nil {
		return fmt.Errorf("read the audit log's checkpoint: %w", err)
	}
	add := func(c *model.Checkpoint) {
		f.Audit = append(f.Audit, report.AuditPlace{Origin: c.Origin, Size: c.Size, Root: hex.EncodeToString(c.Root), Note: c.Note})
	}
	add(own)
	logs, err := m.o.Store.ReplicaLogs(ctx)
	if err != nil {
		return err
	}
	for i := range logs {
		if c := &logs[i].Checkpoint; logs[i].Origin != own.Origin && c.Size > 0 {
			add(c)
		}
	}
	return nil
}

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

// Preview says what a report would cover.
func (m *Maker) Preview(ctx context.Context, r *model.Report) (Preview, error) {
	s, err := m.choose(ctx, r)
	if err != nil {
		return Preview{}, err
	}
	b := report.NewFleet(m.o.Catalogue, r.Scope.Requirements)
	out := Preview{Requirements: len(b.Fleet().Requirements), Notes: m.notKnown(r, s, &witness{})}
	for _, n := range s.nodes {
		name := ""
		if n.at == nil {
			out.Unassessed++
			name = n.member.Name
		} else {
			out.Nodes++
			name = n.at.NodeName
		}
		out.Names = append(out.Names, name)
	}
	slices.Sort(out.Names)
	out.Names = out.Names[:min(len(out.Names), 50)]
	return out, nil
}

// Preview is what a report would cover.
type Preview struct {
	Nodes, Unassessed, Requirements int
	Names                           []string
	Notes                           []model.Text
}

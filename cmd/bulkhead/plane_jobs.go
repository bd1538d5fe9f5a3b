package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-security/bulkhead/control/reports"
	"github.com/bulkhead-security/bulkhead/model"
	"github.com/bulkhead-security/bulkhead/whole"
)

const day = 24 * time.Hour

// workers is the work in the background.
func (p *plane) workers() []model.Worker {
	return []model.Worker{
		{Kind: "retention", Title: "Remove what is kept long enough", Every: day, Run: p.retention},
		{Kind: "expiry", Title: "End tickets, codes and requests for access whose time is over", Every: 5 * time.Minute, Run: p.expiry},
		{Kind: "report", Title: "Say where every tenant stands", Every: day, Run: p.report},
		{Kind: auditVerify, Title: "Have every replica verify its audit log", Every: day, Run: p.verifyLogs},
		{Kind: reports.JobKind, Title: "Make a report for an auditor", RunWith: func(ctx context.Context, args []byte) (model.Text, error) { return p.reports.Run(ctx, args) }},
		p.alarms.worker(),
	}
}

func (p *plane) retention(ctx context.Context) (model.Text, error) {
	r := p.c.Retention
	return counted(p.store.Prune(ctx, model.Retention{
		AuditIndex: r.AuditIndex, Assessments: r.Assessments, Sessions: r.Sessions, Tokens: r.Tokens, Changes: r.Changes, Jobs: r.Jobs,
		Events: r.Events, Findings: r.Findings, Rollouts: r.Rollouts, Objects: r.Objects, Proposals: r.Proposals, Reports: r.Reports, Answers: 24 * time.Hour,
	}, p.now()))
}

func (p *plane) expiry(ctx context.Context) (model.Text, error) {
	return counted(p.store.Prune(ctx, model.Retention{}, p.now()))
}

// report counts, for every tenant, the requirements by their worst status over its nodes. It says for how many tenants
// there was no room.
func (p *plane) report(ctx context.Context) (model.Text, error) {
	var said lines
	left := 0
	for q := (model.Query{Size: 200}); ; {
		tenants, next, err := p.store.Tenants(ctx, q)
		if err != nil {
			return model.Text{}, fmt.Errorf("list the tenants: %w", err)
		}
		for _, t := range tenants {
			latest, err := p.store.LatestAssessments(ctx, t.ID)
			if err != nil {
				return model.Text{}, fmt.Errorf("assessments of %s: %w", t.ID, err)
			}
			switch {
			case len(latest) == 0:
			case said.full():
				left++
			default:
				s := standing(latest)
				said.add(model.Text{EN: t.ID + ": " + s.EN, ZH: t.ID + "：" + s.ZH})
			}
		}
		if q.Token = next; next == "" {
			break
		}
	}
	if left > 0 {
		said.add(model.Text{
			EN: fmt.Sprintf("and %d tenants more, for which there is no room here", left), ZH: fmt.Sprintf("另有 %d 个租户，此处已无空间", left),
		})
	}
	if did := said.text(); did.EN != "" {
		return did, nil
	}
	return model.Text{EN: "no assessments yet", ZH: "尚无评估"}, nil
}

// statusDir is where the parts of the product say that they run; see docs/controls.md.
const statusDir = "/run/bulkhead/controls"

// publishStatus says that the control plane runs, for `bulkhead assess` on this machine; what it gives takes that back. Only
// root's word counts there.
func (p *plane) publishStatus() func() {
	nothing := func() {}
	if os.Geteuid() != 0 {
		return nothing
	}
	b, err := json.Marshal(map[string]any{
		"name": model.ControlPlane, "mode": model.ModeEnforce, "version": p.o.version, "since": p.started.UTC().Format(time.RFC3339), "pid": os.Getpid(),
		"facts": []model.KeyVal{
			// No setting turns these off: every call goes through the gate, and administrators and owners without a second
			// factor may only register one.
			{Key: "authorization", Value: "enforce"},
			{Key: "second_factor", Value: "required"},
			{Key: "phishing_resistant", Value: yesNo(p.c.SignIn.PhishingResistant)},
			{Key: "audit_log", Value: p.log.Origin()},
			{Key: "database", Value: p.store.Kind()},
		},
	})
	path := filepath.Join(statusDir, model.ControlPlane+".json")
	if err == nil {
		err = os.MkdirAll(statusDir, 0o755) //nolint:gosec // it is there to be read
	}
	if err == nil {
		err = whole.Write(path, b, 0o644)
	}
	if err != nil {
		p.slog.Warn("`bulkhead assess` will not see that the control plane runs", "error", err)
		return nothing
	}
	return func() {
		// Another server on this machine may have written its own meanwhile.
		if now, err := os.ReadFile(path); err != nil || string(now) != string(b) {
			return
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			p.slog.Warn("the status file stays behind", "error", err)
		}
	}
}

func yesNo(b bool) string {
	return cmp.Or(map[bool]string{true: "required"}[b], "not required")
}

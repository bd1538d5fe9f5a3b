package reports

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

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

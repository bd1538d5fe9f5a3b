package main

import (
	"context"

	"github.com/bulkhead-security/bulkhead/control/api"
	"github.com/bulkhead-security/bulkhead/control/reports"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

const reportKey, reportOrigin = "reports", "bulkhead/reports"

// proofServices are those of drills and reports, which prove what the product does.
func (p *plane) proofServices(s *api.Services) error {
	signer, key, err := p.keys.NoteSigner(context.Background(), reportKey, reportOrigin)
	if err != nil {
		return err
	}
	proofs := &api.Drills{
		Store: p.store, Tenants: p.store, Facts: p.store, Catalogue: p.catalogue, Kinds: (&drills{}).List(""),
		Controls: []string{model.ControlAgent, model.ControlPlane, model.ControlDaemonGuard}, Now: p.now,
	}
	p.reports = reports.New(reports.Options{
		Store: p.store, Catalogue: p.catalogue, Audit: p.log, Signer: signer, Key: key, Version: p.o.version, KeptAssessments: p.c.Retention.Assessments,
		KeptEvents: p.c.Retention.Events, Log: p.slog, Now: p.now, Controls: modesOf(proofs),
	})
	s.Drills = proofs
	s.Reports = &api.Reports{
		Store: p.store, Maker: reportMaker{p}, Nodes: p.store, Tenants: p.store, Catalogue: p.catalogue, Now: p.now,
	}
	return nil
}

// modesOf gives the controls as reports know them.
func modesOf(d *api.Drills) func(ctx context.Context, tenant string) ([]report.FleetControl, error) {
	return func(ctx context.Context, tenant string) ([]report.FleetControl, error) {
		all, err := d.Modes(ctx, tenant)
		if err != nil {
			return nil, err
		}
		var out []report.FleetControl
		for _, c := range all.GetControls() {
			out = append(out, report.FleetControl{
				Name: c.GetName(), Requirements: c.GetRequirements(), There: c.GetThere(), Enforce: int(c.GetEnforce()), Observe: int(c.GetObserve()),
				Missing: int(c.GetMissing()),
			})
		}
		return out, nil
	}
}

// reportMaker is the maker as the service knows it: what is begun is a job.
type reportMaker struct{ p *plane }

// Begin implements api.ReportMaker.
func (m reportMaker) Begin(ctx context.Context, id string) error {
	return m.p.store.Enqueue(ctx, reports.JobKind, reports.Args(id), id)
}

// Preview implements api.ReportMaker.
func (m reportMaker) Preview(ctx context.Context, r *model.Report) (api.ReportPreview, error) {
	out, err := m.p.reports.Preview(ctx, r)
	return api.ReportPreview(out), err
}

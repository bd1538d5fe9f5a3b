package api

import (
	"context"
	"fmt"
	"io"
	"time"

	"connectrpc.com/connect"

	"github.com/bulkhead-security/bulkhead/control/gate"
	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// ReportStore keeps reports.
type ReportStore interface {
	CreateReport(ctx context.Context, r *model.Report) error
	Report(ctx context.Context, id string) (*model.Report, error)
	Reports(ctx context.Context, q model.Query) ([]model.Report, string, error)
	DeleteReport(ctx context.Context, id string) error
	ReportFile(ctx context.Context, report, file string) (io.Reader, error)
	InTx(ctx context.Context, f func(context.Context) error) error
}

// ReportMaker makes reports in the background.
type ReportMaker interface {
	// Begin asks for a report that is in the store, in the transaction of ctx.
	Begin(ctx context.Context, id string) error
	Preview(ctx context.Context, r *model.Report) (ReportPreview, error)
}

// ReportPreview is what a report would cover.
type ReportPreview struct {
	Nodes, Unassessed, Requirements int
	Names                           []string
	Notes                           []model.Text
}

// Reports implements ReportService.
type Reports struct {
	Store     ReportStore
	Maker     ReportMaker
	Nodes     NodeReader
	Tenants   TenantReader
	Catalogue *catalogue.Catalogue
	Now       func() time.Time
}

// Limits of reports: that are being made, and that are kept, of a tenant; and of the time that one tells of.
const (
	reportsAtOnce = 5
	mostReports   = 500
	reportSince   = 30 * 24 * time.Hour
	longestReport = 400 * 24 * time.Hour
	reportPiece   = 64 << 10

	reportsInAll = 40             // that are being made, of all tenants
	reportGiven  = 26 * time.Hour // after which a report that is not ready was given up
)

// CreateReport implements ReportService.
func (s *Reports) CreateReport(ctx context.Context, r *bulkheadv1.CreateReportRequest) (*bulkheadv1.Report, error) {
	out, err := s.draft(ctx, r)
	if err != nil {
		return nil, err
	}
	if err := s.room(ctx, out.Tenant); err != nil {
		return nil, err
	}
	if out.ID, err = newID(); err != nil {
		return nil, err
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.Store.CreateReport(ctx, out); err != nil {
			return err
		}
		return s.Maker.Begin(ctx, out.ID)
	})
	if err != nil {
		return nil, err
	}
	return s.out(out), nil
}

// room refuses more reports than a tenant may have made at once, or keep.
func (s *Reports) room(ctx context.Context, tenant string) error {
	have, _, err := s.Store.Reports(ctx, model.Query{Tenant: tenant, Size: mostReports})
	if err != nil {
		return err
	}
	making := 0
	for i := range have {
		if s.making(&have[i]) {
			making++
		}
	}
	all := 0
	for _, state := range []model.ReportState{model.ReportWaiting, model.ReportRunning} {
		list, _, err := s.Store.Reports(ctx, model.Query{Size: reportsInAll, Where: []model.Condition{{Field: "state", Op: "=", Value: string(state)}}})
		if err != nil {
			return err
		}
		for i := range list {
			if s.making(&list[i]) {
				all++
			}
		}
	}
	switch {
	case all >= reportsInAll:
		return &model.Error{Code: model.CodeTooMany, Message: "the server makes as many reports as it can already", Remedy: "Try again in a few minutes."}
	case making >= reportsAtOnce:
		return &model.Error{
			Code: model.CodeTooMany, Message: fmt.Sprintf("%d reports are being made already", making), Remedy: "Wait until one of them is ready, or delete one.",
		}
	case len(have) >= mostReports:
		return &model.Error{
			Code: model.CodeTooMany, Message: fmt.Sprintf("there are %d reports, which is the most", len(have)), Remedy: "Delete those that nobody needs any more.",
		}
	}
	return nil
}

// making says whether a report will still be ready.
func (s *Reports) making(r *model.Report) bool {
	return (r.State == model.ReportWaiting || r.State == model.ReportRunning) && s.Now().Sub(r.Created) < reportGiven
}

// PreviewReport implements ReportService.
func (s *Reports) PreviewReport(ctx context.Context, r *bulkheadv1.CreateReportRequest) (*bulkheadv1.ReportPreview, error) {
	d, err := s.draft(ctx, r)
	if err != nil {
		return nil, err
	}
	p, err := s.Maker.Preview(ctx, d)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ReportPreview{
		Nodes: int32(p.Nodes), Unassessed: int32(p.Unassessed), Requirements: int32(p.Requirements), Names: p.Names,
	}
	for _, n := range p.Notes {
		out.Notes = append(out.Notes, &bulkheadv1.Note{En: n.EN, Zh: n.ZH})
	}
	return out, nil
}

// ListReports implements ReportService.
func (s *Reports) ListReports(ctx context.Context, r *bulkheadv1.ListInTenantRequest) (*bulkheadv1.ListReportsResponse, error) {
	q, err := gate.PageOf(r.GetPage(), gate.Fields{"state", "author"})
	if err != nil {
		return nil, err
	}
	q.Tenant = gate.Scope(ctx, r.GetTenant())
	list, next, err := s.Store.Reports(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &bulkheadv1.ListReportsResponse{NextPage: next}
	for i := range list {
		out.Reports = append(out.Reports, s.out(&list[i]))
	}
	return out, gate.MaskAll(out.GetReports(), r.GetPage().GetReadMask())
}

// GetReport implements ReportService.
func (s *Reports) GetReport(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Report, error) {
	x, err := s.Store.Report(ctx, r.GetId())
	if err != nil {
		return nil, err
	}
	return s.out(x), nil
}

// DownloadReport implements ReportService.
func (s *Reports) DownloadReport(ctx context.Context, r *bulkheadv1.DownloadReportRequest, out *connect.ServerStream[bulkheadv1.ReportPiece]) error {
	x, err := s.Store.Report(ctx, r.GetId())
	if err != nil {
		return err
	}
	if x.State != model.ReportReady {
		return &model.Error{
			Code: model.CodeConflict, Message: "the report is " + string(x.State) + ", not ready", Remedy: "`bulkhead report show` tells how far it is.",
		}
	}
	name := r.GetFormat()
	if name == model.ReportHTML && r.GetLanguage() == "zh" {
		name = model.ReportHTMLZH
	}
	f, err := s.Store.ReportFile(ctx, x.ID, name)
	if err != nil {
		return err
	}
	piece := make([]byte, reportPiece)
	for {
		n, err := io.ReadFull(f, piece)
		if n > 0 {
			if err := out.Send(&bulkheadv1.ReportPiece{Data: piece[:n]}); err != nil {
				return err
			}
		}
		switch {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return nil
		case err != nil:
			return &model.Error{Code: model.CodeInternal, Message: "the stored report can't be read", Err: err}
		}
	}
}

// DeleteReport implements ReportService.
func (s *Reports) DeleteReport(ctx context.Context, r *bulkheadv1.Id) (*bulkheadv1.Empty, error) {
	return &bulkheadv1.Empty{}, s.Store.DeleteReport(ctx, r.GetId())
}

// out is a report as it is told of: what never became ready was given up.
func (s *Reports) out(r *model.Report) *bulkheadv1.Report {
	if r.State != model.ReportReady && r.State != model.ReportFailed && !s.making(r) {
		r.State, r.Error = model.ReportFailed, "it was given up: the server failed to make it for a day; its log has why"
	}
	return reportOut(r)
}

func reportOut(r *model.Report) *bulkheadv1.Report {
	out := &bulkheadv1.Report{
		Id: r.ID, Tenant: r.Tenant, Title: r.Title, AsOf: stamp(r.AsOf), Since: stamp(r.Since), Author: r.Author, AuthorName: r.AuthorName,
		Created: stamp(r.Created), State: string(r.State), Done: int32(r.Done), Total: int32(r.Total), Error: r.Error, Finished: stamp(r.Finished),
		Summary: map[string]int32{}, Nodes: int32(r.Nodes), Signature: r.Signature, Key: r.Key,
		Scope: &bulkheadv1.ReportScope{
			Tenant: r.Scope.Tenant, Nodes: r.Scope.Nodes, Pool: r.Scope.Pool, Labels: r.Scope.Labels, Requirements: r.Scope.Requirements,
		},
	}
	for s, n := range r.Summary {
		out.Summary[string(s)] = int32(n)
	}
	for _, f := range []struct{ name, format, language string }{
		{model.ReportHTML, "html", "en"}, {model.ReportHTMLZH, "html", "zh"}, {model.ReportJSON, "json", "en"}, {model.ReportOSCAL, "oscal", "en"},
	} {
		if have, ok := r.Files[f.name]; ok {
			out.Files = append(out.Files, &bulkheadv1.ReportFile{Format: f.format, Language: f.language, Size: have.Size, Sha256: have.SHA256})
		}
	}
	return out
}

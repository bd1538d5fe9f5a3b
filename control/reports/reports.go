// Package reports makes reports for auditors in the background: it gathers what the store has of a part of the fleet at a time, has it
// rendered, signs what came out, and says how far it is. Who may have that made, and of which tenant, the door has decided before.
//
// It reads assessments one by one and keeps none, so that a report of many nodes needs the memory of one.
package reports

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/framework/catalogue"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

// JobKind is the kind of job that makes a report.
const JobKind = "make_report"

// Store keeps reports, and what they are made of.
type Store interface {
	Report(ctx context.Context, id string) (*model.Report, error)
	UpdateReport(ctx context.Context, r *model.Report) error
	PutReportFile(ctx context.Context, report, file string, write func(io.Writer) error) error
	Source
}

// Source is what reports are made of.
type Source interface {
	AssessmentsAt(ctx context.Context, q model.Query) ([]model.Published, string, error)
	Assessment(ctx context.Context, id string) (*model.Published, error)
	Nodes(ctx context.Context, q model.Query) ([]model.Member, string, error)
	Exceptions(ctx context.Context, q model.Query) ([]model.StoredException, string, error)
	Findings(ctx context.Context, q model.Query) ([]model.Finding, string, error)
	Events(ctx context.Context, q model.Query) ([]model.Event, string, error)
	Drills(ctx context.Context, q model.Query, newest bool) ([]model.DrillOutcome, string, error)
	Account(ctx context.Context, id string) (*model.Account, error)
	ReplicaLogs(ctx context.Context) ([]model.LogState, error)
}

// AuditLog is this replica's own log.
type AuditLog interface {
	Append(ctx context.Context, r model.Record) (model.LogRecord, error)
	Checkpoint(ctx context.Context) (*model.Checkpoint, error)
}

// Options are what reports are made with.
type Options struct {
	Store     Store
	Catalogue *catalogue.Catalogue
	Audit     AuditLog
	Signer    note.Signer
	Key       string // to verify signatures with
	Version   string // of the product
	// Controls tells the modes of the controls on the nodes of a tenant, "" for all.
	Controls func(ctx context.Context, tenant string) ([]report.FleetControl, error)
	// Kept is how long assessments and events are kept; 0 for ever.
	KeptAssessments, KeptEvents time.Duration
	Log                         *slog.Logger
	Now                         func() time.Time
}

// Maker makes reports, one at a time.
type Maker struct {
	o    Options
	turn chan struct{}
}

// New makes a maker.
func New(o Options) *Maker { return &Maker{o: o, turn: make(chan struct{}, 1)} }

// Args are the arguments of the job that makes a report.
func Args(id string) []byte {
	b, err := json.Marshal(jobArgs{id})
	if err != nil {
		return nil // an id is text
	}
	return b
}

type jobArgs struct {
	Report string `json:"report"`
}

// errGone says that the report was deleted while it was made.
var errGone = errors.New("the report was deleted meanwhile")

// gone is what errGone is for people.
func gone() model.Text { return model.Text{EN: errGone.Error(), ZH: "报告在此期间已被删除"} }

// Run makes the report that the arguments name. What ended with the server is begun again by another.
func (m *Maker) Run(ctx context.Context, args []byte) (model.Text, error) {
	var a jobArgs
	if err := json.Unmarshal(args, &a); err != nil {
		return model.Text{}, fmt.Errorf("arguments of the job: %w", err)
	}
	select {
	case m.turn <- struct{}{}:
		defer func() { <-m.turn }()
	case <-ctx.Done():
		return model.Text{}, context.Cause(ctx)
	}
	r, err := m.o.Store.Report(ctx, a.Report)
	switch {
	case model.CodeOf(err) == model.CodeNotFound:
		return gone(), nil
	case err != nil:
		return model.Text{}, err
	case r.State == model.ReportReady || r.State == model.ReportFailed:
		return model.Text{EN: "the report " + r.ID + " was made before", ZH: "报告 " + r.ID + " 先前已生成"}, nil
	}
	if err = m.make(ctx, r); err == nil {
		return model.Text{
			EN: fmt.Sprintf("the report %s of %d nodes is ready", r.ID, r.Nodes), ZH: fmt.Sprintf("报告 %s 已就绪，涉及 %d 个节点", r.ID, r.Nodes),
		}, nil
	}
	return m.failed(ctx, r, err)
}

// failed says why a report can't be made, unless the server ends or the database is away: then it is tried again.
func (m *Maker) failed(ctx context.Context, r *model.Report, err error) (model.Text, error) {
	if errors.Is(err, errGone) || model.CodeOf(err) == model.CodeNotFound {
		return gone(), nil
	}
	late := errors.Is(ctx.Err(), context.DeadlineExceeded)
	if !late && (errors.Is(err, context.Canceled) || model.CodeOf(err) == model.CodeUnavailable) {
		return model.Text{}, err
	}
	m.o.Log.ErrorContext(ctx, "a report can't be made", "report", r.ID, "error", err)
	r.State, r.Finished, r.Error = model.ReportFailed, m.o.Now(), failure(err, late)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return model.Text{}, m.o.Store.UpdateReport(last, r)
}

// failure is what people are told.
func failure(err error, late bool) string {
	var known *model.Error
	switch {
	case late:
		return "it took longer than two minutes; take fewer nodes or a shorter time"
	case errors.As(err, &known) && known.Code != model.CodeInternal:
		return known.Message
	}
	return "the server could not make it; its log has why"
}

// progress writes how far a report is, at most so often.
const progressEvery = 500 * time.Millisecond

func (m *Maker) progress(ctx context.Context, r *model.Report, last *time.Time) error {
	if time.Since(*last) < progressEvery {
		return nil
	}
	*last = time.Now()
	err := m.o.Store.UpdateReport(ctx, r)
	if model.CodeOf(err) == model.CodeNotFound {
		return errGone
	}
	return err
}

package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"

	"github.com/uptrace/bun"

	"github.com/bulkhead-security/bulkhead/model"
)

type reportRow struct {
	bun.BaseModel `bun:"table:reports,alias:t"`
	ID            string `bun:"id,pk"`
	Tenant        string `bun:"tenant"`
	AllTenants    int64  `bun:"all_tenants"`
	Title         string `bun:"title"`
	Scope         string `bun:"scope"`
	AsOf          int64  `bun:"as_of"`
	Since         int64  `bun:"since"`
	Author        string `bun:"author"`
	AuthorName    string `bun:"author_name"`
	Created       int64  `bun:"created"`
	State         string `bun:"state"`
	Done          int64  `bun:"done"`
	Total         int64  `bun:"total"`
	Error         string `bun:"error"`
	Finished      int64  `bun:"finished"`
	Summary       string `bun:"summary"`
	Nodes         int64  `bun:"nodes"`
	Signature     string `bun:"signature"`
	Key           string `bun:"key"`
	Files         string `bun:"files"`
}

func reportRowOf(r *model.Report) *reportRow {
	row := &reportRow{
		ID: r.ID, Tenant: r.Tenant, AllTenants: truth(r.AllTenants), Title: r.Title, Scope: text(r.Scope), AsOf: us(r.AsOf), Since: us(r.Since),
		Author: r.Author, AuthorName: r.AuthorName, Created: us(r.Created), State: string(r.State), Done: int64(r.Done), Total: int64(r.Total),
		Error: r.Error, Finished: us(r.Finished), Summary: "{}", Nodes: int64(r.Nodes), Signature: r.Signature, Key: r.Key, Files: "{}",
	}
	if len(r.Summary) > 0 {
		row.Summary = text(r.Summary)
	}
	if len(r.Files) > 0 {
		row.Files = text(r.Files)
	}
	return row
}

func (r *reportRow) model() (*model.Report, error) {
	out := &model.Report{
		ID: r.ID, Tenant: r.Tenant, AllTenants: r.AllTenants != 0, Title: r.Title, AsOf: at(r.AsOf), Since: at(r.Since), Author: r.Author,
		AuthorName: r.AuthorName, Created: at(r.Created), State: model.ReportState(r.State), Done: int(r.Done), Total: int(r.Total),
		Error: r.Error, Finished: at(r.Finished), Nodes: int(r.Nodes), Signature: r.Signature, Key: r.Key,
	}
	var err, more, last error
	out.Scope, err = value[model.ReportScope](r.Scope)
	out.Summary, more = value[map[model.Status]int](r.Summary)
	out.Files, last = value[map[string]model.ReportFile](r.Files)
	return out, errors.Join(err, more, last)
}

func reports() listing {
	return listing{
		name: "reports", tenant: "tenant", newest: true,
		fields: map[string]field{"id": {"id", isText}, "state": {"state", isText}, "author": {"author", isText}},
		keys:   []field{{"id", isText}},
	}
}

// CreateReport adds a report that is to be made.
func (s *Store) CreateReport(ctx context.Context, r *model.Report) error {
	return s.insert(ctx, "report", reportRowOf(r), changed(created, "Report", r.ID, r.Tenant))
}

// Report finds a report.
func (s *Store) Report(ctx context.Context, id string) (*model.Report, error) {
	return find(ctx, s, "report", id, (*reportRow).model, "id = ?", id)
}

// Reports lists reports, newest first.
func (s *Store) Reports(ctx context.Context, q model.Query) ([]model.Report, string, error) {
	return listed(ctx, s, reports(), q, func(r *reportRow) []any { return []any{r.ID} }, (*reportRow).model)
}

// UpdateReport writes how far a report is; not_found where it was deleted meanwhile.
func (s *Store) UpdateReport(ctx context.Context, r *model.Report) error {
	row := reportRowOf(r)
	return s.change(ctx, "report", func(db bun.IDB) error {
		done, err := db.NewUpdate().Model(row).
			Column("state", "done", "total", "error", "finished", "summary", "nodes", "signature", "key", "files").Where("id = ?", r.ID).Exec(ctx)
		return touched(done, err, notFound("report", r.ID))
	}, changed(updated, "Report", r.ID, r.Tenant))
}

// DeleteReport removes a report with its files.
func (s *Store) DeleteReport(ctx context.Context, id string) error {
	var gone []struct{ ID, Tenant string }
	return s.InTx(ctx, func(ctx context.Context) error {
		t := s.transaction(ctx)
		if err := t.NewRaw("DELETE FROM reports WHERE id = ? RETURNING id, tenant", id).Scan(ctx, &gone); err != nil {
			return s.fail("delete a report", err)
		}
		if len(gone) == 0 {
			return notFound("report", id)
		}
		t.changes = append(t.changes, changed(deleted, "Report", gone[0].ID, gone[0].Tenant))
		return nil
	})
}

// reportPart is how many packed bytes of a file are in a row.
const reportPart = 1 << 20

type reportPartRow struct {
	bun.BaseModel `bun:"table:report_parts,alias:t"`
	Report        string `bun:"report,pk"`
	File          string `bun:"file,pk"`
	Part          int64  `bun:"part,pk"`
	Data          []byte `bun:"data"`
}

// PutReportFile keeps a file of a report, packed, as write gives it. A file of that name is replaced. It is never in memory as a whole.
func (s *Store) PutReportFile(ctx context.Context, report, file string, write func(io.Writer) error) error {
	err := s.change(ctx, "report", func(db bun.IDB) error {
		_, err := db.NewRaw("DELETE FROM report_parts WHERE report = ? AND file = ?", report, file).Exec(ctx)
		return err
	})
	if err != nil {
		return err
	}
	p := &parts{row: reportPartRow{Report: report, File: file}, put: func(row *reportPartRow) error {
		return s.change(ctx, "report", func(db bun.IDB) error {
			_, err := db.NewInsert().Model(row).Exec(ctx)
			return err
		})
	}}
	z := gzip.NewWriter(p)
	if err := write(z); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return p.flush()
}

// parts cuts what is written into rows.
type parts struct {
	row reportPartRow
	buf bytes.Buffer
	put func(*reportPartRow) error
}

// Write implements io.Writer.
func (p *parts) Write(b []byte) (int, error) {
	p.buf.Write(b)
	if p.buf.Len() < reportPart {
		return len(b), nil
	}
	return len(b), p.flush()
}

func (p *parts) flush() error {
	if p.buf.Len() == 0 {
		return nil
	}
	p.row.Data = p.buf.Bytes()
	if err := p.put(&p.row); err != nil {
		return err
	}
	p.row.Part++
	p.buf.Reset()
	return nil
}

// ReportFile reads a file of a report, row by row.
func (s *Store) ReportFile(ctx context.Context, report, file string) (io.Reader, error) {
	z, err := gzip.NewReader(&partReader{next: func(part int64) ([]byte, error) {
		var r reportPartRow
		err := s.conn(ctx).NewSelect().Model(&r).Where("report = ? AND file = ? AND part = ?", report, file, part).Scan(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return nil, io.EOF
		}
		return r.Data, s.fail("read a report", err)
	}})
	if errors.Is(err, io.EOF) {
		return nil, notFound("file of a report", report+"/"+file)
	}
	if err != nil {
		return nil, fmt.Errorf("read a report: %w", err)
	}
	return z, nil
}

type partReader struct {
	part int64
	left []byte
	next func(part int64) ([]byte, error)
}

// Read implements io.Reader.
func (p *partReader) Read(b []byte) (int, error) {
	for len(p.left) == 0 {
		var err error
		if p.left, err = p.next(p.part); err != nil {
			return 0, err
		}
		p.part++
	}
	n := copy(b, p.left)
	p.left = p.left[n:]
	return n, nil
}

// AssessmentsAt lists those that were the newest of every node before q.Until, without documents.
// What retention removed meanwhile is not among them.
func (s *Store) AssessmentsAt(ctx context.Context, q model.Query) ([]model.Published, string, error) {
	until := us(q.Until)
	rows, next, err := page(ctx, s, assessments(), q, func(r *assessmentRow) []any { return []any{r.Published, r.ID} }, func(sel *bun.SelectQuery) {
		sel.Where(`NOT EXISTS (SELECT 1 FROM assessments AS o WHERE o.tenant = t.tenant AND o.node = t.node
			AND o.published < ? AND (o.published, o.id) > (t.published, t.id))`, until)
	})
	if err != nil {
		return nil, "", err
	}
	out, err := convert(rows, (*assessmentRow).model)
	return out, next, err
}

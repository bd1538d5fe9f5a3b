package reports

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-security/bulkhead/framework/oscal"
	"github.com/bulkhead-security/bulkhead/framework/report"
	"github.com/bulkhead-security/bulkhead/model"
)

// make gathers, renders, signs, records, and only then says that the report is ready.
func (m *Maker) make(ctx context.Context, r *model.Report) error {
	f, err := m.gather(ctx, r)
	if err != nil {
		return err
	}
	r.Files = map[string]model.ReportFile{}
	if err := m.file(ctx, r, model.ReportJSON, func(w io.Writer) error { return report.FleetJSON(w, f) }); err != nil {
		return err
	}
	digest := "sha256:" + r.Files[model.ReportJSON].SHA256
	for name, render := range map[string]func(io.Writer) error{
		model.ReportOSCAL: func(w io.Writer) error {
			return oscal.WriteFleetResults(w, f, oscal.Meta{Lang: "en", Product: m.o.Version})
		},
		model.ReportHTML:   func(w io.Writer) error { return report.FleetHTML(w, f, m.o.Catalogue, "en", digest) },
		model.ReportHTMLZH: func(w io.Writer) error { return report.FleetHTML(w, f, m.o.Catalogue, "zh", digest) },
	} {
		if err := m.file(ctx, r, name, render); err != nil {
			return err
		}
	}
	signed, err := note.Sign(&note.Note{Text: report.Manifest(r.ID, r.Files)}, m.o.Signer)
	if err != nil {
		return fmt.Errorf("sign the report: %w", err)
	}
	r.Signature, r.Key = string(signed), m.o.Key
	if err := m.record(ctx, r); err != nil {
		return err
	}
	r.State, r.Finished, r.Summary, r.Nodes, r.Done = model.ReportReady, m.o.Now(), f.Summary, f.NodesAssessed, r.Total
	return m.o.Store.UpdateReport(ctx, r)
}

// record puts the report's digest into the audit log: whoever changes it and its signature later is told by the log.
func (m *Maker) record(ctx context.Context, r *model.Report) error {
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("no randomness for a record: %w", err)
	}
	_, err = m.o.Audit.Append(ctx, model.Record{
		ID: id.String(), Time: m.o.Now(), Actor: r.Author, ActorName: r.AuthorName, Tenant: r.Tenant, Action: "ReportMade",
		Resource: model.Ref{Type: "Report", ID: r.ID}, Outcome: model.OutcomeAllowed, Digest: r.Files[model.ReportJSON].SHA256,
		Changes: map[string]string{"title": r.Title},
	})
	if err != nil {
		return fmt.Errorf("record the report: %w", err)
	}
	return nil
}

func (m *Maker) file(ctx context.Context, r *model.Report, name string, write func(io.Writer) error) error {
	h := &hashing{hash: sha256.New()}
	err := m.o.Store.PutReportFile(ctx, r.ID, name, func(w io.Writer) error {
		h.to = w
		return write(h)
	})
	if err != nil {
		return fmt.Errorf("keep the report as %s: %w", name, err)
	}
	r.Files[name] = model.ReportFile{Size: h.size, SHA256: hex.EncodeToString(h.hash.Sum(nil))}
	return nil
}

// hashing computes the digest of what goes through, and refuses what is too long.
type hashing struct {
	to   io.Writer
	hash hash.Hash
	size int64
}

// mostBytes is how long a file of a report may be.
const mostBytes = 64 << 20

// Write implements io.Writer.
func (h *hashing) Write(b []byte) (int, error) {
	if h.size += int64(len(b)); h.size > mostBytes {
		return 0, &model.Error{
			Code: model.CodeTooMany, Message: fmt.Sprintf("the report would be larger than %d MiB; take fewer nodes or requirements", mostBytes>>20),
		}
	}
	_, _ = h.hash.Write(b) // never fails
	return h.to.Write(b)
}

// scopeWords say what a report is about.
func scopeWords(s *model.ReportScope, names []string) model.Text {
	en, zh := "all tenants", "全部租户"
	if s.Tenant != "" {
		en, zh = "tenant "+s.Tenant, "租户 "+s.Tenant
	}
	add := func(e, z string) { en, zh = en+"; "+e, zh+"；"+z }
	if s.Pool != "" {
		add("pool "+s.Pool, "节点池 "+s.Pool)
	}
	for _, l := range labelsOf(s.Labels) {
		add("label "+l, "标签 "+l)
	}
	if len(names) > 0 {
		few, more := names, ""
		if len(few) > 20 {
			few, more = few[:20], fmt.Sprintf(" (+%d)", len(names)-20)
		}
		add("nodes "+strings.Join(few, ", ")+more, "节点 "+strings.Join(few, "、")+more)
	}
	if len(s.Requirements) > 0 {
		add("requirements "+strings.Join(s.Requirements, ", "), "要求 "+strings.Join(s.Requirements, "、"))
	}
	return model.Text{EN: en, ZH: zh}
}

// days is a time in days for people, at least one.
func days(d time.Duration) int { return max(1, int(d/(24*time.Hour))) }

func labelsOf(m map[string]string) []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		out = append(out, k+"="+m[k])
	}
	return out
}

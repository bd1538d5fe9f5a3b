package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/guard/sessions"
	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
)

// digests gives what audit records say of recordings: by the recording's id, each digest with the record that says so.
type digests func(ctx context.Context, ids []string) (map[string][]sealedBy, error)

type sealedBy struct{ digest, record string }

// verdict is of one recording.
type verdict struct {
	ID      string `json:"id"`
	OK      bool   `json:"ok"`
	Digest  string `json:"digest,omitempty"`
	Record  string `json:"record,omitempty"`
	Problem string `json:"problem,omitempty"`
}

type verifyFlags struct {
	all                   bool
	log, key, checkpoints string
}

func (a *App) sessionsVerifyCommand(f *sessionFlags) *cobra.Command {
	v := &verifyFlags{}
	cmd := &cobra.Command{
		Use:   "verify [ID...]",
		Short: "Compare recordings with the digests in the audit log; exit code 2 if one is not what was recorded",
		Long: `Compares the SHA-256 of recordings with what the audit log has of them. With --log that is a copy of a log's directory, which is
verified first with the log's public key; without it, the control plane is asked. Nothing needs to be decrypted. A recording that has no
record, or one that has a record and is gone, is not verified.`,
		Example: `  bulkhead guard sessions verify 0198f2c4
  bulkhead guard sessions verify 0198f2c4 --node web-1
  bulkhead guard sessions verify --all --log copy/ --key 'bulkhead/one+3c1f…' --checkpoints kept`,
		ValidArgsFunction: a.recordingIDs(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			if (len(args) > 0) == v.all {
				return errors.New("name recordings, or give --all; `bulkhead guard sessions list` shows them")
			}
			return a.sessionsVerify(cmd.Context(), f, args, v)
		},
	}
	cmd.Flags().BoolVar(&v.all, "all", false, "all recordings of the directory that have ended")
	cmd.Flags().StringVar(&v.log, "log", "", "`directory` with the audit log or a copy of it")
	cmd.Flags().StringVar(&v.key, "key", "", "the log's public `key`, or a file with it")
	cmd.Flags().StringVar(&v.checkpoints, "checkpoints", "", "`file` with checkpoints of the log that others kept")
	return cmd
}

func (a *App) sessionsVerify(ctx context.Context, f *sessionFlags, names []string, v *verifyFlags) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	entries, err := a.toVerify(ctx, f, names)
	if err != nil {
		return err
	}
	var from digests = a.digestsOfServer
	if v.log != "" {
		from = func(ctx context.Context, ids []string) (map[string][]sealedBy, error) {
			return a.digestsOfLog(ctx, v, ids)
		}
	}
	ids := make([]string, 0, len(entries))
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	known, err := from(ctx, ids)
	if err != nil {
		return err
	}
	bad := 0
	verdicts := make([]verdict, 0, len(entries))
	for _, e := range entries {
		d := a.judgeWherever(ctx, f, e, known[e.ID])
		if !d.OK {
			bad++
		}
		verdicts = append(verdicts, d)
	}
	if err := a.printVerdicts(format, verdicts); err != nil {
		return err
	}
	if bad > 0 {
		return errNo{fmt.Sprintf("%d of %d recordings are not verified", bad, len(verdicts))}
	}
	return nil
}

func (a *App) toVerify(ctx context.Context, f *sessionFlags, names []string) ([]sessions.Entry, error) {
	var out []sessions.Entry
	if len(names) == 0 {
		all, err := a.sessionsOf(ctx, f, time.Time{})
		if err != nil {
			return nil, err
		}
		for _, e := range all {
			if e.Outcome != sessions.Running {
				out = append(out, e)
			}
		}
		return out, nil
	}
	for _, name := range names {
		e, _, err := a.sessionKnown(ctx, f, name)
		if err != nil {
			return nil, err
		}
		out = append(out, *e)
	}
	return out, nil
}

// judgeWherever brings a recording here first where it is on a node.
func (a *App) judgeWherever(ctx context.Context, f *sessionFlags, e sessions.Entry, known []sealedBy) verdict {
	if f.node == "" {
		return judgeRecording(a.sessionsIn(f), e, known)
	}
	got, err := a.fetch(ctx, f, &e)
	if err != nil {
		return verdict{ID: e.ID, Problem: err.Error()}
	}
	d := judgeRecording(got.dir, e, known)
	if err := got.close(); err != nil && d.OK {
		d.OK, d.Problem = false, err.Error()
	}
	return d
}

// judgeRecording compares a file with what records say. All records must say the same: one that was written later does not replace the first.
func judgeRecording(dir string, e sessions.Entry, known []sealedBy) verdict {
	d := verdict{ID: e.ID}
	if e.Outcome == sessions.Running {
		d.Problem = "it is still being recorded"
		return d
	}
	digest, _, err := sessions.Digest(dir, e)
	if err != nil {
		d.Problem = err.Error()
		return d
	}
	d.Digest = digest
	if len(known) == 0 {
		d.Problem = "the audit log has no record of it"
		return d
	}
	for _, k := range known {
		if k.digest != digest {
			d.Record, d.Problem = k.record, fmt.Sprintf("the file was changed: record %s has %s", k.record, k.digest)
			return d
		}
	}
	d.OK, d.Record = true, known[0].record
	return d
}

func (a *App) printVerdicts(format string, verdicts []verdict) error {
	if format == "json" {
		return a.printJSON(map[string]any{"schema": "bulkhead.sessions-verify/v1", "recordings": verdicts})
	}
	rows := make([][]string, 0, len(verdicts))
	for _, d := range verdicts {
		said := "verified"
		if !d.OK {
			said = "NOT VERIFIED"
		}
		rows = append(rows, []string{d.ID, said, d.Record, d.Problem})
	}
	a.table("no recordings", []string{"ID", "IS IT", "BY RECORD", "WHY NOT"}, rows)
	return nil
}

// digestsOfLog verifies a copy of a log, and reads it.
func (a *App) digestsOfLog(ctx context.Context, v *verifyFlags, ids []string) (map[string][]sealedBy, error) {
	if v.key == "" {
		return nil, errors.New("flag needs an argument: --key, the log's public key")
	}
	key := v.key
	if b, err := os.ReadFile(key); err == nil {
		key = strings.TrimSpace(string(b))
	}
	var kept []model.Checkpoint
	if v.checkpoints != "" {
		all, err := audit.KeptCheckpoints(v.checkpoints)
		if err != nil {
			return nil, fmt.Errorf("read --checkpoints: %w", err)
		}
		kept = audit.ForKey(all, key)
	}
	report, err := audit.Verify(ctx, v.log, key, kept)
	if err != nil {
		return nil, err
	}
	if !report.OK() {
		return nil, errNo{"the audit log itself is not what was signed: " + strings.Join(report.Texts(), "; ")}
	}
	wanted := map[string]bool{}
	for _, id := range ids {
		wanted[id] = true
	}
	out := map[string][]sealedBy{}
	err = audit.Scan(ctx, v.log, report.Size, func(r model.LogRecord) error {
		id := r.Record.Resource.ID
		if d := sessions.SealedDigest(&r.Record, id); d != "" && wanted[id] {
			out[id] = append(out[id], sealedBy{d, fmt.Sprintf("%s/%d", report.Origin, r.Index)})
		}
		return nil
	})
	return out, err
}

// digestsOfServer asks the control plane.
func (a *App) digestsOfServer(ctx context.Context, ids []string) (map[string][]sealedBy, error) {
	c, err := a.auditClient(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string][]sealedBy{}
	for _, id := range ids {
		const most = 100 // of one recording
		res, err := c.SearchRecords(ctx, &bulkheadv1.SearchRecordsRequest{Tenant: a.remote.tenant, Page: &bulkheadv1.Page{
			Size: most, Filter: fmt.Sprintf("action = %q AND resource_type = %q AND resource = %q", sessions.SealAction, sessions.SealResource, id),
		}})
		if err != nil {
			return nil, remoteError(err)
		}
		for _, r := range res.GetRecords() {
			entry, err := entryOf(r)
			if err != nil {
				return nil, fmt.Errorf("record %s: %w", r.GetId(), err)
			}
			record, err := audit.Decode(entry)
			if err != nil {
				return nil, fmt.Errorf("record %s: %w", r.GetId(), err)
			}
			if d := sessions.SealedDigest(record, id); d != "" {
				out[id] = append(out[id], sealedBy{d, r.GetId()})
			}
		}
	}
	return out, nil
}

package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/gowebpki/jcs"
	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

// auditFlags pick records.
type auditFlags struct {
	list         listFlags
	since, until string
}

const auditFields = "actor, actor_name, action, resource_type, resource, outcome, origin"

func (a *App) auditCommand() *cobra.Command {
	cmd := a.group("audit", "The audit log: search, export, verify",
		`Reads the audit log. Reading it is recorded. Verify needs no server: it works on a copy of a log's directory with the log's
public key alone. Exit code 2 says that a log is not what was signed.`,
		`  bulkhead audit search --filter 'outcome = "refused"' --since 24h
  bulkhead audit record bulkhead/one/4711
  bulkhead audit export --since 2026-01-01 > records.jsonl
  bulkhead audit verify
  bulkhead audit verify --dir copy/ --key 'bulkhead/one+3c1f…' --checkpoints kept
  bulkhead audit logs
  bulkhead audit break-glass --reason 'the disk is full, ticket 42' --minutes 10`,
		a.auditSearchCommand(), a.auditRecordCommand(), a.auditExportCommand(), a.auditVerifyCommand(),
		verb("logs", "List the logs, with their keys and what was found wrong", 0, a.auditLogs),
		a.breakGlassCommand(),
	)
	a.tenantFlag(cmd)
	return cmd
}

func (a *App) auditClient(ctx context.Context) (bulkheadv1connect.AuditServiceClient, error) {
	return client(ctx, a, bulkheadv1connect.NewAuditServiceClient)
}

func timeFlags(cmd *cobra.Command, f *auditFlags) {
	cmd.Flags().StringVar(&f.since, "since", "", "not before this `time`: 2026-01-31, 2026-01-31T10:00:00Z, or an age such as 24h")
	cmd.Flags().StringVar(&f.until, "until", "", "before this `time`")
}

// request is the part of the log that flags pick.
func (a *App) auditRequest(f auditFlags) (*bulkheadv1.SearchRecordsRequest, error) {
	req := &bulkheadv1.SearchRecordsRequest{Tenant: a.remote.tenant}
	for _, t := range []struct {
		flag, value string
		to          **timestamppb.Timestamp
	}{{"since", f.since, &req.Since}, {"until", f.until, &req.Until}} {
		at, err := timeOf(t.value, time.Now())
		if err != nil {
			return nil, fmt.Errorf("invalid argument %q for --%s: it must be a time such as 2026-01-31 or an age such as 24h", t.value, t.flag)
		}
		if !at.IsZero() {
			*t.to = timestamppb.New(at)
		}
	}
	return req, nil
}

func timeOf(s string, now time.Time) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if d, err := time.ParseDuration(s); err == nil && d > 0 {
		return now.Add(-d), nil
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t, nil
	}
	return time.Parse(time.RFC3339, s)
}

func (a *App) auditSearchCommand() *cobra.Command {
	var f auditFlags
	cmd := verb("search", "Search records, newest first", 0, func(ctx context.Context, _ []string) error {
		req, err := a.auditRequest(f)
		if err != nil {
			return err
		}
		c, err := a.auditClient(ctx)
		if err != nil {
			return err
		}
		items, next, err := pages(f.list, func(p *bulkheadv1.Page) ([]*bulkheadv1.Record, string, error) {
			req.Page = p
			res, err := c.SearchRecords(ctx, req)
			return res.GetRecords(), res.GetNextPage(), err
		})
		if err != nil {
			return err
		}
		return a.answer(&bulkheadv1.SearchRecordsResponse{Records: items, NextPage: next}, func() {
			rows := make([][]string, 0, len(items))
			for _, r := range items {
				who := r.GetActorName()
				if who == "" {
					who = r.GetActor()
				}
				rows = append(rows, []string{
					r.GetTime().AsTime().UTC().Format("2006-01-02 15:04:05"), r.GetOutcome(), r.GetAction(), who, r.GetTenant(),
					r.GetResource().GetType() + "::" + r.GetResource().GetId(), r.GetReason(), r.GetId(),
				})
			}
			a.table("no records", []string{"TIME (UTC)", "OUTCOME", "ACTION", "WHO", "TENANT", "TO WHAT", "WHY", "ID"}, rows)
			a.more(next)
		})
	})
	timeFlags(lister(cmd, &f.list, auditFields), &f)
	cmd.Example = `  bulkhead audit search --filter 'actor = "0198…" AND outcome = "refused"' --since 24h --limit 20`
	return cmd
}

func (a *App) auditExportCommand() *cobra.Command {
	var f auditFlags
	cmd := verb("export", "Write records as lines of JSON, oldest first: the entries as they stand in the log", 0, func(ctx context.Context, _ []string) error {
		return a.auditExport(ctx, f)
	})
	timeFlags(cmd, &f)
	cmd.Flags().StringVar(&f.list.filter, "filter", "", "`expression` (AIP-160) over "+auditFields)
	cmd.Example = `  bulkhead audit export --since 2026-01-01 --until 2026-02-01 --tenant acme > january.jsonl`
	return cmd
}

func (a *App) auditExport(ctx context.Context, f auditFlags) error {
	req, err := a.auditRequest(f)
	if err != nil {
		return err
	}
	req.Page = &bulkheadv1.Page{Filter: f.list.filter}
	c, err := a.auditClient(ctx)
	if err != nil {
		return err
	}
	stream, err := c.ExportRecords(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	defer func() { _ = stream.Close() }() // it was read to its end, or ctx is over
	for stream.Receive() {
		b, err := entryOf(stream.Msg())
		if err != nil {
			return fmt.Errorf("write record %s: %w", stream.Msg().GetId(), err)
		}
		if _, err := fmt.Fprintf(a.Out, "%s\n", b); err != nil {
			return fmt.Errorf("write record %s: %w", stream.Msg().GetId(), err)
		}
	}
	return remoteError(stream.Err())
}

// entryOf gives the very bytes of the entry in the log: they are canonical (RFC 8785), so they come out of what the event says.
func entryOf(r *bulkheadv1.Record) ([]byte, error) {
	b, err := protojson.Marshal(r.GetEvent())
	if err != nil {
		return nil, err
	}
	return jcs.Transform(b)
}

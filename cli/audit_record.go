package cli

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/identity/audit"
	"github.com/bulkhead-security/bulkhead/model"
	bulkheadv1 "github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1"
	"github.com/bulkhead-security/bulkhead/proto/gen/bulkhead/v1/bulkheadv1connect"
)

func (a *App) auditRecordCommand() *cobra.Command {
	var key, checkpoints string
	cmd := verb("record ID", "Show one record and verify here that it is in its log; exit code 2 if it is not", 1,
		func(ctx context.Context, args []string) error { return a.auditRecord(ctx, args[0], key, checkpoints) })
	cmd.Long = `Shows the entry as it stands in the log, and verifies, on this machine, the proof that came with it: the hashes from the entry to
the root, and the checkpoint that the log's key signed over that root. With --checkpoints also that the log continues the newest
checkpoint that you keep of it. Without --key the key is what the server says of itself; take it from where whoever has the server can't
change it. Records of other replicas and of nodes come without a proof: ask their own replica, or verify a copy of the log.`
	cmd.Example = `  bulkhead audit record bulkhead/one/4711
  bulkhead audit record bulkhead/one/4711 --key 'bulkhead/one+3c1f…' --checkpoints kept --output json`
	cmd.Flags().StringVar(&key, "key", "", "the log's public `key`, or a file with it; what the server says of itself if it is not given")
	cmd.Flags().StringVar(&checkpoints, "checkpoints", "", "`file` with checkpoints that you keep")
	return cmd
}

func (a *App) auditRecord(ctx context.Context, id, key, checkpoints string) error {
	r, err := a.server(ctx)
	if err != nil {
		return err
	}
	if key, err = a.logKey(ctx, r, key); err != nil {
		return err
	}
	kept, err := newestKept(checkpoints, key)
	if err != nil {
		return err
	}
	req := &bulkheadv1.GetRecordRequest{Id: id}
	if kept != nil {
		req.KeptSize = kept.Size
	}
	p, err := bulkheadv1connect.NewAuditServiceClient(r.HTTP, r.URL).GetRecord(ctx, req)
	if err != nil {
		return remoteError(err)
	}
	c, wrong := verifyProof(p, id, key, kept)
	err = a.answer(p, func() { a.showRecord(p, c, kept, wrong) })
	if err == nil && wrong != nil {
		return errNo{fmt.Sprintf("%s: %v", id, wrong)}
	}
	return err
}

// logKey is the key that was given, in a file or as it is, or what the server says of itself.
func (a *App) logKey(ctx context.Context, r *remote, key string) (string, error) {
	if key == "" {
		info, err := bulkheadv1connect.NewSystemServiceClient(r.HTTP, r.URL).GetInfo(ctx, &bulkheadv1.Empty{})
		return info.GetAuditKey(), remoteError(err)
	}
	if b, err := os.ReadFile(key); err == nil {
		key = strings.TrimSpace(string(b))
	}
	return key, nil
}

// newestKept is the checkpoint over the most entries of a key's log, as far as its signature holds; nil without a file.
func newestKept(path, key string) (*model.Checkpoint, error) {
	if path == "" {
		return nil, nil
	}
	all, err := audit.KeptCheckpoints(path)
	if err != nil {
		return nil, fmt.Errorf("read --checkpoints: %w", err)
	}
	var newest *model.Checkpoint
	for _, k := range audit.ForKey(all, key) {
		c, err := audit.ParseCheckpoint([]byte(k.Note), key)
		if err != nil {
			return nil, fmt.Errorf("read --checkpoints: %w", err)
		}
		if newest == nil || c.Size > newest.Size {
			newest = c
		}
	}
	if newest == nil {
		return nil, fmt.Errorf("read --checkpoints: %s has none of the log that the key is of", path)
	}
	return newest, nil
}

// verifyProof trusts nothing of the answer but what follows from the key.
func verifyProof(p *bulkheadv1.RecordProof, id, key string, kept *model.Checkpoint) (*model.Checkpoint, error) {
	r := p.GetRecord()
	if name := fmt.Sprintf("%s/%d", r.GetOrigin(), r.GetIndex()); name != id {
		return nil, fmt.Errorf("the answer is another record, %.300q", name)
	}
	c, err := audit.VerifyRecord(p.GetEntry(), r.GetIndex(), p.GetPath(), p.GetCheckpoint(), key)
	if err != nil {
		return nil, err
	}
	if c.Origin != r.GetOrigin() {
		return nil, fmt.Errorf("the checkpoint is of another log, %.300q", c.Origin)
	}
	if kept != nil {
		return c, audit.VerifyContinues(kept, c, p.GetConsistency())
	}
	return c, nil
}

// showRecord shows what the entry says, and not what the server says of it.
func (a *App) showRecord(p *bulkheadv1.RecordProof, c, kept *model.Checkpoint, wrong error) {
	if r, err := audit.Decode(p.GetEntry()); err == nil {
		a.fields("id", p.GetRecord().GetId(), "time", r.Time.UTC().Format("2006-01-02 15:04:05.000 UTC"), "outcome", string(r.Outcome), "action", r.Action,
			"who", strings.TrimSpace(r.ActorName+" "+r.Actor), "to what", r.Resource.Type+"::"+r.Resource.ID, "tenant", r.Tenant, "why", r.Reason,
			"from", r.Address, "with", r.UserAgent, "policies", strings.Join(r.Policies, ", "))
	}
	a.fields("entry", string(p.GetEntry()))
	if wrong != nil {
		return
	}
	a.fields("verified", fmt.Sprintf("it is entry %d of the %d that %s signed", p.GetRecord().GetIndex(), c.Size, c.Origin))
	if kept != nil {
		a.fields("continues", fmt.Sprintf("the kept checkpoint over %d entries", kept.Size))
	}
}

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
)

func (a *App) auditVerifyCommand() *cobra.Command {
	var dir, key, checkpoints string
	cmd := verb("verify", "Verify a copy of a log offline, or have the server verify its logs; exit code 2 if one was changed", 0,
		func(ctx context.Context, _ []string) error {
			if dir != "" {
				return a.verifyCopy(ctx, dir, key, checkpoints)
			}
			c, err := a.auditClient(ctx)
			if err != nil {
				return err
			}
			res, err := c.VerifyLogs(ctx, &bulkheadv1.Empty{})
			return a.showLogs(res, err)
		})
	cmd.Long = `With --dir, verifies a copy of a log's directory: the signature of its checkpoint, every entry against the signed root, the
tiles, and the checkpoints in --checkpoints (a replica's DATA_DIR/checkpoints/kept, or one checkpoint per line). It needs no server and no
secret. Without --dir the server verifies its own log and compares all logs with the checkpoints that were kept of them; a log that is
too big for the time of a request is verified on, and ` + "`bulkhead audit logs`" + ` shows when that was done. To have every replica verify
its log: ` + "`bulkhead jobs run audit_verify`" + `.`
	cmd.Example = `  bulkhead audit verify
  bulkhead audit verify --dir copy/ --key 'bulkhead/one+3c1f…' --checkpoints kept`
	cmd.Flags().StringVar(&dir, "dir", "", "`directory` with the copy")
	cmd.Flags().StringVar(&key, "key", "", "the log's public `key`, as `bulkhead audit logs` shows it, or a file with it")
	cmd.Flags().StringVar(&checkpoints, "checkpoints", "", "`file` with checkpoints that others kept")
	return cmd
}

func (a *App) verifyCopy(ctx context.Context, dir, key, checkpoints string) error {
	if key == "" {
		return fmt.Errorf("flag needs an argument: --key, the log's public key")
	}
	if b, err := os.ReadFile(key); err == nil {
		key = strings.TrimSpace(string(b))
	}
	var kept []model.Checkpoint
	if checkpoints != "" {
		all, err := audit.KeptCheckpoints(checkpoints)
		if err != nil {
			return fmt.Errorf("read --checkpoints: %w", err)
		}
		kept = audit.ForKey(all, key)
	}
	r, err := audit.Verify(ctx, dir, key, kept)
	if err != nil {
		return err
	}
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	if format == "json" {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else {
		a.fields("log", r.Origin, "entries", fmt.Sprint(r.Size), "compared with", fmt.Sprintf("%d kept checkpoints", r.Kept))
		for _, n := range r.Notes {
			a.fields("note", n)
		}
		for _, p := range r.Texts() {
			a.fields("problem", p)
		}
	}
	if !r.OK() {
		return errNo{"the log is not what was signed"}
	}
	if format == "text" {
		fmt.Fprintln(a.Out, "verified: every entry is the one that was signed")
	}
	return nil
}

func (a *App) auditLogs(ctx context.Context, _ []string) error {
	c, err := a.auditClient(ctx)
	if err != nil {
		return err
	}
	res, err := c.ListLogs(ctx, &bulkheadv1.Empty{})
	return a.showLogs(res, err)
}

func (a *App) showLogs(res *bulkheadv1.ListLogsResponse, err error) error {
	if err != nil {
		return remoteError(err)
	}
	bad := 0
	for _, l := range res.GetLogs() {
		if len(l.GetProblems()) > 0 {
			bad++
		}
	}
	err = a.answer(res, func() {
		for _, l := range res.GetLogs() {
			a.fields("log", l.GetOrigin(), "key", l.GetPublicKey(), "records", fmt.Sprint(l.GetSize()), "checkpoint", when(l.GetTime()), "verified", when(l.GetVerified()))
			for _, p := range l.GetProblems() {
				a.fields("problem", p)
			}
			fmt.Fprintln(a.Out)
		}
	})
	if err == nil && bad > 0 {
		return errNo{fmt.Sprintf("%d of %d logs have problems", bad, len(res.GetLogs()))}
	}
	return err
}

func (a *App) breakGlassCommand() *cobra.Command {
	req := &bulkheadv1.BreakGlassRequest{}
	cmd := verb("break-glass", "Let changes through for a time while the log can't be written", 0, func(ctx context.Context, _ []string) error {
		c, err := a.auditClient(ctx)
		if err != nil {
			return err
		}
		res, err := c.BreakGlass(ctx, req)
		if err != nil {
			return remoteError(err)
		}
		return a.answer(res, func() {
			if res.GetUntil() == nil {
				fmt.Fprintln(a.Out, "the break-glass is closed")
				return
			}
			fmt.Fprintf(a.Out, "the break-glass is open until %s; records go to the spool and are appended when the log can be written\n", when(res.GetUntil()))
		})
	})
	cmd.Long = `Lets changes through for a time although their records can't be written to the log, most often because a disk is full. The
records go to a spool with room set aside and are appended as soon as it can be written. Who opened it, and why, is recorded.
--minutes 0 closes it.`
	cmd.Example = `  bulkhead audit break-glass --reason 'the disk is full, ticket 42' --minutes 10`
	cmd.Flags().StringVar(&req.Reason, "reason", "", "`why`, at least 10 characters")
	cmd.Flags().Int32Var(&req.Minutes, "minutes", 10, "for how many `minutes`, at most 60; 0 closes it")
	// The error says only that the flag does not exist, which the tests would show.
	_ = cmd.MarkFlagRequired("reason")
	return cmd
}

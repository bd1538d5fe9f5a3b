package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/guard/sessions"
)

// sessionFlags say where recordings are.
type sessionFlags struct{ dir, node string }

// in is the directory of the recordings.
func (a *App) sessionsIn(f *sessionFlags) string {
	if f.dir != "" {
		return f.dir
	}
	s := a.sessionSettings()
	if a.cfg.Guard.Enabled {
		return s.Path(filepath.Join(a.cfg.Agent.Dir(a.Environ), "guard"))
	}
	return s.Path(a.cfg.Guard.Dir(a.Environ))
}

func (a *App) guardSessionsCommand() *cobra.Command {
	f := &sessionFlags{}
	cmd := &cobra.Command{
		Use:   "sessions",
		Short: "Recorded sessions of exec and attach: list, replay, export, verify",
		Long: `Works on the recordings of this machine, with --dir on a copy of them, or with --node on those of a node of the fleet, which the control
plane brings from there: those that have ended, and of which the node's audit log has come to the control plane. Reading what is in one takes the age identity of a
recipient (--identity); what is known of them, who, where, when and how they ended, takes none.`,
		Example: `  bulkhead guard sessions list --since 24h
  bulkhead guard sessions show 0198f2c4
  bulkhead guard sessions replay 0198f2c4 --identity recordings.key --speed 2 --idle-limit 1s
  bulkhead guard sessions export 0198f2c4 --identity recordings.key > session.cast
  bulkhead guard sessions replay 0198f2c4 --node web-1 --identity recordings.key
  bulkhead guard sessions verify --all --log copy/ --key 'bulkhead/one+3c1f…'
  bulkhead guard sessions prune --older-than 720h`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&f.dir, "dir", "", "`directory` with the recordings (default: that of the settings)")
	cmd.PersistentFlags().StringVar(&f.node, "node", "", "`node` of the fleet, by name or id, whose recordings the control plane brings")
	a.bindRemote(cmd.PersistentFlags())
	a.tenantFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("dir", "node")
	cmd.AddCommand(a.sessionsListCommand(f), a.sessionsShowCommand(f), a.sessionsReplayCommand(f), a.sessionsExportCommand(f),
		a.sessionsVerifyCommand(f), a.sessionsPruneCommand(f))
	return cmd
}

// recordingIDs completes the names of recordings.
func (a *App) recordingIDs(f *sessionFlags) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		if f.node != "" {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all, err := sessions.List(a.sessionsIn(f))
		if err != nil {
			return nil, cobra.ShellCompDirectiveDefault
		}
		var ids []string
		for _, e := range all {
			ids = append(ids, e.ID+"\t"+plain(e.AccountName+" "+e.Name+" "+e.Command))
		}
		return ids, cobra.ShellCompDirectiveDefault // or a file
	}
}

// pickFlags say which recordings.
type pickFlags struct {
	account, container, since string
	limit                     int
}

// picks says whether a recording is one of those.
func (p *pickFlags) picks(e *sessions.Entry, since time.Time) bool {
	return (p.account == "" || p.account == e.Account || p.account == e.AccountName) &&
		(p.container == "" || p.container == e.Name || strings.HasPrefix(e.Container, p.container)) && !e.Start.Before(since)
}

func (a *App) sessionsListCommand(f *sessionFlags) *cobra.Command {
	p := &pickFlags{}
	cmd := verb("list", "List recordings, newest first", 0, func(ctx context.Context, _ []string) error { return a.sessionsList(ctx, f, p) })
	cmd.Example = `  bulkhead guard sessions list --account alice --since 24h
  bulkhead guard sessions list --container web --output json
  bulkhead guard sessions list --node web-1 --since 24h`
	cmd.Flags().StringVar(&p.account, "account", "", "only of this `account`, by name or id")
	cmd.Flags().StringVar(&p.container, "container", "", "only in this `container`, by name or id")
	cmd.Flags().StringVar(&p.since, "since", "", "not before this `time`: 2026-01-31, 2026-01-31T10:00:00Z, or an age such as 24h")
	cmd.Flags().IntVar(&p.limit, "limit", maxPage, "show at most this many")
	return cmd
}

func (a *App) sessionsList(ctx context.Context, f *sessionFlags, p *pickFlags) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	since, err := timeOf(p.since, time.Now())
	if err != nil {
		return fmt.Errorf("invalid argument %q for --since: it must be a time such as 2026-01-31 or an age such as 24h", p.since)
	}
	if p.limit < 1 {
		return fmt.Errorf("invalid argument \"%d\" for --limit: at least 1", p.limit)
	}
	all, err := a.sessionsOf(ctx, f, since)
	if err != nil {
		return err
	}
	found := make([]sessions.Entry, 0, len(all))
	for i := len(all) - 1; i >= 0 && len(found) < p.limit; i-- {
		if p.picks(&all[i], since) {
			found = append(found, all[i])
		}
	}
	if format == "json" {
		return a.printJSON(map[string]any{"schema": "bulkhead.sessions/v1", "recordings": found})
	}
	rows := make([][]string, 0, len(found))
	for _, e := range found {
		rows = append(rows, []string{
			e.ID, e.Start.UTC().Format("2006-01-02 15:04:05"), lasted(&e), e.AccountName, e.Kind, e.Name, string(e.Outcome), fmt.Sprint(e.Bytes), short(e.Command, 40),
		})
	}
	a.table("no recordings", []string{"ID", "BEGUN (UTC)", "LENGTH", "WHO", "WHAT", "CONTAINER", "ENDED", "BYTES", "COMMAND"}, rows)
	return nil
}

// sessionsOf lists what is here, or on a node.
func (a *App) sessionsOf(ctx context.Context, f *sessionFlags, since time.Time) ([]sessions.Entry, error) {
	if f.node != "" {
		return a.remoteRecordings(ctx, f, "", since)
	}
	return listed(a.sessionsIn(f))
}

// listed lists a directory; one that was never made has no recordings.
func listed(dir string) ([]sessions.Entry, error) {
	all, err := sessions.List(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if errors.Is(err, os.ErrPermission) {
		return nil, fmt.Errorf("%w: recordings belong to the guard's user, most often root", err)
	}
	return all, err
}

func lasted(e *sessions.Entry) string {
	if e.End == nil {
		return ""
	}
	return e.End.Sub(e.Start).Round(time.Second).String()
}

func short(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

func (a *App) sessionsShowCommand(f *sessionFlags) *cobra.Command {
	cmd := verb("show ID", "Show what is known of a recording", 1, func(ctx context.Context, args []string) error {
		return a.sessionsShow(ctx, f, args[0])
	})
	cmd.Example = `  bulkhead guard sessions show 0198f2c4`
	cmd.ValidArgsFunction = a.recordingIDs(f)
	return cmd
}

func (a *App) sessionsShow(ctx context.Context, f *sessionFlags, id string) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	e, file, err := a.sessionKnown(ctx, f, id)
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printJSON(e)
	}
	ended := ""
	if e.End != nil {
		ended = e.End.UTC().Format("2006-01-02 15:04:05 UTC")
	}
	lost := ""
	if e.Lost > 0 {
		lost = fmt.Sprintf("%d bytes of the session are not in it", e.Lost)
	}
	a.fields("recording", e.ID, "what", e.Kind, "who", strings.TrimSpace(e.AccountName+" "+e.Account), "tenant", e.Tenant, "from", e.Address,
		"container", strings.TrimSpace(e.Name+" "+e.Container), "image", e.Image, "exec", e.Exec, "command", e.Command, "host", e.Host,
		"begun", e.Start.UTC().Format("2006-01-02 15:04:05 UTC"), "ended", ended, "outcome", string(e.Outcome), "why", e.Why,
		"terminal", yesNo(e.Terminal), "typed text", yesNo(e.Input), "bytes", fmt.Sprint(e.Bytes), "lost", lost, "digest", e.Digest,
		"decision", e.Decision, "audit record", e.Sealed, "file", file)
	return nil
}

// sessionKnown is what is known of a recording, and where its file is.
func (a *App) sessionKnown(ctx context.Context, f *sessionFlags, id string) (*sessions.Entry, string, error) {
	if f.node != "" {
		e, err := a.findRemote(ctx, f, id)
		if err != nil {
			return nil, "", err
		}
		return e, e.File() + " on the node", nil
	}
	dir := a.sessionsIn(f)
	e, err := sessions.Find(dir, id)
	if err != nil {
		return nil, "", err
	}
	return e, filepath.Join(dir, e.File()), nil
}

func (a *App) sessionsPruneCommand(f *sessionFlags) *cobra.Command {
	var older time.Duration
	var most int64
	var dry, yes bool
	cmd := verb("prune", "Remove recordings that are too old or too much, the oldest first", 0, func(context.Context, []string) error {
		if f.node != "" {
			return errors.New("recordings of another machine are removed there: run this on the node")
		}
		return a.sessionsPrune(a.sessionsIn(f), older, most, dry, yes)
	})
	cmd.Long = `Removes recordings as the guard does by itself: those that ended longer ago than --older-than, and then the oldest until all have no
more bytes than --most-total. Without flags the settings hold (guard.sessions.keep, most_total). What is being recorded stays. Digests
stay in the audit log.`
	cmd.Example = `  bulkhead guard sessions prune --dry-run
  bulkhead guard sessions prune --older-than 720h --yes`
	cmd.Flags().DurationVar(&older, "older-than", 0, "`age` at which a recording goes, e.g. 720h")
	cmd.Flags().Int64Var(&most, "most-total", 0, "how many `bytes` all recordings may have")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "show what would be removed, and remove nothing")
	yesFlag(cmd, &yes)
	return cmd
}

func (a *App) sessionsPrune(dir string, older time.Duration, most int64, dry, yes bool) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	if older < 0 || most < 0 {
		return errors.New("invalid argument: neither --older-than nor --most-total can be below zero")
	}
	if s := a.sessionSettings(); older == 0 && most == 0 {
		older, most = s.Keep, s.MostTotal
	}
	var before time.Time
	if older > 0 {
		before = time.Now().Add(-older)
	}
	would, total, err := sessions.Prune(dir, before, most, true)
	if errors.Is(err, os.ErrNotExist) {
		would, err = nil, nil
	}
	if err == nil && !dry && len(would) > 0 {
		if err = a.confirm(yes, fmt.Sprintf("remove %d recordings", len(would))); err == nil {
			would, total, err = sessions.Prune(dir, before, most, false)
		}
	}
	if err != nil {
		return err
	}
	if format == "json" {
		return a.printJSON(map[string]any{"schema": "bulkhead.sessions-prune/v1", "removed": would, "dry_run": dry, "left_bytes": total})
	}
	for _, e := range would {
		fmt.Fprintln(a.Out, e.ID, plain(e.AccountName), e.Start.UTC().Format("2006-01-02 15:04:05"), e.Bytes)
	}
	what := "removed"
	if dry {
		what = "would be removed"
	}
	fmt.Fprintf(a.Out, "%d recordings %s; %d bytes are left\n", len(would), what, total)
	return nil
}

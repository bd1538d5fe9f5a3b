package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/model"
)

// Agent is this machine as a member of a fleet. dir is the agent's data directory.
type Agent interface {
	// Run joins where the machine has not, and works until ctx ends. At SIGHUP its guard reads accounts by again. What a person must know goes
	// to out.
	Run(ctx context.Context, c config.Config, again func() (config.Config, error), dir string, join *AgentJoin, log *slog.Logger, out io.Writer) error
	// Status is what the agent that runs says of itself.
	Status(dir string) (*model.AgentStatus, error)
	// Doctor looks what the machine offers to each part.
	Doctor(ctx context.Context, c config.Config, dir string) []model.AgentPart
	// Leave forgets who the node was, and says where its audit log is kept.
	Leave(dir string) (kept string, err error)
}

// AgentJoin says where a machine joins.
type AgentJoin struct {
	Link    string
	Servers []string
	CA      string // PEM
	Name    string
	// Token reads the join token; it is asked only where the machine has not joined yet. Joined is called afterwards.
	Token  func() (string, error)
	Joined func() error
}

type agentFlags struct {
	join, tokenFile, name, caFile string
	servers                       []string
	removeToken                   bool
}

func (a *App) agentCommand() *cobra.Command {
	var f agentFlags
	cmd := &cobra.Command{
		Use:   "agent",
		Short: "Make this machine a node of a fleet, and run its agent",
		Long: `Runs the agent: it sends what this machine's state is and what changed, takes signed policies and settings, and goes on with the
last good ones for as long as the control plane is away.

The first run joins: --join names the control plane, with the fingerprint of its CA as the join token came with it, and
--token-file has the token (- reads it from standard input; it is never an argument). Later runs need neither. SIGTERM or Ctrl-C
stops it; the server is told. With a guard (guard.enabled), SIGUSR2 upgrades it: it starts the program that is at its path now, with
--take-over, which takes its place; terminals and streams at the guard go on.`,
		Example: `  bulkhead agent --join 'https://bulkhead.example.org:8443#ca=sha256:…' --token-file join.token --remove-token
  bulkhead agent --join https://bulkhead.example.org --ca-file ca.pem --token-file - < join.token
  bulkhead agent`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runAgent(cmd, f) },
	}
	fl := cmd.Flags()
	fl.StringVar(&f.join, "join", "", "`URL` of the control plane, https://HOST:PORT#ca=sha256:…, for the first run")
	fl.StringVar(&f.tokenFile, "token-file", "", "`file` with the join token, - for standard input")
	fl.StringVar(&f.name, "name", "", "`name` of the node (default: the host's name)")
	fl.StringVar(&f.caFile, "ca-file", "", "`file` with the server's CA (PEM), where the URL has no fingerprint and the system does not know it")
	fl.StringSliceVar(&f.servers, "server", nil, "another `URL` of the same control plane; may be given more than once")
	fl.BoolVar(&f.removeToken, "remove-token", false, "remove the token file once the machine has joined")
	fl.BoolVar(&a.cfg.Guard.TakeOver, "take-over", a.cfg.Guard.TakeOver, "go on in the place of an agent that runs already and has a guard; what that has open goes on there")
	a.agentDir(cmd)
	cmd.AddCommand(a.agentStatusCommand(), a.agentDoctorCommand(), a.agentLeaveCommand())
	return cmd
}

func (a *App) agentDir(cmd *cobra.Command) {
	cmd.Flags().StringVar(&a.cfg.Agent.DataDir, "data-dir", a.cfg.Agent.DataDir, "`directory` of key, certificate, documents and spool (default: /var/lib/bulkhead-agent for root)")
}

func (a *App) runAgent(cmd *cobra.Command, f agentFlags) error {
	join, err := a.agentJoin(f)
	if err != nil {
		return err
	}
	again := a.again(cmd)
	return remedied(a.Agent.Run(cmd.Context(), a.cfg, again, a.cfg.Agent.Dir(a.Environ), join, a.log, a.Out))
}

// agentJoin is where to join by the flags; nil where they don't say.
func (a *App) agentJoin(f agentFlags) (*AgentJoin, error) {
	if f.join == "" {
		if f.tokenFile != "" || f.caFile != "" || len(f.servers) > 0 {
			return nil, errors.New("--token-file, --ca-file and --server are for joining: name the control plane with --join")
		}
		return nil, nil
	}
	if f.removeToken && f.tokenFile == "-" {
		return nil, errors.New("--remove-token needs a file")
	}
	join := &AgentJoin{Link: f.join, Servers: f.servers, Name: f.name, Token: func() (string, error) { return a.joinToken(f.tokenFile) }, Joined: func() error {
		if !f.removeToken {
			return nil
		}
		return os.Remove(f.tokenFile)
	}}
	if f.caFile != "" {
		if strings.Contains(f.join, "#ca=") {
			return nil, errors.New("the URL has the fingerprint of the CA already: leave one of it and --ca-file out")
		}
		b, err := os.ReadFile(f.caFile)
		if err != nil {
			return nil, fmt.Errorf("read the CA (--ca-file): %w", err)
		}
		join.CA = string(b)
	}
	return join, nil
}

// mostToken is how long a join token may be.
const mostToken = 200

func (a *App) joinToken(file string) (string, error) {
	var token string
	switch file {
	case "":
		return "", errors.New("this machine has not joined yet, and there is no join token: name its file with --token-file")
	case "-":
		b, err := io.ReadAll(io.LimitReader(a.In, mostToken+2))
		if err != nil {
			return "", fmt.Errorf("read the join token: %w", err)
		}
		token = string(b)
	default:
		var err error
		if token, err = readSecret(file); err != nil {
			return "", err
		}
	}
	token = strings.TrimSpace(token)
	if token == "" || len(token) > mostToken || strings.ContainsAny(token, " \t\n") {
		return "", errors.New("this is no join token: `bulkhead nodes join-token` makes one")
	}
	return token, nil
}

func (a *App) agentStatusCommand() *cobra.Command {
	cmd := verb("status", "Say how the agent of this machine does", 0, func(context.Context, []string) error { return a.agentStatus() })
	cmd.Long = `Says what the agent that runs on this machine writes of itself: whether it is connected, which policies and settings are in
force, what waits in the spool. Exit code 2 when no agent runs.`
	cmd.Example = `  bulkhead agent status
  bulkhead agent status --output json`
	a.agentDir(cmd)
	return cmd
}

func (a *App) agentStatus() error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	s, err := a.Agent.Status(a.cfg.Agent.Dir(a.Environ))
	if err != nil {
		return remedied(err)
	}
	if format == "json" {
		err = a.printJSON(s)
	} else {
		a.printAgentStatus(s)
	}
	if err == nil && !s.Running {
		return errNo{"no agent runs; this is what the last one wrote"}
	}
	return err
}

func (a *App) printAgentStatus(s *model.AgentStatus) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(a.Out, "%-12s %s\n", name, plain(fmt.Sprintf(format, args...)))
	}
	row("node", "%s (%s) of the tenant %s", s.Name, s.Node, s.Tenant)
	row("agent", "%s, process %d, since %s", s.Version, s.PID, stamp(s.Started))
	connected := "no"
	if s.Connected {
		connected = "yes"
	}
	row("connected", "%s, last contact %s with %s", connected, stamp(s.LastContact), s.Server)
	if s.Error != "" {
		row("error", "%s", s.Error)
	}
	row("in force", "policies %d, settings %d, assignment %d", s.Policies, s.Settings, s.Assignment)
	for _, kind := range slices.Sorted(maps.Keys(s.Refused)) {
		row("refused", "%s, %s", kind, s.Refused[kind])
	}
	if s.Assignment > 0 {
		row("assigned", "pool %s, sensitivity %q, cordoned %t, drained %t", s.Pool, s.Sensitivity, s.Cordoned, s.Drained)
	}
	if m := s.Maintenance; m != nil {
		a.printMaintenance(row, m)
	}
	row("facts", "every %s, last %s", s.CollectEvery, stamp(s.LastCollect))
	row("spool", "%d bytes wait, %d findings were dropped", s.Spooled, s.Dropped)
	if s.SpoolError != "" {
		row("", "%s", s.SpoolError)
	}
	row("certificate", "until %s", stamp(s.CertificateEnds))
	if s.ClockSkew != "" {
		row("clock", "the server's differs by %s", s.ClockSkew)
	}
}

func (a *App) printMaintenance(row func(name, format string, args ...any), m *model.Maintenance) {
	on := m.Orchestrator
	if m.Cluster != "" {
		on += " " + m.Cluster
	}
	switch {
	case m.Detail != "":
		row("maintenance", "%s%s", on+map[bool]string{true: ": "}[on != ""], m.Detail)
	default:
		row("maintenance", "acts on %s", on)
	}
	for _, n := range m.Nodes {
		want := n.Want
		if want == model.WantNothing {
			want = "uncordon"
		}
		row("", "%s: %s %s since %s: %s", n.Name, want, n.State, stamp(n.Since), cmp.Or(n.Detail, "it is "+n.Is))
	}
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format(time.RFC3339)
}

func (a *App) agentLeaveCommand() *cobra.Command {
	cmd := verb("leave", "Forget which node this machine was, after it was revoked", 0, func(context.Context, []string) error { return a.agentLeave() })
	cmd.Long = `Removes key, certificate, documents and spool of the agent from this machine, so that it can join again. Its audit log is kept
beside them. The control plane is not told: revoke the node there first.`
	cmd.Example = `  bulkhead agent leave`
	a.agentDir(cmd)
	return cmd
}

func (a *App) agentLeave() error {
	kept, err := a.Agent.Leave(a.cfg.Agent.Dir(a.Environ))
	if err != nil {
		return remedied(err)
	}
	fmt.Fprintln(a.Out, "This machine is no node any more.")
	if kept != "" {
		fmt.Fprintln(a.Out, "Its audit log is in", kept)
	}
	return nil
}

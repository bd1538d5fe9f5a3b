package cli

import (
	"context"
	"io"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
	"github.com/bulkhead-security/bulkhead/guard/accounts"
)

// Guard stands in front of this machine's container engine.
type Guard interface {
	// Run stands there until ctx ends, and lets open calls end then. At SIGHUP it reads accounts and policies by again. What a person must
	// know goes to out.
	Run(ctx context.Context, c config.Config, again func() (config.Config, error), dir string, log *slog.Logger, out io.Writer) error
	// Accounts are those of the configuration.
	Accounts(c config.Config, log *slog.Logger) (*accounts.Accounts, error)
}

func (a *App) guardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "guard",
		Short: "Stand in front of the container engine: who calls, may he, is it recorded",
		Long: `Runs the guard, a proxy in front of the container engine that understands every call, asks the policies about it, records it, and only
then makes it. People and tools get the guard's socket in place of the engine's.`,
		Example: `  bulkhead guard docker
  bulkhead guard token ci --days 90 --out ci.token
  bulkhead guard accounts --user alice
  bulkhead guard routes --output json
  bulkhead guard profile custom > profile.cedar
  bulkhead guard list
  bulkhead guard calls --since 24h --outcome refused
  bulkhead guard preview
  bulkhead guard keys new recordings.key
  bulkhead guard sessions replay 0198f2c4 --identity recordings.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.guardDockerCommand(), a.guardTokenCommand(), a.guardAccountsCommand(), a.guardRoutesCommand(),
		a.guardProfileCommand(), a.guardListCommand(), a.guardCallsCommand(), a.guardPreviewCommand(),
		a.guardSessionsCommand(), a.guardKeysCommand())
	return cmd
}

// again reads the configuration anew. A signal and another guard may ask for it at once.
func (a *App) again(cmd *cobra.Command) func() (config.Config, error) {
	var mu sync.Mutex
	return func() (config.Config, error) {
		mu.Lock()
		defer mu.Unlock()
		err := a.load(cmd)
		return a.cfg, err
	}
}

func (a *App) guardDockerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "docker",
		Short: "Run the guard alone, without an agent",
		Long: `Runs the guard in front of a Docker engine until SIGTERM or Ctrl-C; calls and terminals that are open then may go on for
guard.limits.drain, and a second signal stops at once. Who may call is in guard.accounts of the configuration file; without an account
everybody is refused. SIGHUP reads accounts, policies, certificate and key again, and mode, step_up, four_eyes and registries, and drops nothing.

Its audit log is in --data-dir: bulkhead audit verify --dir DIR/audit --key DIR/audit.pub.

Started by a socket unit (LISTEN_FDS), it takes the sockets from there, and nobody is refused while it is restarted. SIGUSR2 upgrades it:
it starts the program that is at its path now, with --take-over, which takes its place; terminals and streams that are open go on.`,
		Example: `  bulkhead guard docker --config /etc/bulkhead/config.yaml
  bulkhead guard docker --socket /run/bulkhead/docker.sock --socket-group docker --mode observe
  bulkhead guard docker --config /etc/bulkhead/config.yaml --take-over
  bulkhead guard docker --tls-listen 127.0.0.1:2376 --tls-cert server.pem --tls-key server.key --client-ca ca.pem`,
		Args: cobra.NoArgs,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		again := a.again(cmd)
		return remedied(a.Guard.Run(cmd.Context(), a.cfg, again, a.cfg.Guard.Dir(a.Environ), a.log, a.Out))
	}
	g, f := &a.cfg.Guard, cmd.Flags()
	f.StringVar(&g.Engine, "engine", g.Engine, "the engine's own `socket`")
	f.StringVar(&g.Socket, "socket", g.Socket, "`socket` for people and tools; empty for none")
	f.StringVar(&g.SocketMode, "socket-mode", g.SocketMode, "its `mode`, octal")
	f.StringVar(&g.SocketGroup, "socket-group", g.SocketGroup, "its `group`; empty leaves the process's own")
	f.StringVar(&g.TLS.Listen, "tls-listen", g.TLS.Listen, "`host:port` for TLS; empty for none")
	f.StringVar(&g.TLS.Certificate, "tls-cert", g.TLS.Certificate, "certificate `file` (PEM)")
	f.StringVar(&g.TLS.Key, "tls-key", g.TLS.Key, "its key `file`")
	f.StringVar(&g.TLS.ClientCA, "client-ca", g.TLS.ClientCA, "`file` with the CAs of client certificates (PEM)")
	f.StringVar(&g.Profile, "profile", g.Profile, "what workloads may be: baseline, restricted, custom, none")
	f.StringVar(&g.Mode, "mode", g.Mode, "enforce, or observe: say and record only what the profile would refuse")
	f.StringVar(&g.Policies, "policies", g.Policies, "`directory` of Cedar files beside the shipped ones")
	f.StringVar(&g.DataDir, "data-dir", g.DataDir, "`directory` of the audit log (default: /var/lib/bulkhead-guard for root)")
	f.BoolVar(&g.TakeOver, "take-over", g.TakeOver, "go on in the place of a guard that runs already; what it has open goes on there")
	complete(cmd, "profile", "baseline", "restricted", "custom", "none")
	complete(cmd, "mode", "enforce", "observe")
	_ = cmd.MarkFlagDirname("policies")
	_ = cmd.MarkFlagDirname("data-dir")
	return cmd
}

// sessionSettings are those of recorded sessions.
func (a *App) sessionSettings() config.GuardSessions { return a.cfg.Guard.Sessions }

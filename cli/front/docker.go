package front

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
)

// Docker is the verb that runs the guard alone, with the settings that it has as flags. What it does is the program's: RunE is not set. Its
// examples are of a program that is called so.
func Docker(called string, g *config.Guard) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "docker",
		Short: "Run the guard alone, without an agent",
		Long: `Runs the guard in front of a Docker engine until SIGTERM or Ctrl-C; calls and terminals that are open then may go on for
guard.limits.drain, and a second signal stops at once. Who may call is in guard.accounts of the configuration file; without an account
everybody is refused. SIGHUP reads accounts, policies, certificate and key again, and mode, step_up, four_eyes and registries, and drops nothing.

Its audit log is in --data-dir: bulkhead audit verify --dir DIR/audit --key DIR/audit.pub.

Started by a socket unit (LISTEN_FDS), it takes the sockets from there, and nobody is refused while it is restarted. SIGUSR2 upgrades it:
it starts the program that is at its path now, with --take-over, which takes its place; terminals and streams that are open go on.`,
		Example: strings.ReplaceAll(`  PROGRAM --config /etc/bulkhead/config.yaml
  PROGRAM --socket /run/bulkhead/docker.sock --socket-group docker --mode observe
  PROGRAM --config /etc/bulkhead/config.yaml --take-over
  PROGRAM --tls-listen 127.0.0.1:2376 --tls-cert server.pem --tls-key server.key --client-ca ca.pem`, "PROGRAM", called),
		Args: cobra.NoArgs,
	}
	f := cmd.Flags()
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
	Complete(cmd, "profile", "baseline", "restricted", "custom", "none")
	Complete(cmd, "mode", "enforce", "observe")
	_ = cmd.MarkFlagDirname("policies")
	_ = cmd.MarkFlagDirname("data-dir")
	return cmd
}

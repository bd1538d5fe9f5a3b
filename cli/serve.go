package cli

import (
	"context"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
)

// Server is the control plane.
type Server interface {
	// Serve runs until ctx ends, and then drains. What a person must know at the start goes to out.
	Serve(ctx context.Context, c config.Config, log *slog.Logger, out io.Writer) error
}

func (a *App) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the control plane",
		Long: `Runs the control plane: API, pages and audit log, over HTTPS with a certificate of its own CA unless one is given.

On one machine it needs nothing else: database, keys and audit log are in --data-dir. With --database postgres://… several
servers share one database; each has its own --data-dir and --name, and all share the master key file.

It also makes this host the first node of the tenant "system" and runs its agent, unless --local-agent=false or an agent of its own
looks after it.

At the first start it prints a one-time link. Whoever opens it becomes the first administrator; there is no default password.
SIGTERM or Ctrl-C lets requests end before it stops; a second one stops at once.`,
		Example: `  bulkhead serve                                            # https://localhost:8443, for this machine
  bulkhead serve --listen 0.0.0.0:443 --public-url https://bulkhead.example.org
  bulkhead serve --data-dir ./data --log-level info
  bulkhead serve --database 'postgres://bulkhead@db/bulkhead' --name replica-2`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.Server.Serve(cmd.Context(), a.cfg, a.log, a.Out)
		},
	}
	s, f := &a.cfg.Server, cmd.Flags()
	f.StringVar(&s.Listen, "listen", s.Listen, "`host:port` of API and pages")
	f.StringVar(&s.PublicURL, "public-url", s.PublicURL, "`URL` by which people and tools reach it (default: https://localhost and the port)")
	f.StringVar(&s.DataDir, "data-dir", s.DataDir, "`directory` of database, keys and audit log (default: /var/lib/bulkhead for root)")
	f.StringVar(&s.Database, "database", s.Database, "postgres:// `URL` without password (default: SQLite in the data directory)")
	f.StringVar(&s.DatabasePasswordFile, "database-password-file", s.DatabasePasswordFile, "`file` with the database's password")
	f.StringVar(&s.MasterKeyFile, "master-key-file", s.MasterKeyFile, "`file` of the key that seals secrets (default: master.key in the data directory)")
	f.StringVar(&s.Name, "name", s.Name, "`name` of this replica and its audit log (default: the host's name)")
	f.StringVar(&s.AdminSocket, "admin-socket", s.AdminSocket, "Unix `socket` for metrics, state and pprof (default: admin.sock in the data directory)")
	f.BoolVar(&s.LocalAgent, "local-agent", s.LocalAgent, "make this host a node, with the agent in the server's process")
	f.StringVar(&s.TLS.Cert, "tls-cert", s.TLS.Cert, "certificate `file` (PEM), read again when it changes (default: of the own CA)")
	f.StringVar(&s.TLS.Key, "tls-key", s.TLS.Key, "its key `file`")
	return cmd
}

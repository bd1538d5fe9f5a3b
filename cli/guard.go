package cli

import (
	"context"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/cli/front"
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

func (a *App) guardDockerCommand() *cobra.Command {
	cmd := front.Docker("bulkhead guard docker", &a.cfg.Guard)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		again := a.again(cmd)
		return remedied(a.Guard.Run(cmd.Context(), a.cfg, again, a.cfg.Guard.Dir(a.Environ), a.log, a.Out))
	}
	return cmd
}

// again reads the configuration anew. A signal and another guard may ask for it at once.
func (a *App) again(cmd *cobra.Command) func() (config.Config, error) {
	return front.Again(func() (config.Config, error) {
		err := a.load(cmd)
		return a.cfg, err
	})
}

// sessionSettings are those of recorded sessions.
func (a *App) sessionSettings() config.GuardSessions { return a.cfg.Guard.Sessions }

package cli

import (
	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
)

func (a *App) guardCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "guard",
		Short: "The guard of the container engine on this machine: recorded sessions and their keys",
		Long: `The guard stands before the container engine. What goes over exec and attach can be recorded, encrypted for keys that are not
on the host.`,
		Example: `  bulkhead guard keys new recordings.key
  bulkhead guard sessions list
  bulkhead guard sessions replay 0198f2c4 --identity recordings.key`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.guardSessionsCommand(), a.guardKeysCommand())
	return cmd
}

// sessionSettings are those of recorded sessions.
func (a *App) sessionSettings() config.GuardSessions { return config.DefaultGuardSessions() }

package cli

import (
	"github.com/spf13/cobra"
)

func (a *App) dockerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "docker",
		Short: "Docker on this machine, behind the guard",
		Long:  `Works on the Docker engine of this machine, and on those who use it.`,
		Example: `  bulkhead docker setup
  bulkhead docker setup --output json
  bulkhead docker lock --dry-run
  sudo bulkhead docker status`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(a.dockerSetupCommand(), a.dockerLockCommand(), a.dockerUnlockCommand(), a.dockerStatusCommand())
	return cmd
}

package cli

import (
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/config"
)

func (a *App) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show or check the configuration",
		Example: `  bulkhead config show > config.yaml
  bulkhead config check config.yaml`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "show",
		Short: "Print the settings in force: defaults, file, environment and flags together",
		Long: `Prints the settings in force as YAML: defaults, file, environment and flags together. The output is a valid
configuration file, so it is also the way to start one:

  bulkhead config show > config.yaml`,
		Example: `  bulkhead config show -o json`,
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.showConfig() },
	}, &cobra.Command{
		Use:     "check FILE",
		Short:   "Check a configuration file, and whether the files that its receivers of alarms name can be read",
		Example: `  bulkhead config check /etc/bulkhead/config.yaml`,
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			c, err := config.Load(args[0], nil)
			if err != nil {
				return err
			}
			if err := c.Server.AlarmFiles(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(a.Out, "%s is valid\n", args[0])
			return err
		},
	})
	return cmd
}

func (a *App) showConfig() error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	b, err := yaml.Marshal(a.cfg)
	if err == nil && format == "json" {
		b, err = yaml.YAMLToJSON(b)
	}
	if err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	_, err = a.Out.Write(b)
	return err
}

package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *App) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version",
		Example: `  bulkhead version -o json`,
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			format, err := a.format("text", "json")
			if err != nil {
				return err
			}
			if format == "json" {
				return a.printJSON(a.Build)
			}
			_, err = fmt.Fprintf(a.Out, "bulkhead %s (%s, %s, %s)\n", a.Build.Version, a.Build.Commit, a.Build.Date, a.Build.Go)
			return err
		},
	}
}

package cli

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *App) manCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "man",
		Short: "Write the man pages",
		Long:  "Writes a man page for every command into a directory.",
		Example: `  bulkhead man --dir /usr/local/share/man/man1
  man bulkhead-assess`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := os.MkdirAll(dir, 0o750); err != nil {
				return fmt.Errorf("make the directory for man pages: %w", err)
			}
			built, err := time.Parse(time.RFC3339, a.Build.Date)
			if err != nil {
				built = time.Unix(0, 0) // not a release; the page then carries no real date
			}
			head := &doc.GenManHeader{Title: "BULKHEAD", Section: "1", Source: "Bulkhead " + a.Build.Version, Date: &built}
			root := cmd.Root()
			root.DisableAutoGenTag = true
			if err := doc.GenManTree(root, head, dir); err != nil {
				return fmt.Errorf("write man pages to %s: %w", dir, err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "man", "`directory` to write to")
	return cmd
}

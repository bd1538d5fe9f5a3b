package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-security/bulkhead/guard/accounts"
)

const mostGuardTokenDays = 366

func (a *App) guardTokenCommand() *cobra.Command {
	var days int
	var out string
	cmd := &cobra.Command{
		Use:   "token NAME",
		Short: "Make a bearer token for the guard's TLS port; it is shown once",
		Long: `Makes a token and prints it once, with the lines that go into the guard's configuration below an account: they have the
token's digest only. Nothing is kept and nothing is sent. NAME is what records call it.`,
		Example: `  bulkhead guard token ci --days 90
  bulkhead guard token ci --out ci.token`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE:              func(_ *cobra.Command, args []string) error { return a.guardToken(args[0], days, out) },
	}
	cmd.Flags().IntVar(&days, "days", 90, "`days` until it ends, at most 366")
	cmd.Flags().StringVar(&out, "out", "", "write the token to `file`, for you alone, instead of showing it")
	return cmd
}

func (a *App) guardToken(name string, days int, out string) error {
	format, err := a.format("text", "json")
	if err != nil {
		return err
	}
	if days < 1 || days > mostGuardTokenDays {
		return fmt.Errorf("invalid argument %d for --days: a token lasts between 1 and %d days", days, mostGuardTokenDays)
	}
	secret, t := accounts.NewToken(name, time.Now().UTC().AddDate(0, 0, days).Truncate(time.Second))
	// What the guard would not take is said now.
	if _, err := accounts.New(accounts.Options{Definitions: []accounts.Definition{{Name: "check", Tenant: "check", Tokens: []accounts.Token{t}}}}); err != nil {
		return fmt.Errorf("invalid argument %q for NAME: it has letters, digits and . _ @ + -, at most 128", name)
	}
	if out != "" {
		if err := toFile(out, func(w io.Writer) error { _, err := fmt.Fprintln(w, secret); return err }); err != nil {
			return err
		}
	}
	if format == "json" {
		doc := map[string]string{"id": t.ID, "sha256": t.SHA256, "expires": t.Expires.Format(time.RFC3339)}
		if out == "" {
			doc["token"] = secret
		}
		return a.printJSON(doc)
	}
	if out == "" {
		fmt.Fprintf(a.Out, "The token, which is shown this once:\n\n  %s\n\n", secret)
	} else {
		fmt.Fprintf(a.Out, "The token is in %s.\n\n", out)
	}
	fmt.Fprintf(a.Out, "For the account whose token it is, below guard.accounts of the guard's configuration, and then a SIGHUP to the guard:\n\n"+
		"      tokens:\n        - id: %s\n          sha256: %s\n          expires: %s\n", t.ID, t.SHA256, t.Expires.Format(time.RFC3339))
	return nil
}
